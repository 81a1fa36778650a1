"""The store and the runs that tests of this folder use."""

from pathlib import Path

import msgspec
import pytest

from murauer.store.store import Store
from murauer.training.config import load_config
from murauer.training.train import train
from untrained_runs import runs, store  # noqa: F401


@pytest.fixture(scope="session")
def trained(tiny_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of a few steps."""
    out = tmp_path_factory.mktemp("trained") / "run"
    smoke = load_config("smoke")
    training = msgspec.structs.replace(
        smoke.training, pretraining_iterations=3, joint_iterations=4, checkpoint_every=2
    )
    config = msgspec.structs.replace(smoke, training=training)
    train(tiny_store, config, variant="full", labels=10, seed=5, out=out)
    return out
