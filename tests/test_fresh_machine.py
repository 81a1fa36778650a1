"""A machine as it comes: no home, no display, another locale, a package folder that is read-only."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import murauer
from murauer.capture.camera_file import CaptureCamera
from murauer.capture.sources.simulated import SimulatedSource
from murauer.capture.writer import CaptureWriter

FRESH = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PATH": os.environ["PATH"]}
"""All of the environment: neither HOME nor DISPLAY, and text that is ASCII."""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package in which nothing may be written."""
    source = Path(murauer.__file__).parent
    copy = tmp_path_factory.mktemp("installed") / "murauer"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (copy, *copy.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    return copy


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """Two frames of a hand in a folder whose name is no ASCII, with a person and a list in Latin-1."""
    source = SimulatedSource(paced=False)
    camera = source.cameras[0]
    folder = tmp_path / "Übung"
    with CaptureWriter(folder, [CaptureCamera("vorn", camera.camera)]) as writer:
        for number in range(2):
            writer.write(list(source.frame(number).depths), person=3)
    (folder / "test.txt").write_bytes("000001 # für später\n".encode("latin-1"))
    return folder


def run(package: Path, *words: object) -> subprocess.CompletedProcess[bytes]:
    environment = FRESH | {"PYTHONPATH": str(package.parent)}
    command = [sys.executable, "-m", "murauer", *map(str, words)]
    return subprocess.run(
        command,
        env=environment,
        cwd=package.parent,
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_predict(package: Path, capture: Path, tmp_path: Path) -> None:
    before = sorted(package.rglob("*"))
    image, out = capture / "vorn/000000.png", tmp_path / "Gelenke für später.json"
    picture = tmp_path / "Bild ü.png"
    done = run(
        package, "predict", image, "--camera", capture / "camera.json", "--out", out, "--overlay", picture
    )
    assert done.returncode == 0, done.stderr
    (frame,) = json.loads(out.read_text(encoding="utf-8"))["frames"]
    assert np.isfinite(frame["joints_xyz_mm"]).all() and picture.is_file()
    assert [path for path in sorted(package.rglob("*")) if "__pycache__" not in path.parts] == before


def test_import_and_info(package: Path, capture: Path, tmp_path: Path) -> None:
    store = tmp_path / "Speicher ü"
    done = run(package, "import", "recording", capture, "--out", store, "--workers", 1)
    assert done.returncode == 0, done.stderr
    assert b"real" in done.stdout and b"test" in done.stdout
    done = run(package, "info", "--data", store, "--verify")
    assert done.returncode == 0, done.stderr


def test_what_is_wrong_is_said_in_any_locale(package: Path, capture: Path) -> None:
    done = run(package, "predict", capture / "vorn/nirgends ü.png", "--camera", "nyu")
    assert done.returncode in (1, 2) and b"Traceback" not in done.stderr and b"nirgends" in done.stderr
