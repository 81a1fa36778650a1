"""Many trainings in one table: error over n by variant, mean and spread over seeds."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from murauer.evaluation.figures.published import PublishedSeries
from murauer.evaluation.metrics import PoseMetrics
from murauer.experiments.ablation_figure import ablation_figure
from murauer.experiments.outputs import write_outputs
from murauer.files import written_whole
from murauer.provenance import Provenance, processor
from murauer.sweeps.sweep import Sweep
from murauer.training.variants import VARIANTS


@dataclass(frozen=True)
class Result:
    """The result of one training.

    Attributes:
        variant: Name of the variant.
        n_labelled: Number n of labelled real frames.
        seed: Seed of the training.
        measures: By name: `mean_error_mm` over all frames and joints; the same for the frames of each person
            that is told apart, such as `unseen_mm`; `frames_under_20mm` and `frames_under_40mm`, the share of
            frames whose worst joint is nearer than that.
    """

    variant: str
    n_labelled: int
    seed: int
    measures: dict[str, float]

    @classmethod
    def of(cls, stored: Mapping[str, Any], split: str) -> "Result":
        """Take it from what a sweep stores of a training.

        Raises:
            KeyError: Something is missing.
        """
        metrics = PoseMetrics.from_dict(stored[split])
        persons = {f"{name}_mm": own.mean_error_mm for name, own in metrics.by_person.items()}
        shares = {f"frames_under_{mm}mm": metrics.frames_worst.at(mm) for mm in (20, 40)}
        measures = {"mean_error_mm": metrics.mean_error_mm, **persons, **shares}
        return cls(stored["variant"], int(stored["n_labelled"]), int(stored["seed"]), measures)

    def row(self) -> dict[str, Any]:
        """Lay it out as a row of a table, by name of the column."""
        key = {"variant": self.variant, "n_labelled": self.n_labelled, "seed": self.seed}
        return key | self.measures


BASELINE = "real_and_synth"
"""What the others are compared with; with every frame labelled it is the floor."""


@dataclass(frozen=True)
class Summary:
    """Trainings that differ in nothing but the seed.

    Attributes:
        variant: Name of the variant.
        n_labelled: Number n of labelled real frames.
        seeds: Seeds of the trainings.
        mean: Mean over the seeds of each measure that all of them have.
        std: Sample standard deviation over the seeds, none with a single one.
    """

    variant: str
    n_labelled: int
    seeds: tuple[int, ...]
    mean: dict[str, float]
    std: dict[str, float]


def sweep_results(sweep: Sweep, split: str) -> list[Result]:
    """Take the results of a sweep, in the order of the paper's variants, n and seed."""
    order = {name: index for index, name in enumerate(VARIANTS)}
    results = [Result.of(stored, split) for stored in sweep.results]
    return sorted(results, key=lambda one: (order[one.variant], one.n_labelled, one.seed))


def summarise(results: Sequence[Result]) -> list[Summary]:
    """Average over seeds, in the order of the results."""
    groups: dict[tuple[str, int], list[Result]] = {}
    for result in results:
        groups.setdefault((result.variant, result.n_labelled), []).append(result)
    summaries = []
    for (variant, n_labelled), group in groups.items():
        shared = [name for name in group[0].measures if all(name in one.measures for one in group)]
        values = {name: [one.measures[name] for one in group] for name in shared}
        mean = {name: statistics.fmean(own) for name, own in values.items()}
        std = {name: statistics.stdev(own) for name, own in values.items() if len(group) > 1}
        summaries.append(Summary(variant, n_labelled, tuple(one.seed for one in group), mean, std))
    return summaries


def error_curves(results: Sequence[Result]) -> dict[str, dict[int, list[float]]]:
    """Mean errors in mm by variant and n, of each training, for the figure."""
    curves: dict[str, dict[int, list[float]]] = {}
    for one in results:
        points = curves.setdefault(one.variant, {})
        points.setdefault(one.n_labelled, []).append(one.measures["mean_error_mm"])
    return curves


def sweep_rows(
    results: Sequence[Result], published: Mapping[str, PublishedSeries] | None = None
) -> list[dict[str, Any]]:
    """Lay trainings, their means and published errors out as rows of a table, by name of the column.

    Args:
        results: Results of the trainings.
        published: The paper's errors by variant, on the same test set.
    """
    known = {
        (name, point.n_labelled): point for name, one in (published or {}).items() for point in one.points
    }
    rows = [{"kind": "run"} | result.row() for result in results]
    for summary in summarise(results):
        row: dict[str, Any] = {"kind": "mean", "variant": summary.variant, "n_labelled": summary.n_labelled}
        row |= {"seeds": len(summary.seeds), **summary.mean}
        row |= {f"std_{name}": value for name, value in summary.std.items()}
        point = known.get((summary.variant, summary.n_labelled))
        rows.append(row | ({} if point is None else {"published_mm": point.mean_error_mm}))
    rows += [
        {"kind": "published", "variant": name, "n_labelled": n, "mean_error_mm": point.mean_error_mm,
         "source": point.source}
        for (name, n), point in known.items()
    ]  # fmt: skip
    return rows


