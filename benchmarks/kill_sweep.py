"""Kill `murauer experiment figure4` with all its processes at random moments; the CSV must end the same.

    OMP_NUM_THREADS=1 python benchmarks/kill_sweep.py [--kills 2] [--seed 0] [--workers 2]

Carries out a small sweep once undisturbed, then again while killing its process group (SIGKILL) twice and
giving the same command again, and compares the CSVs byte for byte.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from murauer.prepare.rendering.simulated import SimulationConfig, simulate_store
from murauer.sweeps.sweep import METRICS_FILE

STORE = SimulationConfig(
    synthetic_frames=200, real_frames=200, validation_frames=50, test_frames=50, region_size=48
)


def start(store: Path, out: Path, workers: int) -> subprocess.Popen[bytes]:
    """Start the sweep in a process group of its own."""
    words = ["experiment", "figure4", "--data", str(store), "--out", str(out), "--config", "smoke"]
    words += ["--labels", "10", "all", "--variants", "synth_only", "full", "--seeds", "0"]
    program = [sys.executable, "-m", "murauer", *words, "--workers", str(workers)]
    return subprocess.Popen(
        program, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
    )


def finish(process: subprocess.Popen[bytes]) -> None:
    if process.wait():
        raise SystemExit(f"the sweep ended with exit code {process.returncode}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        store, reference, victim = (Path(folder) / name for name in ("recording", "reference", "victim"))
        simulate_store(STORE, store, workers=1)
        started = time.monotonic()
        finish(start(store, reference, options.workers))
        duration = time.monotonic() - started
        print(f"undisturbed: {duration:.0f} s", flush=True)
        # What is done stays done, so what is left of the sweep becomes shorter with each kill.
        for kill in range(options.kills):
            process = start(store, victim, options.workers)
            after = moments.uniform(0.2, 0.9) * duration / options.kills
            try:
                process.wait(after)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            else:
                raise SystemExit(f"the sweep ended before kill {kill + 1}; choose another --seed")
            finished = sorted(path.parent.name for path in victim.rglob(METRICS_FILE))
            begun = sorted(path.parent.name for path in victim.rglob("*checkpoint.safetensors"))
            print(f"kill {kill + 1} after {after:.0f} s: finished {finished}, begun {begun}", flush=True)
        finish(start(store, victim, options.workers))
        if (reference / "figure4.csv").read_bytes() != (victim / "figure4.csv").read_bytes():
            raise SystemExit("the CSV differs from that of the undisturbed sweep")
        print(f"{options.kills} kills, same CSV byte for byte")


if __name__ == "__main__":
    main()
