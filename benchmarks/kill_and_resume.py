"""Kill `murauer train` with SIGKILL at random moments; every resume must end with the same weights.

    python benchmarks/kill_and_resume.py [--kills 10] [--seed 0]

Trains the smoke config once without interruption, then again while killing it at random moments, anywhere
from start-up to the last checkpoint, and compares all weights bit by bit.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from murauer.nets.model_file import MODEL_FILE, read_tensors
from murauer.prepare.rendering.simulated import SimulationConfig, simulate_store
from murauer.training.checkpoint import CHECKPOINT_FILE

STORE = SimulationConfig(
    synthetic_frames=200, real_frames=200, validation_frames=50, test_frames=50, region_size=48
)


def command(store: Path, out: Path) -> list[str]:
    program = [sys.executable, "-m", "murauer", "train", "--data", str(store)]
    return [*program, "--out", str(out), "--config", "smoke", "--variant", "full", "--labels", "20"]


def same(first: Path, second: Path) -> bool:
    tensors, others = read_tensors(first)[0], read_tensors(second)[0]
    return tensors.keys() == others.keys() and all(torch.equal(tensors[k], others[k]) for k in tensors)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        store, reference, victim = (Path(folder) / name for name in ("recording", "reference", "victim"))
        simulate_store(STORE, store)
        started = time.monotonic()
        subprocess.run(command(store, reference), check=True, stderr=subprocess.DEVNULL)
        duration = time.monotonic() - started
        kills = 0
        while kills < options.kills:
            process = subprocess.Popen(command(store, victim), stderr=subprocess.DEVNULL)
            try:
                process.wait(moments.uniform(0.2, 1.0) * duration)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                kills += 1
                step = read_step(victim)
                print(f"kill {kills}: last checkpoint before step {step}", flush=True)
            else:
                if process.returncode:
                    raise SystemExit(f"a resumed run failed with exit code {process.returncode}")
                compare(reference, victim)
                print("finished between two kills: same weights; starting afresh", flush=True)
                subprocess.run(["rm", "-r", str(victim)], check=True)
        subprocess.run(command(store, victim), check=True, stderr=subprocess.DEVNULL)
        compare(reference, victim)
        print(f"{kills} kills, every resume succeeded, final weights equal bit by bit")


def read_step(run: Path) -> str:
    """Where the run would go on: pre-training or joint training, and the step."""
    for name, label in ((CHECKPOINT_FILE, "joint"), (f"pretraining_{CHECKPOINT_FILE}", "pre-training")):
        if (run / name).exists():
            return f"{read_tensors(run / name)[1]['step']} of {label}"
    return "0"


def compare(reference: Path, victim: Path) -> None:
    for name in (MODEL_FILE, CHECKPOINT_FILE):
        if not same(reference / name, victim / name):
            raise SystemExit(f"{name} differs from that of the uninterrupted run")


if __name__ == "__main__":
    main()
