"""Many trainings in one table: error over n by variant, mean and spread over seeds.

Reads what `murauer.sweeps.sweep` leaves in each run folder. For a table of a sweep that is not finished run

    murauer experiment ablation_table RUNS --out FOLDER
"""

import argparse
import csv
import json
import platform
import shlex
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from murauer.errors import UserError
from murauer.evaluation.figures.drawing import save_figure
from murauer.evaluation.figures.published import PublishedSeries
from murauer.evaluation.metrics import PoseMetrics
from murauer.experiments.ablation_figure import ablation_figure
from murauer.files import written_whole
from murauer.sweeps.sweep import METRICS_FILE
from murauer.training.variants import VARIANTS


@dataclass(frozen=True)
class Result:
    """The result of one training.

    Attributes:
        variant: name of the variant.
        n_labelled: number n of labelled real frames.
        seed: of the training.
        measures: by name: `mean_error_mm` over all frames and joints; the same for the frames of each person
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
            KeyError: something is missing.
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
        variant: name of the variant.
        n_labelled: number n of labelled real frames.
        seeds: of the trainings.
        mean: mean over the seeds of each measure that all of them have.
        std: sample standard deviation over the seeds, none with a single one.
    """

    variant: str
    n_labelled: int
    seeds: tuple[int, ...]
    mean: dict[str, float]
    std: dict[str, float]


def read_results(folder: Path, split: str = "test") -> list[Result]:
    """Read the metrics of all runs below a folder.

    Args:
        folder: holds run folders at any depth; files of that name that are no run's are passed over.
        split: which evaluation, "test" or "validation".

    Returns:
        Results in the order of the paper's variants, n and seeds.

    Raises:
        UserError: there is none, one is damaged or lacks the split, or two are of the same training.
    """
    found: dict[tuple[str, int, int], tuple[Result, Path]] = {}
    for path in sorted(folder.rglob(METRICS_FILE)):
        result = _read_result(path, split)
        if result is None:
            continue
        key = (result.variant, result.n_labelled, result.seed)
        if key in found:
            raise UserError(
                f"{path} and {found[key][1]} are both of {result.variant} with n = {result.n_labelled} and "
                f"seed {result.seed}; keep one of them in {folder}"
            )
        found[key] = (result, path)
    if not found:
        raise UserError(f"{folder} holds no {METRICS_FILE} of a training; give the folder of a sweep")
    return in_order([result for result, _ in found.values()])


def in_order(results: Sequence[Result]) -> list[Result]:
    """Sort by the paper's variants, n and seed."""
    order = {name: index for index, name in enumerate(VARIANTS)}
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
        results: of the trainings.
        published: by variant, the paper's errors on the same test set.
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
    runs: Path, out: Path, split: str = "test", *, command: str, facts: Sequence[str] = ()
) -> list[Summary]:
    """Write ablation.csv, .json, .md, .svg and .png about all runs below a folder.

    Args:
        runs: folder of a sweep.
        out: folder to write to.
        split: which evaluation.
        command: that was given, for the page.
        facts: sentences about the trainings, for the page.

    Returns:
        The summaries that were written.

    Raises:
        UserError: the runs cannot be read or the files not be written.
    """
    results = read_results(runs, split)
    summaries = summarise(results)
    rows = [result.row() for result in results]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with written_whole(out / "ablation.csv") as partial, partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    with written_whole(out / "ablation.json") as partial:
        values = {"split": split, "summaries": [asdict(summary) for summary in summaries], "results": rows}
        partial.write_text(json.dumps(values, indent=1) + "\n")
    figure = ablation_figure(error_curves(results))
    for suffix in ("svg", "png"):
        save_figure(figure, out / f"ablation.{suffix}")
    with written_whole(out / "ablation.md") as partial:
        partial.write_text("\n\n".join((*_heading(command, facts), _tables(summaries, split))))
    return summaries


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files for one sweep from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="murauer experiment ablation_table")
    parser.add_argument("runs", type=Path, help="folder of a sweep")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    args = parser.parse_args(arguments)
    try:
        words = sys.argv[1:] if arguments is None else arguments
        command = f"{parser.prog} {shlex.join(words)}"
        print(markdown_table(write_ablation(args.runs, args.out, args.split, command=command)), end="")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _read_result(path: Path, split: str) -> Result | None:
    """Read one run's metrics; None if the file is a summary of several, as a demo writes."""
    try:
        stored: dict[str, Any] = json.loads(path.read_text())
        if "variants" in stored:
            return None
        if split not in stored:
            raise UserError(f"{path} has no evaluation of the {split} split; evaluate that run on it first")
        if stored["variant"] not in VARIANTS:
            raise UserError(f"{path} is of the unknown variant {stored['variant']!r}")
        return Result.of(stored, split)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged ({error!r}); delete it and evaluate that run again") from error


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
        f"Written by this command on {datetime.now(UTC):%Y-%m-%d} (UTC), on {_processor()}, PyTorch "
        f"{torch.__version__.partition('+')[0]}; what an earlier call had trained was not repeated.",
        *facts,
        "![Error over the number of labels, by variant](ablation.svg)",
    ]


def _processor() -> str:
    """Name the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]} ({len(names)} cores)" if names else platform.machine()


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


if __name__ == "__main__":
    sys.exit(main())
