"""Left hands in stores: networks see their mirror images, everybody else what the camera saw."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mirrored_store import half_left, in_whole_steps
from murauer.evaluation.latent_space import corresponding_frames, encode_pairs
from murauer.evaluation.split import evaluate_split
from murauer.inference.frames import predict_frames
from murauer.nets.model_file import load_model
from murauer.store.store import Store
from murauer.store.summary import summary
from murauer.training.batch_source import BatchSource
from murauer.training.config import load_config
from murauer.training.variants import VARIANTS

MIRROR = np.array([-1.0, 1.0, 1.0], np.float32)


@pytest.fixture(scope="module")
def right(tiny_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Store:
    return in_whole_steps(tiny_store, tmp_path_factory.mktemp("right") / "store")


@pytest.fixture(scope="module")
def mixed(right: Store, tmp_path_factory: pytest.TempPathFactory) -> Store:
    return half_left(right, tmp_path_factory.mktemp("mixed") / "store")


def tensors(value: Any) -> Iterator[Tensor]:
    """All tensors in dataclasses, dictionaries and sequences."""
    if isinstance(value, Tensor):
        yield value
    elif dataclasses.is_dataclass(value):
        yield from tensors(vars(value))
    elif isinstance(value, dict):
        yield from tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from tensors(each)


@pytest.mark.parametrize("stage", ["pretraining", "joint"])
def test_batches_are_those_of_right_hands(right: Store, mixed: Store, stage: str) -> None:
    """To the bit, with pairs, both views of a moment, and the centre that the view generator is told."""
    config, rows = load_config("smoke"), right.labelled_rows(10, 0)
    sources = [BatchSource(store, config, VARIANTS["full"], rows, seed=0) for store in (right, mixed)]
    for step in range(3):
        expected, seen = (list(tensors(getattr(source, stage)(step))) for source in sources)
        assert len(expected) == len(seen) > 5
        assert all(torch.equal(a, b) for a, b in zip(expected, seen, strict=True))


def test_joints_are_predicted_where_the_camera_saw_them(
    right: Store, mixed: Store, small_model: Path
) -> None:
    network, _ = load_model(small_model)
    expected, found = (predict_frames(network, store.require("test"), 300.0) for store in (right, mixed))
    np.testing.assert_array_equal(found[0::2], expected[0::2])
    np.testing.assert_array_equal(found[1::2], expected[1::2] * MIRROR)
    before, after = (evaluate_split(small_model, store, "test").to_dict() for store in (right, mixed))
    for result in (before, after):
        del result["provenance"]  # tells the stores apart
    assert before == after


def test_the_latent_space_is_that_of_right_hands(right: Store, mixed: Store, small_model: Path) -> None:
    network, _ = load_model(small_model)
    none = np.zeros(0, int)
    first, second = (
        encode_pairs(network, corresponding_frames(store, none), 300.0) for store in (right, mixed)
    )
    assert torch.equal(first.real, second.real) and torch.equal(first.synthetic, second.synthetic)


def test_windows_and_labels_stay_as_recorded(right: Store, mixed: Store) -> None:
    rows = np.array([4, 5])
    before, after = (store.require("real").windows(rows, 1) for store in (right, mixed))
    assert torch.equal(after.depth[0], before.depth[0])
    assert torch.equal(after.depth[1], before.depth[1].flip(-1))
    assert torch.equal(after.joints[1], before.joints[1] * torch.from_numpy(MIRROR))
    poses = [store.require("real").poses(rows, 1) for store in (right, mixed)]
    assert torch.equal(*poses)


def test_the_summary_counts_them(right: Store, mixed: Store) -> None:
    assert "20 left hands" in summary(mixed) and "left hands" not in summary(right)
