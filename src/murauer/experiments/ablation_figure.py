"""Error over the number of labelled frames by variant (Fig. 4)."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from murauer.evaluation.figures.drawing import new_figure, series_style
from murauer.evaluation.figures.published import PublishedSeries
from murauer.evaluation.figures.semi_supervised import Curve, draw_curve, finish_axes
from murauer.training.variants import VARIANTS

PUBLISHED_LINE: dict[str, Any] = {"linestyle": (0, (1, 3)), "linewidth": 1.0}
PUBLISHED_STYLE = PUBLISHED_LINE | {"markerfacecolor": "white"}

SHIFT = 1.025
"""Ratio of n from one variant to the next: their deviations stand side by side."""


def ablation_figure(
    errors: Mapping[str, Curve], published: Mapping[str, PublishedSeries] | None = None, title: str = ""
) -> Figure:
    """Draw mean errors with one standard deviation over the seeds to either side, variants side by side.

    A variant looks the same in each figure, whichever others are in it.

    Args:
        errors: Error of each training in mm, by variant and number n of labelled frames.
        published: The paper's errors by variant, on the same test set.
        title: Above the figure.
    """
    figure = new_figure(6.4, 4.3)
    axes = figure.add_subplot()
    styles = {name: series_style(index) for index, name in enumerate(VARIANTS)}
    middle = (len(errors) - 1) / 2
    for index, (name, curve) in enumerate(errors.items()):
        draw_curve(axes, VARIANTS[name].title, curve, styles[name], SHIFT ** (index - middle))
    counts = {n for curve in errors.values() for n in curve if n}
    for name, series in (published or {}).items():
        points = {point.n_labelled: point.mean_error_mm for point in series.points}
        style = styles[name] | PUBLISHED_STYLE
        if 0 in points:
            axes.axhline(points.pop(0), color=style["color"], **PUBLISHED_LINE)
        axes.plot(list(points), list(points.values()), markersize=5, **style)
        counts |= points.keys()
    finish_axes(axes, title, list(counts))
    axes.set_ylabel("Mean joint error (mm)")
    if published:
        handles, labels = axes.get_legend_handles_labels()
        hollow = Line2D([], [], color="0.3", marker="o", markersize=5, **PUBLISHED_STYLE)
        axes.legend([*handles, hollow], [*labels, "published"], fontsize=8, framealpha=0.9)
    return figure
