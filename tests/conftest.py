"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

PROJECT_ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Folder with the real frames and golden numbers, which are not part of the project."""
    path = Path(os.environ.get("MURAUER_SHARED", PROJECT_ROOT.parent / "shared"))
    if not (path / "data").is_dir():
        pytest.skip(f"reference data not found at {path}; set MURAUER_SHARED to its folder")
    return path
