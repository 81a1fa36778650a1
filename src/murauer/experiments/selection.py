"""Frames that 'murauer select' proposes against frames drawn at random, as labels of Real&Synth.

murauer experiment selection --out runs/selection --results docs/results

Both are trained from the same pre-trained network of the seed, with which the frames are selected; the random
ones are those that 'murauer train --labels N' draws. Given again after it was stopped, the command goes on.
"""

import argparse
import shlex
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from murauer.arguments import add_run_folder
from murauer.experiments.demo import RECORDING
from murauer.experiments.outputs import write_outputs
from murauer.experiments.sweeping import add_sweep, sweep_runner
from murauer.files import written_whole
from murauer.nets.model_file import load_model
from murauer.prepare.rendering.simulated import simulate_store
from murauer.provenance import provenance
from murauer.selection.selecting import propose_frames, write_proposals
from murauer.store.manifest import data_digest
from murauer.store.store import Store, open_store
from murauer.sweeps.sweep import Job, run_sweep
from murauer.training.config import Config, read_config
from murauer.training.device import open_device
from murauer.training.train import PRETRAINED_FILE

VARIANT = "real_and_synth"
LABELS = (20, 100)
SPLITS = ("validation", "test")
WAYS = {"random": "drawn at random", "selected": "murauer select"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_run_folder(parser, default="runs/selection")
    parser.add_argument(
        "--results", type=Path, default=Path("docs/results"), help="folder of table and figure"
    )
    parser.add_argument(
        "--data", type=Path, metavar="STORE",
        help="store whose real frames are all labelled (default: one is simulated in --out)",
    )  # fmt: skip
    parser.add_argument("--labels", type=int, nargs="+", default=LABELS, metavar="N", help="default: 20 100")
    add_sweep(parser)


def run(args: argparse.Namespace) -> None:
    """Carry the experiment out."""
    config, runner = read_config(args.config), sweep_runner(args)
    folder = args.data or args.out / "recording"
    if folder.exists() or args.data is not None:
        store = open_store(folder)
    else:
        store = simulate_store(RECORDING, folder)
    cells = [(n, seed) for seed in args.seeds for n in args.labels]
    where: dict[str, Any] = {"splits": SPLITS, "runner": runner, "device": args.device}
    # Random ones first: they make the pre-trained networks that selection needs.
    jobs = {"random": [_job("random", n, seed, args.out) for n, seed in cells]}
    sweeps = {"random": run_sweep(store, config, jobs["random"], **where)}
    sweeps["random"].check()
    jobs["selected"] = [
        _job("selected", n, seed, args.out, _select(store, n, seed, args)) for n, seed in cells
    ]
    sweeps["selected"] = run_sweep(store, config, jobs["selected"], **where)
    sweeps["selected"].check()
    rows = [
        {"frames": way, "n_labelled": one["n_labelled"], "seed": one["seed"]}
        | {f"{split}_mm": one[split]["mean_error_mm"] for split in SPLITS}
        for way, sweep in sweeps.items()
        for one in sweep.results
    ]
    made = provenance(data=data_digest(store.folder), config=config)
    write_outputs(args.results, "selection", _figure(rows), rows, {"results": rows}, made)
    _write_page(args, store, config, rows)


def _job(way: str, n: int, seed: int, out: Path, label_file: Path | None = None) -> Job:
    run_folder, pretraining = out / f"{way}_n{n}_seed{seed}", out / f"pretraining_seed{seed}"
    return Job(VARIANT, n, seed, run_folder, pretraining, label_file)


def _select(store: Store, n: int, seed: int, args: argparse.Namespace) -> Path:
    """Select with the network that has seen synthetic frames alone."""
    path = args.out / f"selected_n{n}_seed{seed}.txt"
    if not path.exists():
        pretrained = args.out / f"pretraining_seed{seed}" / PRETRAINED_FILE
        network, _ = load_model(pretrained, open_device(args.device))
        write_proposals(path, propose_frames(store, network, n, seed=seed, among_labelled=True))
    return path


def _errors(rows: Sequence[dict[str, Any]], way: str, n: int, split: str) -> list[float]:
    """Errors of the seeds, in their order."""
    own = [row for row in rows if row["frames"] == way and row["n_labelled"] == n]
    return [row[f"{split}_mm"] for row in sorted(own, key=lambda row: row["seed"])]


def _figure(rows: Sequence[dict[str, Any]]) -> Figure:
    """Test error of each seed over n, random and selected beside each other."""
    figure = Figure(figsize=(5, 3.2), layout="constrained")
    axes = figure.subplots()
    numbers = sorted({row["n_labelled"] for row in rows})
    for offset, (way, title) in zip((-0.1, 0.1), WAYS.items(), strict=True):
        values = [_errors(rows, way, n, "test") for n in numbers]
        places = [place + offset for place, own in enumerate(values) for _ in own]
        axes.plot(places, [value for own in values for value in own], "o", label=title)
    axes.set_xticks(range(len(numbers)), [f"n = {n:,}" for n in numbers])
    axes.set_ylabel("mean joint error (mm)")
    axes.legend()
    return figure


def _write_page(
    args: argparse.Namespace, store: Store, config: Config, rows: Sequence[dict[str, Any]]
) -> None:
    words = ["--out", str(args.out), "--results", str(args.results), "--config", args.config]
    words += ["--seeds", *map(str, args.seeds), "--labels", *map(str, args.labels)]
    lines = [
        "# Selected frames against random ones",
        "",
        f"    murauer experiment selection {shlex.join(words)}",
        "",
        f"Real&Synth, config `{args.config}` ({config.training.joint_iterations:,} steps), "
        f"{len(store.require('real')):,} real frames to choose from; mean joint error in mm ± "
        f"standard deviation over {len(args.seeds)} seeds.",
        "",
        "| n | split | " + " | ".join(WAYS.values()) + " | difference by seed |",
        "|---:|---|---:|---:|---|",
    ]
    for n in args.labels:
        for split in SPLITS:
            random, selected = (_errors(rows, way, n, split) for way in WAYS)
            differences = [f"{own - other:+.2f}" for own, other in zip(selected, random, strict=True)]
            cells = " | ".join(_mean(values) for values in (random, selected))
            lines.append(f"| {n} | {split} | {cells} | {', '.join(differences)} |")
    lines += ["", "![Test error by seed](selection.svg)"]
    with written_whole(args.results / "selection.md") as partial:
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _mean(values: Sequence[float]) -> str:
    spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.2f}{spread}"
