"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest
import torch

from murauer.config import load_preset
from murauer.nets.network import HandPoseNetwork
from murauer.training.checkpoint import save_model

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
    """A model file of the smallest preset with random weights."""
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    config = load_preset("smoke")
    torch.manual_seed(0)
    save_model(path, HandPoseNetwork(config.network), config)
    return path
