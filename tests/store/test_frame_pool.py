"""Drawing from sets with unusable images: never one of them, and as before where there is none."""

import dataclasses

import numpy as np
import pytest
import torch

from murauer.errors import UserError
from murauer.store.frame_pool import FramePool
from murauer.store.store import Store


def with_arrays(store: Store, name: str, **arrays: np.ndarray) -> Store:
    return dataclasses.replace(store, **{name: dataclasses.replace(store.require(name), **arrays)})


def test_with_all_frames_usable_draws_are_those_over_all_rows(tiny_store: Store) -> None:
    pool = FramePool.of(tiny_store, "synthetic", labelled=True)
    rows, cameras = pool.draw(50, torch.Generator().manual_seed(3), all_cameras=True)
    generator = torch.Generator().manual_seed(3)
    assert np.array_equal(rows, torch.randint(48, (50,), generator=generator))
    assert np.array_equal(cameras, torch.randint(3, (50,), generator=generator))
    assert len(pool.pairs) == 48


def test_unusable_images_are_never_drawn(tiny_store: Store) -> None:
    valid = np.random.default_rng(0).random((48, 3)) < 0.5
    labelled = np.random.default_rng(1).random(48) < 0.8
    store = with_arrays(tiny_store, "synthetic", valid=valid, labelled=labelled)
    pool = FramePool.of(store, "synthetic", labelled=True)
    rows, cameras = pool.draw(2000, torch.Generator().manual_seed(0), all_cameras=True)
    assert valid[rows, cameras].all() and labelled[rows].all()
    assert {(int(r), int(c)) for r, c in zip(rows, cameras, strict=True)} == {
        (r, c) for r, c in np.argwhere(valid).tolist() if labelled[r]
    }
    rows, cameras = pool.draw(500, torch.Generator().manual_seed(0))
    assert valid[rows, 0].all() and labelled[rows].all() and not cameras.any()
    assert pool.pairs.tolist() == np.flatnonzero(valid[:, :2].all(1) & labelled).tolist()
    unlabelled = FramePool.of(store, "synthetic")
    assert unlabelled.first.tolist() == np.flatnonzero(valid[:, 0]).tolist()


def test_pools_without_a_frame_are_refused(tiny_store: Store) -> None:
    with pytest.raises(UserError, match="no usable labelled frame"):
        empty = with_arrays(tiny_store, "synthetic", labelled=np.zeros(48, bool))
        FramePool.of(empty, "synthetic", labelled=True)
    with pytest.raises(UserError, match="murauer render frames"):
        FramePool.of(dataclasses.replace(tiny_store, synthetic=None), "synthetic")


def test_without_a_second_camera_there_are_no_pairs(tiny_store: Store) -> None:
    assert not len(FramePool.of(dataclasses.replace(tiny_store, view_pair=None), "real").pairs)
    assert not len(FramePool.of(tiny_store, "test").pairs)
