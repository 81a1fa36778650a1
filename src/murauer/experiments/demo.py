"""The main job from nothing: simulate a store, train three variants, evaluate, report."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from murauer.errors import UserError
from murauer.evaluation.report import write_report
from murauer.evaluation.runs import load_runs
from murauer.files import written_whole
from murauer.prepare.rendering.simulated import simulate_store
from murauer.provenance import PROVENANCE, provenance
from murauer.store.makers import SimulationConfig
from murauer.store.manifest import data_digest
from murauer.store.store import Store, open_store
from murauer.sweeps.runner import LocalRunner
from murauer.sweeps.sweep import make_jobs, run_sweep
from murauer.training.config import Config, load_config
from murauer.training.device import open_device, workers_for

N_LABELLED = 100
SEED = 0
VARIANTS = ("synth_only", "real_and_synth", "full")

RECORDING = SimulationConfig(skeleton="nyu14")
"""What is recorded, for the experiments, too: with the joints that the paper evaluates."""


def run_demo(
    out: Path, config_name: str = "demo", simulation: SimulationConfig | None = None, device: str = "cpu"
) -> dict[str, Any]:
    """Simulate, pre-train, train the variants, evaluate on the test split and write report and metrics.

    Nothing starts from the packaged model: that one has seen the sensor of the simulated "real" domain.
    What an interrupted demo finished is kept and used.

    Args:
        out: Folder for store, runs, `report.html` and `metrics.json`.
        config_name: Configuration of the trainings.
        simulation: What is recorded.
        device: Where networks compute.

    Returns:
        What `metrics.json` holds.

    Raises:
        UserError: The folder cannot be used or a training diverged.
    """
    simulation = simulation or RECORDING
    config = load_config(config_name)
    seconds: dict[str, float] = {}
    started = time.monotonic()
    store = _store(out / "recording", simulation)
    seconds["simulation"] = time.monotonic() - started

    started = time.monotonic()
    cells = [(variant, N_LABELLED if variant != "synth_only" else 0) for variant in VARIANTS]
    jobs = [replace(job, out=out / job.variant) for job in make_jobs(cells, [SEED], out)]
    runner = LocalRunner(workers_for(device))
    sweep = run_sweep(
        store, config, jobs[::-1], splits=("test",), runner=runner, device=device
    )  # longest first
    sweep.check()
    seconds["training"] = time.monotonic() - started

    made = provenance(data=data_digest(store.folder), seed=SEED, config=config)
    metrics = {
        "n_labelled": N_LABELLED,
        "seed": SEED,
        "config": config_name,
        "centre": "annotated joint",
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
        "variants": {result["variant"]: result["test"] for result in reversed(sweep.results)},
        PROVENANCE: msgspec.to_builtins(made),
    }
    with written_whole(out / "metrics.json") as partial:
        partial.write_text(json.dumps(metrics, indent=1))
    trained = load_runs([job.out for job in jobs], open_device(device))
    write_report(out / "report.html", store, trained, facts=_facts(config, simulation, seconds))
    return metrics


def _store(folder: Path, simulation: SimulationConfig) -> Store:
    """Open the store of an earlier demo, or simulate it."""
    if folder.exists():
        try:
            store = open_store(folder)
        except UserError:
            pass
        else:
            if store.manifest.simulation == simulation:
                return store
    return simulate_store(simulation, folder)


def _facts(config: Config, simulation: SimulationConfig, seconds: dict[str, float]) -> dict[str, str]:
    return {
        "Command": "murauer demo",
        "Labelled real frames": str(N_LABELLED),
        "Unlabelled real frames": f"{simulation.real_frames:,} from each of two cameras",
        "Synthetic frames": f"{simulation.synthetic_frames:,} from each of three cameras",
        "Test frames": f"{simulation.test_frames:,}; half of a person of the training set, half of another",
        "Sensor of the real domain": simulation.sensor.replace("_", " "),
        "Start of f and p": f"pre-trained here, {config.training.pretraining_iterations:,} steps",
        "Joint training": f"{config.training.joint_iterations:,} steps",
        "Crop centre": "annotated joint",
        "Seed": str(SEED),
        **{f"Time of {name}": f"{value / 60:.1f} min" for name, value in seconds.items()},
    }
