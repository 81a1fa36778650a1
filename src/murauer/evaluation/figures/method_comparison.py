"""Errors of several methods on one test set, with published figures beside them (Table 1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from murauer.evaluation.figures.drawing import COLOURS, new_figure
from murauer.evaluation.figures.published import Published, method_key
from murauer.evaluation.metrics import PoseMetrics

Kind = Literal["predictions", "run"]

_Entry = tuple[str, float, "MeasuredMethod | None"]
"""Name, mean error in mm, and where it was measured here its details."""

PERSON_MARKERS = "<>^v"
THRESHOLDS_MM = (10, 20, 30, 40, 50)

KIND_STYLES: dict[str, tuple[str, str, str]] = {
    "predictions": ("prediction file, measured here", COLOURS[0], "s"),
    "run": ("run, measured here", COLOURS[1], "D"),
}
"""Label, colour and marker."""


@dataclass(frozen=True, eq=False)
class MeasuredMethod:
    """A method whose predictions were compared with the labels here.

    Attributes:
        name: Name of the method.
        kind: A file of predictions or a run.
        metrics: Its errors, also by person.
        published_mm: What was published as its mean error on the same test set; None if nothing was.
    """

    name: str
    kind: Kind
    metrics: PoseMetrics
    published_mm: float | None = None


def comparison_rows(measured: Sequence[MeasuredMethod], published: Published) -> list[dict[str, Any]]:
    """Lay out measured methods and then published ones as rows of a table, by name of the column."""
    rows: list[dict[str, Any]] = []
    for method in measured:
        metrics = method.metrics
        rows.append(
            {
                "method": method.name,
                "kind": method.kind,
                "mean_error_mm": metrics.mean_error_mm,
                "published_mm": method.published_mm,
                "frames": metrics.frames,
                "median_error_mm": metrics.median_error_mm,
                **{
                    f"{name.replace(' ', '_')}_mm": own.mean_error_mm
                    for name, own in metrics.by_person.items()
                },
                **{
                    f"frames_under_{threshold}mm": metrics.frames_worst.at(threshold)
                    for threshold in THRESHOLDS_MM
                },
            }
        )
    rows += [
        {
            "method": known.method,
            "kind": "published",
            "published_mm": known.mean_error_mm,
            "venue": known.venue,
            "source": known.source,
        }
        for known in published.methods
    ]
    return rows


def comparison_table(measured: Sequence[MeasuredMethod]) -> str:
    """Lay the measured methods out as text for a terminal, best first."""
    persons = list(dict.fromkeys(name for method in measured for name in method.metrics.by_person))
    width = max(8, *(len(method.name) for method in measured)) + 2
    heads = ["mean (mm)", "published", *(f"{name} (mm)" for name in persons)]
    lines = ["".ljust(width) + "".join(head.rjust(15) for head in heads)]
    for method in sorted(measured, key=lambda method: method.metrics.mean_error_mm):
        by_person = method.metrics.by_person
        cells = [
            f"{method.metrics.mean_error_mm:.3f}",
            "–" if method.published_mm is None else f"{method.published_mm:g}",
            *(f"{by_person[name].mean_error_mm:.3f}" if name in by_person else "–" for name in persons),
        ]
        lines.append(method.name.ljust(width) + "".join(cell.rjust(15) for cell in cells))
    return "\n".join(lines)


def comparison_figure(
    measured: Sequence[MeasuredMethod], published: Published, data: str, comparable: bool
) -> Figure:
    """Draw all mean errors, the largest on top, with those of each person as small triangles.

    Args:
        measured: Measured methods, at least one.
        published: Published methods, shown beside them.
        data: Name of the test set that was measured on.
        comparable: Whether that is the one of the published results; if not, they get a panel of their own.
    """
    own: list[_Entry] = [(method.name, method.metrics.mean_error_mm, method) for method in measured]
    known: list[_Entry] = [(f"{m.method} ({m.venue})", m.mean_error_mm, None) for m in published.methods]
    panels = [(data, own), (f"Published: {published.data}", known)]
    if comparable:
        here = {method_key(method.name) for method in measured}
        others = [
            entry
            for m, entry in zip(published.methods, known, strict=True)
            if method_key(m.method) not in here
        ]
        panels = [(data, own + others)]
    rows = [len(entries) for _, entries in panels]
    figure = new_figure(7.0, 0.21 * sum(rows) + 0.6 * len(panels) + 0.7)
    grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=[r + 1.5 for r in rows])
    for axes, (title, entries) in zip(grid[:, 0], panels, strict=True):
        _draw_panel(axes, sorted(entries, key=lambda entry: entry[1]))
        axes.set_title(title, fontsize=9, loc="left")
    grid[0, 0].set_xlim(0, 1.05 * max(axes.dataLim.xmax for axes in grid[:, 0]))
    grid[-1, 0].set_xlabel("Mean joint error (mm)")
    handles = {
        label: handle
        for axes in grid[:, 0]
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        handles.values(), handles.keys(), loc="outside lower center", ncols=2, frameon=False, fontsize=8
    )
    return figure


def _draw_panel(axes: Axes, entries: Sequence[_Entry]) -> None:
    """Draw one row an entry, the smallest error at the bottom."""
    heights = np.arange(len(entries))
    persons = list(dict.fromkeys(name for _, _, own in entries if own for name in own.metrics.by_person))
    for height, (_, error, own) in zip(heights, entries, strict=True):
        known = error if own is None else own.published_mm
        if known is not None:
            axes.plot(known, height, "o", color="0.35", mfc="none", markersize=9, label="published")
        if own is not None:
            label, colour, marker = KIND_STYLES[own.kind]
            axes.plot(error, height, marker, color=colour, markersize=6, label=label, zorder=3)
            for name, metrics in own.metrics.by_person.items():
                shape = PERSON_MARKERS[persons.index(name) % len(PERSON_MARKERS)]
                axes.plot(
                    metrics.mean_error_mm, height, shape, color=colour, markersize=4.5,
                    markerfacecolor="white", label=f"{name} person" if " " not in name else name,
                )  # fmt: skip
        axes.annotate(
            f"{error:.2f}" if own else f"{error:.1f}", (1.0, height), (4, 0), va="center", fontsize=7.5,
            xycoords=axes.get_yaxis_transform(), textcoords="offset points",
            fontweight="bold" if own else "normal",
        )  # fmt: skip
    axes.set_yticks(heights, [name for name, _, _ in entries], fontsize=8)
    axes.set_ylim(-0.7, len(entries) - 0.3)
    for text, (_, _, own) in zip(axes.get_yticklabels(), entries, strict=True):
        text.set_fontweight("bold" if own else "normal")
    axes.grid(axis="y", color="0.9", linewidth=0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
