"""What commands give does not depend on threads, workers and instruction sets, as docs/determinism.md says.

The page names the tests of all else that it says.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from murauer.capture.sources.simulated import SimulatedSource
from murauer.store.store import Store

ALONE = {"OMP_NUM_THREADS": "1"}
SHARED = {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "passive"}
ANOTHER_PROCESSOR = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}


def murauer(conditions: dict[str, str], *words: object) -> str:
    """Run a command and return what it prints."""
    command = [sys.executable, "-m", "murauer", *map(str, words)]
    done = subprocess.run(
        command, env=os.environ | conditions, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_rendered_session(tmp_path: Path) -> None:
    frames = [
        word for name in ("synthetic", "real", "validation", "test") for word in (f"--{name}-frames", 6)
    ]
    sessions = {"a": (ALONE, 1), "b": (SHARED | ANOTHER_PROCESSOR, 2)}
    for name, (conditions, workers) in sessions.items():
        out = tmp_path / name
        murauer(conditions, "render", "session", "--out", out, "--workers", workers, *frames)
    arrays = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.npy"))
    assert len(arrays) > 20
    assert [
        path
        for path in arrays
        if (tmp_path / "a" / path).read_bytes() != (tmp_path / "b" / path).read_bytes()
    ] == []


def test_joints_of_a_frame(tmp_path: Path) -> None:
    (depth,) = SimulatedSource(paced=False).frame(0).depths
    Image.fromarray(depth.round().astype(np.uint16)).save(tmp_path / "frame.png")
    command = "predict", tmp_path / "frame.png", "--camera", "nyu"
    first, second = (murauer(conditions, *command) for conditions in (ALONE, SHARED | ANOTHER_PROCESSOR))
    frames = json.loads(first)["frames"]
    assert frames == json.loads(second)["frames"] and frames[0]["joints_xyz_mm"]


@pytest.mark.parametrize(("conditions", "most_mm"), [(SHARED, 0.0), (ANOTHER_PROCESSOR, 0.01)])
def test_joints_of_a_store(
    conditions: dict[str, str], most_mm: float, tiny_store: Store, small_model: Path, tmp_path: Path
) -> None:
    """By PyTorch, whose code for another processor rounds differently."""
    command = "predict", tiny_store.folder, "--split", "test", "--model", small_model, "--out"
    murauer(ALONE, *command, tmp_path / "a.npy")
    murauer(conditions, *command, tmp_path / "b.npy")
    first, second = np.load(tmp_path / "a.npy"), np.load(tmp_path / "b.npy")
    assert np.abs(first - second).max() <= most_mm