def markdown_table(summaries: Sequence[Summary], measure: str = "mean_error_mm", digits: int = 2) -> str:
    """Lay one measure out with a row for each variant and a column for each n.

    Cells are mean ± standard deviation over the seeds; a single training has no deviation.
    """
    columns = sorted({summary.n_labelled for summary in summaries})
    cells = {(summary.variant, summary.n_labelled): summary for summary in summaries}
    names = dict.fromkeys(summary.variant for summary in summaries)
    rows = [(name, [_cell(cells.get((name, n)), measure, digits) for n in columns]) for name in names]
    return _table([f"n = {n:,}" for n in columns], rows)


def comparison_table(summaries: Sequence[Summary]) -> str:
    """Compare mean errors with Real&Synth of the same n, and with its floor.

    Cells hold the ratio of the errors and, where Real&Synth was also trained with more labels, which share of
    the way from Real&Synth to its error with most labels (the floor) the variant goes.
    """
    errors = {(summary.variant, summary.n_labelled): summary.mean["mean_error_mm"] for summary in summaries}
    bases = {n: error for (variant, n), error in errors.items() if variant == BASELINE}
    most = max(bases, default=0)

    def cell(variant: str, n: int) -> str:
        error = errors.get((variant, n))
        if error is None:
            return "–"
        text = f"{error / bases[n]:.3f}"
        return text if n == most else f"{text} ({100 * (bases[n] - error) / (bases[n] - bases[most]):.0f} %)"

    names = [name for name in dict.fromkeys(summary.variant for summary in summaries) if name != BASELINE]
    rows = [(name, [cell(name, n) for n in sorted(bases)]) for name in names]
    rows = [(name, cells) for name, cells in rows if any(text != "–" for text in cells)]
    if most:
        rows.append(("floor", [f"{bases[most] / bases[n]:.3f}" for n in sorted(bases)]))
    return _table([f"n = {n:,}" for n in sorted(bases)], rows)


def write_ablation(
    results: Sequence[Result],
    out: Path,
    split: str,
    made: Provenance,
    *,
    command: str,
    facts: Sequence[str] = (),
) -> None:
    """Write ablation.csv, .json, .svg, .png and a page, ablation.md.

    Args:
        results: Results of the trainings.
        out: Folder to write to.
        split: That was evaluated.
        made: Where they come from.
        command: That was given, for the page.
        facts: Sentences about the trainings, for the page.

    Raises:
        UserError: A file cannot be written.
    """
    summaries, rows = summarise(results), [result.row() for result in results]
    values = {"split": split, "summaries": [asdict(summary) for summary in summaries], "results": rows}
    write_outputs(out, "ablation", ablation_figure(error_curves(results)), rows, values, made)
    with written_whole(out / "ablation.md") as partial:
        partial.write_text("\n\n".join((*_heading(command, facts), _tables(summaries, split))))


def _cell(summary: Summary | None, measure: str, digits: int) -> str:
    if summary is None or measure not in summary.mean:
        return "–"
    std = summary.std.get(measure)
    return f"{summary.mean[measure]:.{digits}f}" + ("" if std is None else f" ± {std:.{digits}f}")


def _table(columns: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Lay out Markdown; a row is named after a variant, or "floor"."""
    lines = [f"| Variant | {' | '.join(columns)} |", "|---|" + "---:|" * len(columns)]
    for name, cells in rows:
        title = VARIANTS[name].title if name in VARIANTS else f"{VARIANTS[BASELINE].title}, most labels"
        escaped = title.replace("|", "\\|")  # a bar would end the cell
        lines.append(f"| {escaped} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _heading(command: str, facts: Sequence[str]) -> list[str]:
    """Say how the page was made, and nothing that another result would belie."""
    return [
        "# Ablation: error over the number of labels, by variant",
        f"    {command}",
        f"Written by this command on {datetime.now(UTC):%Y-%m-%d} (UTC), on {processor()}, PyTorch "
        f"{torch.__version__.partition('+')[0]}; what an earlier call had trained was not repeated.",
        *facts,
        "![Error over the number of labels, by variant](ablation.svg)",
    ]


def _tables(summaries: Sequence[Summary], split: str) -> str:
    """Give the tables of errors: all frames, each person that is told apart, relative to Real&Synth."""
    counts = sorted({len(summary.seeds) for summary in summaries})
    seeds = "–".join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))
    over = "of one seed" if seeds == "1" else f"± standard deviation over {seeds} seeds"
    parts = [f"Mean joint error on the {split} split in mm, {over}:\n", markdown_table(summaries)]
    persons = {"seen_mm": "Person of the training set", "unseen_mm": "Person not in the training set"}
    for measure, title in persons.items():
        if any(measure in summary.mean for summary in summaries):
            parts += [f"{title}:\n", markdown_table(summaries, measure)]
    if any(summary.variant == BASELINE for summary in summaries):
        parts += [
            "Relative to Real&Synth of the same n, and share of the way to Real&Synth with most labels:\n",
            comparison_table(summaries),
        ]
    return "\n".join(parts)
