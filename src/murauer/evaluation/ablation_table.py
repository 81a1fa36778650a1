"""Many trainings in one table and one figure: error over n by variant, as in Fig. 4.

Reads what `murauer.training.sweep` leaves in each run folder. For `docs/results` run

    python -m murauer.evaluation.ablation_table RUNS --out docs/results
"""

import argparse
import csv
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import matplotlib

from murauer.errors import UserError
from murauer.evaluation.ablation_figure import ablation_figure
from murauer.evaluation.metrics import PoseMetrics
from murauer.files import written_whole
from murauer.training.sweep import METRICS_FILE
from murauer.training.variants import VARIANTS


@dataclass(frozen=True)
class Result:
    """The result of one training.

    Attributes:
        variant: name of the variant.
        n_labelled: number n of labelled real frames.
        seed: of the training.
        mean_error_mm: over all frames and joints.
        seen_mm, unseen_mm: the same for the frames of a person in and not in the training set; None where the
            split was not told apart.
        frames_under_20mm, frames_under_40mm: share of frames whose worst joint is nearer than that.
    """

    variant: str
    n_labelled: int
    seed: int
    mean_error_mm: float
    seen_mm: float | None
    unseen_mm: float | None
    frames_under_20mm: float
    frames_under_40mm: float


MEASURES = ("mean_error_mm", "seen_mm", "unseen_mm", "frames_under_20mm", "frames_under_40mm")
"""The numbers of a result that are averaged over seeds."""

BASELINE = "real_and_synth"
"""What the others are compared with; with every frame labelled it is the floor."""


@dataclass(frozen=True)
class Summary:
    """Trainings that differ in nothing but the seed.

    Attributes:
        variant: name of the variant.
        n_labelled: number n of labelled real frames.
        seeds: of the trainings.
        mean: mean over the seeds of each of `MEASURES`, None where a run lacks it.
        std: sample standard deviation over the seeds, None with a single one.
    """

    variant: str
    n_labelled: int
    seeds: tuple[int, ...]
    mean: dict[str, float | None]
    std: dict[str, float | None]


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
    order = {name: index for index, name in enumerate(VARIANTS)}
    return [found[key][0] for key in sorted(found, key=lambda key: (order[key[0]], *key[1:]))]


def summarise(results: Sequence[Result]) -> list[Summary]:
    """Average over seeds, in the order of the results."""
    groups: dict[tuple[str, int], list[Result]] = {}
    for result in results:
        groups.setdefault((result.variant, result.n_labelled), []).append(result)
    return [
        Summary(
            variant=variant,
            n_labelled=n_labelled,
            seeds=tuple(result.seed for result in group),
            mean={name: _statistic(group, name, 1, statistics.fmean) for name in MEASURES},
            std={name: _statistic(group, name, 2, statistics.stdev) for name in MEASURES},
        )
        for (variant, n_labelled), group in groups.items()
    ]


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
    bases = {n: error for (variant, n), error in errors.items() if variant == BASELINE and error}
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


def write_ablation(runs: Path, out: Path, split: str = "test") -> list[Summary]:
    """Write ablation.csv, .json, .md, .svg and .png about all runs below a folder.

    Args:
        runs: folder of a sweep.
        out: folder to write to.
        split: which evaluation.

    Returns:
        The summaries that were written.

    Raises:
        UserError: the runs cannot be read or the files not be written.
    """
    results = read_results(runs, split)
    summaries = summarise(results)
    with written_whole(out / "ablation.csv") as partial, partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Result)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(result) for result in results)
    with written_whole(out / "ablation.json") as partial:
        values = {
            "split": split,
            "summaries": [asdict(summary) for summary in summaries],
            "results": [asdict(result) for result in results],
        }
        partial.write_text(json.dumps(values, indent=1) + "\n")
    with written_whole(out / "ablation.md") as partial:
        partial.write_text(_markdown(summaries, split))
    curves: dict[str, dict[int, tuple[float, float]]] = {}
    for summary in summaries:
        mean, std = summary.mean["mean_error_mm"], summary.std["mean_error_mm"]
        curves.setdefault(summary.variant, {})[summary.n_labelled] = (mean or 0.0, std or 0.0)
    figure = ablation_figure(curves)
    with matplotlib.rc_context({"svg.hashsalt": "murauer"}):
        for suffix, metadata in (("svg", {"Date": None}), ("png", None)):
            with written_whole(out / f"ablation.{suffix}") as partial:
                figure.savefig(partial, dpi=200, metadata=metadata)
    return summaries


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files for one sweep from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m murauer.evaluation.ablation_table")
    parser.add_argument("runs", type=Path, help="folder of a sweep")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    args = parser.parse_args(arguments)
    try:
        print(markdown_table(write_ablation(args.runs, args.out, args.split)), end="")
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
        metrics = PoseMetrics.from_dict(stored[split])
        if stored["variant"] not in VARIANTS:
            raise UserError(f"{path} is of the unknown variant {stored['variant']!r}")
        persons = metrics.by_person
        return Result(
            variant=stored["variant"],
            n_labelled=int(stored["n_labelled"]),
            seed=int(stored["seed"]),
            mean_error_mm=metrics.mean_error_mm,
            seen_mm=persons["seen"].mean_error_mm if "seen" in persons else None,
            unseen_mm=persons["unseen"].mean_error_mm if "unseen" in persons else None,
            frames_under_20mm=metrics.frames_worst.at(20),
            frames_under_40mm=metrics.frames_worst.at(40),
        )
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged ({error!r}); delete it and evaluate that run again") from error


def _statistic(group: Sequence[Result], name: str, least: int, function: Any) -> float | None:
    values = [getattr(result, name) for result in group]
    return float(function(values)) if len(values) >= least and None not in values else None


def _cell(summary: Summary | None, measure: str, digits: int) -> str:
    mean = summary.mean[measure] if summary else None
    if summary is None or mean is None:
        return "–"
    std = summary.std[measure]
    return f"{mean:.{digits}f}" + ("" if std is None else f" ± {std:.{digits}f}")


def _table(columns: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Lay out Markdown; a row is named after a variant, or "floor"."""
    lines = [f"| Variant | {' | '.join(columns)} |", "|---|" + "---:|" * len(columns)]
    for name, cells in rows:
        title = VARIANTS[name].title if name in VARIANTS else f"{VARIANTS[BASELINE].title}, most labels"
        escaped = title.replace("|", "\\|")  # a bar would end the cell
        lines.append(f"| {escaped} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _markdown(summaries: Sequence[Summary], split: str) -> str:
    """Give the tables of errors: all frames, the seen and the unseen person, and relative to Real&Synth."""
    counts = sorted({len(summary.seeds) for summary in summaries})
    seeds = "–".join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))
    plural = "" if seeds == "1" else "s"
    return "\n".join((
        f"Mean joint error on the {split} split in mm, ± standard deviation over {seeds} seed{plural}:\n",
        markdown_table(summaries),
        "Person of the training set:\n",
        markdown_table(summaries, "seen_mm"),
        "Person not in the training set:\n",
        markdown_table(summaries, "unseen_mm"),
        "Relative to Real&Synth of the same n, and share of the way to Real&Synth with most labels:\n",
        comparison_table(summaries),
    ))  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
