"""Error over the number of labelled frames by variant (Fig. 4)."""

from collections.abc import Mapping
from itertools import cycle

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from murauer.training.variants import VARIANTS

# The colour-blind-safe palette of Okabe and Ito (2008); markers tell the variants apart in print. They
# repeat at another pace than the colours, so that further variants still look different.
_COLOURS = ("#000000", "#999999", "#D55E00", "#CC79A7", "#E69F00", "#009E73", "#0072B2")
_STYLES = dict(zip(VARIANTS, zip(cycle(_COLOURS), cycle("xvsP^Do*"), strict=False), strict=False))


def ablation_figure(errors: Mapping[str, Mapping[int, tuple[float, float]]]) -> Figure:
    """Draw mean errors with one standard deviation to either side.

    A training without labelled frames has no place on a logarithmic axis and is drawn as a level line.

    Args:
        errors: by variant and number n of labelled frames, mean and standard deviation in mm over the seeds.
    """
    figure = Figure(figsize=(5.6, 3.9), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    counts = sorted({n for points in errors.values() for n in points if n})
    for variant, points in errors.items():
        title, (colour, marker) = VARIANTS[variant].title, _STYLES[variant]
        if 0 in points:
            mean, std = points[0]
            axes.axhline(mean, color=colour, linestyle=":", linewidth=1.5, label=title)
            axes.axhspan(mean - std, mean + std, color=colour, alpha=0.08, linewidth=0)
        labelled = sorted(n for n in points if n)
        if labelled:
            means, stds = zip(*(points[n] for n in labelled), strict=True)
            axes.errorbar(
                labelled, means, stds, label=title,
                color=colour, marker=marker, markersize=5, linewidth=1.6, capsize=2.5,
            )  # fmt: skip
    if counts:
        axes.set_xscale("log")
        axes.set_xlim(counts[0] / 1.6, counts[-1] * 1.6)
        axes.set_xticks(counts)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.xaxis.set_minor_locator(NullLocator())
    axes.set(xlabel="Labelled real frames n", ylabel="Mean joint error (mm)")
    axes.grid(color="0.88", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, framealpha=0.9)
    return figure
