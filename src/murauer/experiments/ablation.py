"""The paper's variants on a simulated recording, with tables for the documentation (as Figure 4).

murauer experiment ablation --out runs/ablation --results docs/results

Fewer trainings than Figure 4 has: all variants with 100 labels, two of them also with 10 and 1,000, and one
with every label. Given again after it was stopped, the command goes on.
"""

import argparse
import shlex
from pathlib import Path

from murauer.commands.arguments import add_run_folder
from murauer.commands.train import read_configuration
from murauer.data.recording import CENTRES, Recording, open_recording
from murauer.data.simulated import SimulationConfig, simulate_recording
from murauer.evaluation.ablation_table import sweep_results, write_ablation
from murauer.experiments.sweeping import add_sweep, sweep_engine
from murauer.training.sweep import make_jobs, run_sweep

VARIANTS = ("real_only", "real_and_synth", "distr_match", "view_pred", "full")
LABELS = 100
OTHER_LABELS = (10, 1_000)
OTHER_LABELS_VARIANTS = ("real_and_synth", "full")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_run_folder(parser, default="runs/ablation")
    parser.add_argument(
        "--results", type=Path, default=Path("docs/results"), help="folder of tables and figure"
    )
    add_sweep(parser)


def run(args: argparse.Namespace) -> None:
    """Carry the experiment out."""
    config, engine = read_configuration(args.preset), sweep_engine(args)
    folder = args.out / "recording"
    recording = open_recording(folder) if folder.exists() else simulate_recording(SimulationConfig(), folder)
    jobs = make_jobs(ablation_cells(recording), args.seeds, args.out)
    sweep = run_sweep(recording, config, jobs, splits=("validation", "test"), engine=engine)
    if sweep.results:
        results = sweep_results(sweep, "test")
        command = f"murauer experiment ablation {shlex.join(_words(args))}"
        write_ablation(results, args.results, "test", command=command, facts=_facts(args, recording))
    sweep.check()


def ablation_cells(recording: Recording) -> list[tuple[str, int]]:
    """Which variants are trained with how many labels.

    Args:
        recording: says how many frames can be labelled.
    """
    cells = [("synth_only", 0), *((variant, LABELS) for variant in VARIANTS)]
    cells += [(variant, n) for n in OTHER_LABELS for variant in OTHER_LABELS_VARIANTS]
    return [*cells, ("real_and_synth", len(recording.need("real")))]  # the floor: every frame labelled


def _words(args: argparse.Namespace) -> list[str]:
    """The arguments that decide the result."""
    words = ["--out", str(args.out), "--results", str(args.results), "--preset", args.preset]
    return [*words, "--seeds", *map(str, args.seeds)]


def _facts(args: argparse.Namespace, recording: Recording) -> list[str]:
    synthetic, real = (f"{len(recording.need(name)):,}" for name in ("synthetic", "real"))
    centres = CENTRES[recording.centre_kind("test")]
    return [
        f"Preset `{args.preset}`; simulated, {synthetic} synthetic and {real} real moments, n of "
        f"the real ones labelled; crop centre: {centres}."
    ]
