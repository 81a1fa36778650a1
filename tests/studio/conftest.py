"""A capture of two cameras and a store of it, small, to look at and to label."""

import shutil
from pathlib import Path

import pytest

from dataset_folders.own import Recorded, simulate_frames, write_capture
from murauer.cli.main import main


@pytest.fixture(scope="session")
def recorded() -> Recorded:
    return simulate_frames(6, views=2, seed=3)


@pytest.fixture(scope="session")
def _capture(recorded: Recorded, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studio") / "monday"
    write_capture(folder, recorded, labelled=[0, 1], pairs=True)
    return folder


@pytest.fixture(scope="session")
def _store(_capture: Path) -> Path:
    folder = _capture.with_name("store")
    assert main(["import", "recording", str(_capture), "--out", str(folder), "--workers", "1"]) == 0
    return folder


@pytest.fixture
def capture(_capture: Path, tmp_path: Path) -> Path:
    """Two cameras with known poses; frames 0 and 1 of 6 are labelled."""
    return Path(shutil.copytree(_capture, tmp_path / "monday"))


@pytest.fixture
def store(_store: Path, tmp_path: Path) -> Path:
    """The same, imported."""
    return Path(shutil.copytree(_store, tmp_path / "store"))
