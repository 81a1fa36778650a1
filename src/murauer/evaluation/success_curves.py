"""Success curves of several methods in one figure, as papers on hand-pose estimation show them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator, PercentFormatter

from murauer.errors import UserError
from murauer.evaluation.metrics import THRESHOLDS_MM, PoseMetrics

CurveKind = Literal["frames_worst", "frames_mean", "joints"]

_LABELS: dict[CurveKind, tuple[str, str]] = {
    "frames_worst": ("Threshold on the worst joint of a frame (mm)", "Frames within the threshold"),
    "frames_mean": ("Threshold on the mean joint error of a frame (mm)", "Frames within the threshold"),
    "joints": ("Threshold on the joint error (mm)", "Joints within the threshold"),
}

# The colour-blind-safe palette of Okabe and Ito (2008) without its yellow, too pale for lines. Line styles
# repeat at another pace, so that curves also differ in print and there are 28 combinations.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_LINE_STYLES = ("-", "--", "-.", ":")


def plot_success_curves(
    results: Mapping[str, PoseMetrics], path: str | Path, kind: CurveKind = "frames_worst"
) -> None:
    """Write a figure with one curve for each result, best mean error first in its legend.

    Args:
        results: Metrics by the name to show in the legend.
        path: File to write; its suffix (.svg, .png, .pdf) chooses the format.
        kind: Which share of what to show.

    Raises:
        UserError: If the file cannot be written or its suffix is unknown.
        ValueError: If there is no result.
    """
    figure = success_curve_figure(results, kind)
    formats = figure.canvas.get_supported_filetypes()
    suffix = Path(path).suffix.lstrip(".").lower()
    if suffix not in formats:
        raise UserError(f"cannot write a figure to {path}: use a name that ends in .svg, .png or .pdf")
    try:
        # Without a date and with fixed element names the same curves give the same SVG.
        with matplotlib.rc_context({"svg.hashsalt": "murauer"}):
            figure.savefig(path, dpi=200, metadata={"Date": None} if suffix == "svg" else None)
    except OSError as error:
        raise UserError(f"cannot write figure {path}: {error.strerror or error}") from error


def success_curve_figure(results: Mapping[str, PoseMetrics], kind: CurveKind = "frames_worst") -> Figure:
    """Draw the figure of `plot_success_curves`, for reports that embed it."""
    figure = Figure(figsize=(5.2, 3.9), layout="constrained")
    FigureCanvasAgg(figure)
    draw_success_curves(figure.add_subplot(), results, kind)
    return figure


def draw_success_curves(axes: Axes, results: Mapping[str, PoseMetrics], kind: CurveKind) -> None:
    """Draw the curves into existing axes, for figures of several panels.

    Args:
        axes: Where to draw.
        results: Metrics by the name to show in the legend.
        kind: Which share of what to show.

    Raises:
        ValueError: If there is no result.
    """
    if not results:
        raise ValueError("there is no result to draw")
    ranked = sorted(results.items(), key=lambda item: item[1].mean_error_mm)
    for index, (name, metrics) in enumerate(ranked):
        axes.plot(
            THRESHOLDS_MM,
            100 * getattr(metrics, kind).shares.cpu().numpy(),
            label=f"{name} ({metrics.mean_error_mm:.2f} mm)",
            color=_COLOURS[index % len(_COLOURS)],
            linestyle=_LINE_STYLES[index % len(_LINE_STYLES)],
            linewidth=1.6,
        )
    x_label, y_label = _LABELS[kind]
    axes.set(xlabel=x_label, ylabel=y_label, xlim=(0, THRESHOLDS_MM[-1]), ylim=(0, 100))
    axes.xaxis.set_major_locator(MultipleLocator(10))
    axes.yaxis.set_major_locator(MultipleLocator(20))
    axes.yaxis.set_major_formatter(PercentFormatter(decimals=0))
    axes.grid(color="0.88", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(title="Method (mean error)", loc="lower right", fontsize=8, title_fontsize=8, framealpha=0.9)
