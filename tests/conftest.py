"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest
import torch

from murauer.nets.model_file import save_model
from murauer.nets.network import HandPoseNetwork
from murauer.prepare.rendering.simulated import SimulationConfig, simulate_store
from murauer.store.store import Store
from murauer.training.config import load_config

PROJECT_ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Folder with the real frames and golden numbers, which are not part of the project."""
    path = Path(os.environ.get("MURAUER_SHARED", PROJECT_ROOT.parent / "shared"))
    if not (path / "data").is_dir():
        pytest.skip(f"reference data not found at {path}; set MURAUER_SHARED to its folder")
    return path


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file of the smallest config with random weights."""
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    config = load_config("smoke")
    torch.manual_seed(0)
    save_model(path, HandPoseNetwork(config.network), config)
    return path


TINY = SimulationConfig(
    synthetic_frames=48,
    real_frames=40,
    validation_frames=16,
    test_frames=16,
    training_persons=2,
    region_size=48,
    skeleton="nyu14",
)


@pytest.fixture(scope="session")
def tiny_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A few dozen simulated frames of each split."""
    folder: Path = tmp_path_factory.mktemp("simulated") / "recording"
    return simulate_store(TINY, folder, workers=1)
