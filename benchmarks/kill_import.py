"""Kill `murauer import` with SIGKILL at random moments; every resume must end with the same store.

    python benchmarks/kill_import.py [--kills 10] [--seed 0] [--frames 150]

Writes a folder in the format of the NYU dataset (as the tests do), imports it once without interruption, then
again while killing the command at random moments, from start-up to the last rename, and compares all files of
the two stores byte by byte. Some images are damaged on purpose.
"""

import argparse
import filecmp
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from dataset_folders.nyu import write_nyu

DAMAGED = ("train/depth_1_0000003.png", "train/synthdepth_2_0000007.png", "test/depth_1_0000002.png")


def command(dataset: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "murauer", "import", "nyu", str(dataset), "--out", str(out)]


def assert_same(reference: Path, store: Path) -> int:
    """Compare all files of two folders; their number."""
    files, others = (
        sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        for folder in (reference, store)
    )
    if files != others:
        raise SystemExit(f"the stores have different files: {set(files) ^ set(others)}")
    for file in files:
        if not filecmp.cmp(reference / file, store / file, shallow=False):
            raise SystemExit(f"{file} differs from that of the uninterrupted import")
    return len(files)


def progress(store: Path) -> str:
    """How far a killed import had come."""
    partial = store.with_name(store.name + ".partial")
    if not partial.exists():
        return "before anything was written"
    return f"{len(list((partial / 'finished_chunks').glob('*-*.json')))} chunks finished"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--frames", type=int, default=150)
    options = parser.parse_args()
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        dataset, reference, store = (Path(folder) / name for name in ("nyu", "reference", "store"))
        write_nyu(dataset, train=options.frames, test=options.frames // 5)
        for name in DAMAGED:
            os.truncate(dataset / name, 1000)
        started = time.monotonic()
        subprocess.run(command(dataset, reference), check=True, capture_output=True)
        duration = time.monotonic() - started
        kills = 0
        while kills < options.kills:
            process = subprocess.Popen(
                command(dataset, store), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            )
            try:
                process.wait(moments.uniform(0.2, 1.0) * duration)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                kills += 1
                print(f"kill {kills}: {progress(store)}", flush=True)
            else:
                if process.returncode:
                    raise SystemExit(f"a resumed import failed with exit code {process.returncode}")
                assert_same(reference, store)
                print("finished between two kills: same store; starting afresh", flush=True)
                shutil.rmtree(store)
        subprocess.run(command(dataset, store), check=True, capture_output=True)
        files = assert_same(reference, store)
        print(f"{kills} kills, every resume succeeded, {files} files equal byte by byte")


if __name__ == "__main__":
    main()
