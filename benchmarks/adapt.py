"""What `murauer adapt` gains on a camera outside of the packaged model's training, and what it unlearns.

    python benchmarks/adapt.py OUT [--labels 0 20] [--seeds 0 1 2] [--steps 800] [--own stores/mixed]

Renders the recording of docs/results/adapt_recording.json into OUT, adapts the packaged model to it for each
number of labels and seed, and measures the models on its test frames, crop centres given. --own is a store
like the frames of the base's training, to see what is unlearned; docs/results/base_model.md has its command.
What is there of an earlier call is not made again.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import torch

from murauer.cli.main import main as murauer
from murauer.evaluation.split import evaluate_split
from murauer.nets.model_file import model_path
from murauer.prepare.rendering.simulated import simulate_store
from murauer.store.makers import SimulationConfig
from murauer.store.store import Store, open_store
from murauer.text_files import decode_json

RECORDING = Path(__file__).resolve().parent.parent / "docs" / "results" / "adapt_recording.json"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--labels", type=int, nargs="+", default=[0, 20])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--own", type=Path, metavar="STORE")
    parser.add_argument("--recording", type=Path, default=RECORDING, metavar="FILE.json")
    options = parser.parse_args()
    folder = options.out / "recording"
    settings = decode_json(options.recording, SimulationConfig, "file of simulation settings")
    store = open_store(folder) if folder.exists() else simulate_store(settings, folder)
    own = None if options.own is None else open_store(options.own)

    first = errors(model_path("default"), store, own)
    print(f"{torch.get_num_threads()} threads, {options.steps} steps")
    print("| labels | mm, each seed | mean | below the base | other cameras | minutes |")
    print("|---|---|---|---|---|---|")
    print(row("packaged", [first], first, [0.0]))
    for labels in options.labels:
        found, minutes = [], []
        for seed in options.seeds:
            model = options.out / f"labels{labels}_seed{seed}_steps{options.steps}.safetensors"
            minutes.append(adapted(model, folder, labels, seed, options.steps))
            found.append(errors(model, store, own))
        print(row(str(labels), found, first, minutes), flush=True)


def adapted(model: Path, store: Path, labels: int, seed: int, steps: int) -> float:
    """Adapt the packaged model, unless it is there; returns the minutes that it took."""
    took = model.with_suffix(".json")
    if not took.exists():
        words = ["adapt", store, "--out", model, "--labels", labels, "--seed", seed, "--steps", steps]
        began = time.monotonic()
        if murauer([str(word) for word in words]):
            raise SystemExit(2)
        took.write_text(json.dumps((time.monotonic() - began) / 60))
    minutes: float = json.loads(took.read_text())
    return minutes


Errors = tuple[float, float | None]
"""Mean errors in mm on the camera's test frames, and on those like the base's."""


def errors(model: Path, store: Store, own: Store | None) -> Errors:
    """Measure a model."""
    on_own = None if own is None else evaluate_split(model, own, "test").metrics.mean_error_mm
    return evaluate_split(model, store, "test").metrics.mean_error_mm, on_own


def row(name: str, found: list[Errors], first: Errors, minutes: list[float]) -> str:
    """A line of the table."""
    camera = [each[0] for each in found]
    mean = statistics.mean(camera)
    others = [each[1] for each in found if each[1] is not None]
    kept = f"{statistics.mean(others):.2f}" if others else ""
    each = ", ".join(f"{error:.2f}" for error in camera)
    below = f"{100 * (1 - mean / first[0]):.0f} %"
    return f"| {name} | {each} | {mean:.2f} | {below} | {kept} | {statistics.mean(minutes):.1f} |"


if __name__ == "__main__":
    main()
