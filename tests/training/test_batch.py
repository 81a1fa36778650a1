"""A mini-batch is one set of tensors; every set in it is what it would be alone."""

import dataclasses

import msgspec
import numpy as np
import pytest
import torch

from murauer.store.store import Store
from murauer.training.batch import INPUT_ROWS, REAL_ROWS, ROW_ORDER
from murauer.training.batch_source import BatchSource
from murauer.training.config import Config, load_config
from murauer.training.parallel import Part
from murauer.training.variants import VARIANTS, Variant


@pytest.fixture(scope="module")
def config() -> Config:
    return load_config("smoke")


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_the_rows_of_all_sets_are_the_batch(tiny_store: Store, config: Config, variant: str) -> None:
    rows = tiny_store.labelled_rows(10 if VARIANTS[variant].real else 0, 0)
    batch = BatchSource(tiny_store, config, VARIANTS[variant], rows, 0).joint(2)
    covered = np.concatenate([np.arange(len(batch.patch))[own] for own in batch.rows.values()])
    assert sorted(covered) == list(range(len(batch.patch)))
    assert len(batch.patch) == len(batch.joints) == len(batch.centre) == len(batch.condition)
    assert [name for name in ROW_ORDER if name in batch.rows] == list(batch.rows)
    for names, own in ((INPUT_ROWS, batch.inputs), (REAL_ROWS, batch.real)):
        inside = [name for name in batch.rows if name in names]
        assert own.stop - own.start == sum(len(batch.patch[batch.rows[name]]) for name in inside)


def test_labels_count_of_all_but_unlabelled_real_frames(tiny_store: Store, config: Config) -> None:
    labelled = tiny_store.labelled_rows(10, 0)
    source = BatchSource(tiny_store, config, VARIANTS["full"], labelled, seed=0)
    counts = set()
    for step in range(8):
        batch = source.joint(step)
        counting = torch.zeros(len(batch.patch), dtype=torch.bool)
        counting[batch.posed.start + batch.labelled] = True
        for name, rows in batch.rows.items():
            if name == "views_real":
                counts.add(int(counting[rows].sum()))
            else:
                expected = name in INPUT_ROWS and name != "unlabelled_real"
                assert bool((counting[rows] == expected).all()), name
        assert len(batch.paired) == len(batch.patch[batch.rows["pairs"]])
    assert len(counts) > 1  # some of the real frames that two cameras saw are labelled


def test_g_alone_is_told_a_jittered_centre(tiny_store: Store, config: Config) -> None:
    rows = tiny_store.labelled_rows(10, 0)
    batch = BatchSource(tiny_store, config, VARIANTS["full"], rows, 0).joint(0)
    for name, own in batch.rows.items():
        moved = (batch.condition[own] - batch.centre[own]).norm(dim=1)
        assert bool((moved > 0).all()) == name.startswith("views"), name


def seen_by(store: Store, config: Config, camera: int) -> dict[str, int]:
    """How many patches of each set show something, if one camera alone saw something."""
    sets = {}
    for name in ("real", "synthetic", "twin"):
        frames = store.require(name)
        depth = np.array(frames.depth)
        depth[:, [other for other in range(frames.views) if other != camera]] = 0
        sets["pairs" if name == "twin" else name] = dataclasses.replace(frames, depth=depth)
    marked = dataclasses.replace(store, **sets)
    batch = BatchSource(marked, config, VARIANTS["full"], store.labelled_rows(10, 0), 0).joint(0)
    shown = (batch.patch < 1).any(dim=3).any(dim=2)[:, 0]
    return {name: int(shown[rows].sum()) for name, rows in batch.rows.items()}


def test_each_set_shows_the_cameras_of_the_paper(tiny_store: Store) -> None:
    config = load_config("smoke")
    training = msgspec.structs.replace(config.training, set_size=30)
    config = msgspec.structs.replace(config, training=training)
    assert tiny_store.view_pair == (0, 1)
    first, second = (seen_by(tiny_store, config, camera) for camera in (0, 1))
    of_first = {
        "unlabelled_real",
        "labelled_real",
        "views_real",
        "pairs",
        "views_synthetic",
        "unlabelled_synthetic",
    }
    assert {name for name, count in first.items() if count == 30} == of_first
    assert {name for name, count in second.items() if count == 30} == {"targets_real", "targets_synthetic"}
    assert 0 < first.pop("synthetic") < 30 and 0 < second.pop("synthetic") < 30  # of all three
    assert not any(count for name, count in second.items() if name in of_first)


