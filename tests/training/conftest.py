"""A recording small enough to train on within seconds."""

from pathlib import Path

import pytest

from murauer.data.recording import Recording
from murauer.data.simulated import SimulationConfig, simulate_recording

TINY = SimulationConfig(
    synthetic_frames=48,
    real_frames=40,
    validation_frames=16,
    test_frames=16,
    training_persons=2,
    region_size=48,
)


@pytest.fixture(scope="session")
def tiny_recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """A few dozen simulated frames of each split."""
    folder: Path = tmp_path_factory.mktemp("simulated") / "recording"
    return simulate_recording(TINY, folder, workers=1)
