"""Mean joint error over the number of labelled real frames, against semi-supervised methods (Fig. 3)."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from murauer.evaluation.figures.drawing import COLOURS, MARKERS, new_figure, series_style, tidy
from murauer.evaluation.figures.published import Published, PublishedSeries

PUBLISHED_COLOUR = "0.35"
PUBLISHED_STYLES = ("--", "-.", ":", "-")

TICK_DISTANCE = 1.7
"""Least ratio of two numbers of labels whose tick labels have room beside each other."""

MOST_TICKS = 6
"""Numbers of labels that all have a tick; of more only the powers of ten have one."""


@dataclass(frozen=True)
class Measurement:
    """The mean joint error in mm of one training with n labelled real frames, by the name of its method."""

    method: str
    n_labelled: int
    seed: int
    mean_error_mm: float


Curve = Mapping[int, Sequence[float]]
"""Errors in mm of all trainings by number of labelled frames."""


def curves(measurements: Sequence[Measurement]) -> dict[str, dict[int, list[float]]]:
    """Group measurements by method and n, ascending."""
    grouped: dict[str, dict[int, list[float]]] = {}
    for m in sorted(measurements, key=lambda m: m.n_labelled):
        grouped.setdefault(m.method, {}).setdefault(m.n_labelled, []).append(m.mean_error_mm)
    return grouped


def published_curves(published: Published) -> dict[str, dict[int, list[float]]]:
    """The methods of Fig. 3, the paper's own last, with its error without any label before."""
    return {
        name: {p.n_labelled: [p.mean_error_mm] for p in one.points}
        for name, one in _series(published).items()
    }


def _series(published: Published) -> dict[str, PublishedSeries]:
    series = {one.method: one for one in published.semi_supervised}
    return series | {"MURAUER, Synth only": published.synthetic_only, "MURAUER": published.full}


def semi_supervised_rows(measurements: Sequence[Measurement], published: Published) -> list[dict[str, Any]]:
    """Lay measured and published errors out as rows of a table, by name of the column."""
    rows = [
        {"method": m.method, "kind": "run", "n_labelled": m.n_labelled, "mean_error_mm": m.mean_error_mm,
         "seed": m.seed}
        for m in measurements
    ]  # fmt: skip
    for name, one in _series(published).items():
        rows += [
            {"method": name, "kind": "published", "n_labelled": p.n_labelled,
             "mean_error_mm": p.mean_error_mm, "source": p.source}
            for p in one.points
        ]  # fmt: skip
    return rows


def semi_supervised_figure(
    measurements: Sequence[Measurement], published: Published | None, data: str, comparable: bool
) -> Figure:
    """Draw error over n, one line a method; of several seeds the mean and one standard deviation.

    Args:
        measurements: Measurements of own runs; may be none.
        published: Published methods, shown beside them; None for own runs alone.
        data: Name of the test set of the own runs.
        comparable: Whether that is the one of the published results; if not, they get a panel of their own.
    """
    own = curves(measurements)
    known = published_curves(published) if published else {}
    if comparable or not (own and known):
        title = data if own or published is None else published.data
        panels = [(title, own, known)]
    else:
        assert published is not None
        panels = [(data, own, {}), (f"Published: {published.data}", {}, known)]
    figure = new_figure(5.8 if len(panels) == 1 else 8.6, 4.0)
    for axes, (title, measured, others) in zip(
        figure.subplots(1, len(panels), sharey=True, squeeze=False)[0], panels, strict=True
    ):
        for index, (name, curve) in enumerate(others.items()):
            style = {
                "color": PUBLISHED_COLOUR,
                "linestyle": PUBLISHED_STYLES[index % len(PUBLISHED_STYLES)],
                "marker": MARKERS[-1 - index % len(MARKERS)],
                "markerfacecolor": "white",
            }
            if name.startswith("MURAUER"):
                style |= {"color": COLOURS[-1], "linestyle": "-", "markerfacecolor": COLOURS[-1]}
            draw_curve(axes, f"{name} (published)", curve, style)
        for index, (name, curve) in enumerate(measured.items()):
            draw_curve(axes, name, curve, series_style(index))
        finish_axes(axes, title, [n for curve in (*measured.values(), *others.values()) for n in curve if n])
    figure.axes[0].set_ylabel("Mean joint error (mm)")
    return figure


def draw_curve(axes: Axes, name: str, curve: Curve, style: dict[str, Any], shift: float = 1.0) -> None:
    """Draw one method: mean errors, and one standard deviation to either side.

    Without labels it has no place on a logarithmic axis and is a level line with a band.

    Args:
        axes: Axes to draw on.
        name: In the legend.
        curve: Errors of its trainings.
        style: Colour, line style and marker.
        shift: Factor on n, so that the deviations of several methods do not hide each other.
    """
    if 0 in curve:
        level = statistics.fmean(curve[0])
        axes.axhline(level, color=style["color"], linestyle=":", lw=1.4, label=f"{name}, n = 0")
        if len(curve[0]) > 1:
            spread = statistics.stdev(curve[0])
            axes.axhspan(level - spread, level + spread, color=style["color"], alpha=0.1, linewidth=0)
    counts = [n for n in curve if n]
    if counts:
        means = [statistics.fmean(curve[n]) for n in counts]
        spreads = [statistics.stdev(curve[n]) if len(curve[n]) > 1 else 0.0 for n in counts]
        axes.errorbar(
            [n * shift for n in counts], means, spreads if any(spreads) else None, label=name, markersize=5,
            linewidth=1.5, elinewidth=1.0, capsize=2.5, **style,
        )  # fmt: skip


def finish_axes(axes: Axes, title: str, counts: Sequence[int]) -> None:
    """Set scale, labels and legend."""
    axes.set_title(title, fontsize=9)
    axes.set_xlabel("Labelled real frames n")
    if counts:
        axes.set_xscale("log")
        axes.set_xlim(min(counts) / 1.6, max(counts) * 1.6)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.xaxis.set_minor_locator(NullLocator())
        if len(set(counts)) <= MOST_TICKS:
            axes.set_xticks(_apart(sorted(set(counts))))
    tidy(axes)
    axes.legend(fontsize=8, framealpha=0.9)


def _apart(counts: list[int]) -> list[int]:
    """Choose ticks that do not run into each other, the largest first."""
    chosen: list[int] = []
    for n in reversed(counts):
        if not chosen or n * TICK_DISTANCE <= chosen[-1]:
            chosen.append(n)
    return chosen[::-1]