def test_pairs_and_views_are_placed_as_the_supplement_says(tiny_store: Store, config: Config) -> None:
    batch = BatchSource(tiny_store, config, VARIANTS["full"], tiny_store.labelled_rows(10, 0), 0).joint(0)
    rows, rotation = batch.rows, batch.crop.rotation
    own, theirs = rows["labelled_real"], rows["pairs"]
    assert torch.equal(rotation[own][batch.paired], rotation[theirs]) and bool((rotation[own] != 0).all())
    offsets = {name: batch.centre[one] for name, one in rows.items()}
    real, pairs = tiny_store.require("real"), tiny_store.require("twin")
    for name, frames, camera in (("targets_real", real, 1), ("labelled_real", real, 0), ("pairs", pairs, 0)):
        moved = torch.cdist(offsets[name], torch.from_numpy(np.array(frames.centre[:, camera])).float())
        assert bool((moved.amin(dim=1) < 1e-3).all()) == name.startswith("targets"), name
    for name in ("views_real", "views_synthetic", "targets_real", "targets_synthetic"):
        assert not rotation[rows[name]].any()


def test_variants_see_the_same_samples_in_the_sets_they_share(tiny_store: Store, config: Config) -> None:
    rows = tiny_store.labelled_rows(10, 0)
    full, fewer = (
        BatchSource(tiny_store, config, VARIANTS[name], rows, 0).joint(1) for name in ("full", "view_pred")
    )
    for name, own in fewer.rows.items():
        assert torch.equal(fewer.patch[own], full.patch[full.rows[name]]), name


def test_pretraining_of_the_paper_shows_all_cameras_all_rotated(tiny_store: Store) -> None:
    synthetic = tiny_store.require("synthetic")
    depth = np.array(synthetic.depth)
    depth[:, 1] = 0  # the second camera sees nothing
    marked = dataclasses.replace(tiny_store, synthetic=dataclasses.replace(synthetic, depth=depth))
    source = BatchSource(marked, load_config("paper"), Variant("", real=False), np.zeros(0, int), 0)
    batch = source.pretraining(0)
    assert batch.rows == {"synthetic": slice(0, 64)}
    assert len(batch.labelled) == 64 and batch.label_weight is None
    assert bool((batch.crop.rotation != 0).all())
    of_second = int((batch.patch == 1).all(dim=(1, 2, 3)).sum())
    assert synthetic.views == 3 and 10 < of_second < 35  # a third of them


def test_pretraining_may_show_half_of_its_samples_to_g(tiny_store: Store, config: Config) -> None:
    source = BatchSource(tiny_store, config, Variant("", real=False), np.zeros(0, int), 0)
    batch = source.pretraining(0)
    assert list(batch.rows) == ["synthetic", "views_synthetic", "targets_synthetic"]
    assert batch.inputs == batch.posed == slice(0, config.training.pretraining_batch)
    assert len(batch.labelled) == config.training.pretraining_batch
    assert batch.real == slice(0, 0) and len(batch.patch[batch.rows["targets_synthetic"]]) == 8


def test_windows_of_different_sizes_give_the_same_samples(tiny_store: Store, config: Config) -> None:
    """The same frames in larger windows, which show nothing more."""
    rows = tiny_store.labelled_rows(10, 0)
    synthetic = tiny_store.require("synthetic")
    pad = ((0, 0), (0, 0), (3, 5), (2, 6))
    intrinsics = synthetic.intrinsics + np.array([0, 0, 2, 3], np.float32)
    wide = dataclasses.replace(synthetic, depth=np.pad(synthetic.depth, pad), intrinsics=intrinsics)
    mixed = dataclasses.replace(tiny_store, synthetic=wide)
    together, alone = (
        BatchSource(store, config, VARIANTS["full"], rows, 0).joint(3) for store in (tiny_store, mixed)
    )
    assert together.rows == alone.rows
    for name, own in together.rows.items():
        if name in REAL_ROWS or name == "pairs":  # whose windows are as large as before
            assert torch.equal(together.patch[own], alone.patch[own]), name
    assert (together.patch - alone.patch).abs().gt(1e-4).float().mean() < 0.01  # ties of rounding
    torch.testing.assert_close(together.joints, alone.joints, rtol=0, atol=1e-4)
    assert torch.equal(together.condition, alone.condition)


def test_parts_of_a_batch_are_its_samples_in_order(tiny_store: Store, config: Config) -> None:
    labelled = tiny_store.labelled_rows(10, 0)
    source = BatchSource(tiny_store, config, VARIANTS["full"], labelled, seed=0)
    for step in range(4):
        whole = source.joint(step)
        parts = [source.joint(step, Part(index, 3)) for index in range(3)]
        for name, rows in whole.rows.items():
            for field in ("patch", "joints", "condition"):
                together = torch.cat([getattr(part, field)[part.rows[name]] for part in parts])
                assert torch.equal(together, getattr(whole, field)[rows]), (name, field)
