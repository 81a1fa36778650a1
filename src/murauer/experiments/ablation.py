"""The paper's variants on a simulated store, with tables for the documentation (as Figure 4).

murauer experiment ablation --out runs/ablation --results docs/results

Fewer trainings than Figure 4 has: all variants with 100 labels, two of them also with 10 and 1,000, and one
with every label. Given again after it was stopped, the command goes on.
"""

import argparse
import shlex
from pathlib import Path

from murauer.arguments import add_run_folder
from murauer.experiments.ablation_table import sweep_results, write_ablation
from murauer.experiments.demo import RECORDING
from murauer.experiments.sweeping import add_sweep, add_work, config_of, images_per_step, sweep_runner
from murauer.prepare.rendering.simulated import simulate_store
from murauer.provenance import provenance
from murauer.store.manifest import CENTRES, data_digest
from murauer.store.store import Store, open_store
from murauer.sweeps.sweep import make_jobs, run_sweep
from murauer.training.config import Config

VARIANTS = ("real_only", "real_and_synth", "distr_match", "view_pred", "full")
LABELS = 100
OTHER_LABELS = (10, 1_000)
OTHER_LABELS_VARIANTS = ("real_and_synth", "full")
SPLITS = ("validation", "test")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_run_folder(parser, default="runs/ablation")
    parser.add_argument(
        "--results", type=Path, default=Path("docs/results"), help="folder of tables and figure"
    )
    add_work(parser)
    add_sweep(parser)


def run(args: argparse.Namespace) -> None:
    """Carry the experiment out."""
    config, runner = config_of(args), sweep_runner(args)
    folder = args.out / "recording"
    store = open_store(folder) if folder.exists() else simulate_store(RECORDING, folder)
    jobs = make_jobs(ablation_cells(store), args.seeds, args.out)
    sweep = run_sweep(store, config, jobs, splits=SPLITS, runner=runner, device=args.device)
    if sweep.results:
        results = sweep_results(sweep, "test")
        command = f"murauer experiment ablation {shlex.join(_words(args))}"
        made = provenance(data=data_digest(store.folder), config=config)
        facts = _facts(args, store, config)
        write_ablation(results, args.results, "test", made, command=command, facts=facts)
    sweep.check()


def ablation_cells(store: Store) -> list[tuple[str, int]]:
    """Which variants are trained with how many labels.

    Args:
        store: Says how many frames can be labelled.
    """
    cells = [("synth_only", 0), *((variant, LABELS) for variant in VARIANTS)]
    cells += [(variant, n) for n in OTHER_LABELS for variant in OTHER_LABELS_VARIANTS]
    return [*cells, ("real_and_synth", len(store.require("real")))]  # the floor: every frame labelled


def _words(args: argparse.Namespace) -> list[str]:
    """The arguments that decide the result."""
    words = ["--out", str(args.out), "--results", str(args.results), "--config", args.config]
    return [*words, "--work", args.work, "--seeds", *map(str, args.seeds)]


def _facts(args: argparse.Namespace, store: Store, config: Config) -> list[str]:
    synthetic, real = (f"{len(store.require(name)):,}" for name in ("synthetic", "real"))
    centres = CENTRES[store.centre_kind("test")]
    shown = images_per_step(store, config, ("synth_only", *VARIANTS))
    return [
        f"Config `{args.config}`; simulated, {synthetic} synthetic and {real} real frames, n of "
        f"the real ones labelled; crop centre: {centres}.",
        "Images of a step: " + ", ".join(f"{name} {n}" for name, n in shown.items()) + ".",
    ]
