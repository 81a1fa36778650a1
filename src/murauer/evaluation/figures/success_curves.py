"""Success curves of several methods in one figure, as papers on hand-pose estimation show them."""

from collections.abc import Mapping
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator, PercentFormatter

from murauer.evaluation.figures.drawing import new_figure, series_style, tidy
from murauer.evaluation.metrics import THRESHOLDS_MM, PoseMetrics

CurveKind = Literal["frames_worst", "frames_mean", "joints"]

_LABELS: dict[CurveKind, tuple[str, str]] = {
    "frames_worst": ("Threshold on the worst joint of a frame (mm)", "Frames within the threshold"),
    "frames_mean": ("Threshold on the mean joint error of a frame (mm)", "Frames within the threshold"),
    "joints": ("Threshold on the joint error (mm)", "Joints within the threshold"),
}


def success_curve_figure(results: Mapping[str, PoseMetrics], kind: CurveKind = "frames_worst") -> Figure:
    """Draw one curve for each result, best mean error first in the legend.

    Args:
        results: Metrics by the name to show in the legend.
        kind: Which share of what to show.

    Raises:
        ValueError: If there is no result.
    """
    figure = new_figure(5.2, 3.9)
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
            linewidth=1.6,
            **series_style(index) | {"marker": None},
        )
    x_label, y_label = _LABELS[kind]
    axes.set(xlabel=x_label, ylabel=y_label, xlim=(0, THRESHOLDS_MM[-1]), ylim=(0, 100))
    axes.xaxis.set_major_locator(MultipleLocator(10))
    axes.yaxis.set_major_locator(MultipleLocator(20))
    axes.yaxis.set_major_formatter(PercentFormatter(decimals=0))
    tidy(axes)
    axes.legend(title="Method (mean error)", loc="lower right", fontsize=8, title_fontsize=8, framealpha=0.9)
