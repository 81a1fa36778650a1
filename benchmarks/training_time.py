"""Time and error of a training from scratch, against another version of the source.

    git worktree add ../before 50e17ce
    python benchmarks/training_time.py --before ../before/src --data STORE [--out runs/training_time]

Both train Full with 100 labels, pre-training included, in one process of one thread each, in turn for each
seed: the other version with its own config (`--before-config`), this one with `--config`. Time is CPU time
of the process, which other programs disturb less than the clock's; both are printed. Finished trainings are
kept.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

LABELS = 100


def murauer(source: Path, *words: str, quiet: bool = False) -> str:
    """Run a command of a version of murauer; gives what it prints."""
    environment = os.environ | {"PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "murauer", *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if quiet else None,
        check=True,
        text=True,
    )
    return done.stdout


def train(source: Path, config_name: str, seed: int, data: Path, out: Path) -> dict[str, Any]:
    """Train and evaluate, unless that is done; CPU seconds and seconds of the training, error in mm."""
    result = out / "training_time.json"
    if not result.exists():
        before, start = _cpu_seconds(), time.monotonic()
        words = ["--data", str(data), "--out", str(out), "--config", config_name, "--variant", "full"]
        murauer(source, "train", *words, "--labels", str(LABELS), "--seed", str(seed))
        took = {"cpu_seconds": _cpu_seconds() - before, "seconds": time.monotonic() - start}
        errors = json.loads(murauer(source, "evaluate", str(out), "--data", str(data), "--json", quiet=True))
        result.write_text(json.dumps(took | {"mean_error_mm": errors["mean_error_mm"]}))
    kept: dict[str, Any] = json.loads(result.read_text())
    return kept


def _cpu_seconds() -> float:
    """Of all processes that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", type=Path, required=True, help="folder `src` of the other version")
    parser.add_argument("--before-config", default="small")
    parser.add_argument("--config", default="demo")
    parser.add_argument("--data", type=Path, required=True, help="store, from `murauer render session`")
    parser.add_argument("--out", type=Path, default=Path("runs/training_time"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    here = Path(__file__).resolve().parents[1] / "src"
    ratios = []
    for seed in options.seeds:
        rows = {}
        for name, source, config_name in (
            ("before", options.before.resolve(), options.before_config),
            ("now", here, options.config),
        ):
            row = train(source, config_name, seed, options.data, options.out / f"{name}_seed{seed}")
            took = f"{row['cpu_seconds']:6.0f} CPU s, {row['seconds']:6.0f} s"
            print(f"seed {seed} {name:6}: {took}, {row['mean_error_mm']:.2f} mm", flush=True)
            rows[name] = row
        ratios.append(rows["now"]["cpu_seconds"] / rows["before"]["cpu_seconds"])
    print(f"CPU time now / before: {statistics.fmean(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    main()
