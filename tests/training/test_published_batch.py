"""Mini-batches of equal work, and those of the published code."""

import dataclasses
from collections.abc import Mapping

import msgspec
import numpy as np
import pytest
import torch

from murauer.errors import UserError
from murauer.store.store import Store, published_order
from murauer.training.batch_source import BatchSource
from murauer.training.config import Config, load_config
from murauer.training.parallel import Part
from murauer.training.set_sizes import domains_of, images_of, set_sizes
from murauer.training.variants import VARIANTS


def configured(base: str, **step: object) -> Config:
    config = load_config(base)
    settings = msgspec.structs.replace(config.training.step, **step)
    training = msgspec.structs.replace(config.training, step=settings)
    return msgspec.structs.replace(config, training=training)


def images_of_variants(mini_batch: str, set_size: int = 16) -> Mapping[str, int]:
    training = configured("paper", mini_batch=mini_batch).training
    training = msgspec.structs.replace(training, set_size=set_size)
    domains = {name: domains_of(variant) for name, variant in VARIANTS.items()}
    return {name: images_of(set_sizes(training, own), own) for name, own in domains.items()}


@pytest.mark.parametrize("set_size", [3, 12, 16])
def test_variants_do_equal_work_with_sets_of_equal_size(set_size: int) -> None:
    assert set(images_of_variants("equal", set_size).values()) == {4 * set_size}
    training = msgspec.structs.replace(load_config("paper").training, set_size=16)
    full = set_sizes(training, domains_of(VARIANTS["full"]))
    assert full == {"labelled": 8, "synthetic": 16, "views": 8, "unlabelled": 8}


def test_without_pairs_the_others_share_their_work() -> None:
    domains = domains_of(VARIANTS["full"], paired=False)
    assert domains["labelled"] == 1
    assert images_of(set_sizes(load_config("paper").training, domains), domains) == 64


def test_sizes_of_the_published_code() -> None:
    training = load_config("published").training
    sizes = set_sizes(training, domains_of(VARIANTS["full"]))
    assert sizes == {"labelled": 21, "synthetic": 21, "views": 11, "unlabelled": 11}
    assert images_of_variants("published")["full"] == 107


def test_the_guide_says_how_many_images_a_step_shows(request: pytest.FixtureRequest) -> None:
    page = (request.config.rootpath / "docs" / "configuration.md").read_text()
    kinds = ("equal", "per_set", "published")
    found = {kind: images_of_variants(kind) for kind in kinds}
    for name in VARIANTS:
        assert f"| `{name}` | {' | '.join(str(found[kind][name]) for kind in kinds)} |" in page


@pytest.mark.parametrize("mini_batch", ["equal", "per_set", "published"])
def test_a_batch_has_as_many_images_as_it_says(tiny_store: Store, mini_batch: str) -> None:
    config = configured("smoke", mini_batch=mini_batch)
    for name, variant in VARIANTS.items():
        rows = tiny_store.labelled_rows(10 if variant.real else 0, 0)
        source = BatchSource(tiny_store, config, variant, rows, 0)
        batch = source.joint(0)
        shown = batch.inputs.stop - batch.inputs.start
        missing = source.sizes.get("labelled", 0) - len(batch.paired) if variant.mapping else 0
        assert shown == source.images - missing, name


def test_variants_without_real_labels_ignore_them(tiny_store: Store) -> None:
    rows = tiny_store.labelled_rows(10, 0)
    source = BatchSource(tiny_store, load_config("smoke"), VARIANTS["synth_only"], rows, 0)
    assert list(source.joint(0).rows) == ["synthetic"]


@pytest.fixture(scope="module")
def paired_store(tiny_store: Store) -> Store:
    """A store whose synthetic pairs were seen by two cameras: here, by the real ones."""
    pairs = dataclasses.replace(tiny_store.require("real"), valid=np.array(tiny_store.require("real").valid))
    pairs.valid[3] = False
    return dataclasses.replace(tiny_store, pairs=pairs)


@pytest.fixture(scope="module")
def published() -> Config:
    config = configured("smoke", views="published")
    still = msgspec.structs.replace(config.augmentation, noise_mm=0.0)
    training = msgspec.structs.replace(config.training, set_size=16)
    return msgspec.structs.replace(config, augmentation=still, training=training)


def test_published_views_of_both_domains_show_the_same_moments(
    paired_store: Store, published: Config
) -> None:
    rows = paired_store.labelled_rows(10, 0)
    batch = BatchSource(paired_store, published, VARIANTS["full"], rows, 0).joint(0)
    own = batch.rows
    # Without noise, the same moment of the same frames is the same patch, target and label.
    for first, second in (("views_real", "views_synthetic"), ("targets_real", "targets_synthetic")):
        assert torch.equal(batch.patch[own[first]], batch.patch[own[second]])
        assert torch.equal(batch.joints[own[first]], batch.joints[own[second]])
    assert not torch.equal(batch.condition[own["views_real"]], batch.condition[own["views_synthetic"]])


def test_published_views_are_labelled_ones_with_a_probability_of_0_3_at_least(
    paired_store: Store, published: Config
) -> None:
    rows = paired_store.labelled_rows(1, 0)
    source = BatchSource(paired_store, published, VARIANTS["full"], rows, 0)
    batches = [source.joint(step) for step in range(60)]
    counts = np.array([len(batch.paired_views) for batch in batches])
    expected = 0.3 + 0.7 / 39
    assert abs(counts.mean() / 16 - expected) < 4 * (expected * (1 - expected) / (16 * 60)) ** 0.5
    for batch in batches[:10]:
        assert batch.label_weight is not None or not len(batch.paired_views)
        start = batch.rows["views_real"].start - batch.posed.start
        of_views = [
            float(weight)
            for row, weight in zip(batch.labelled, batch.label_weight, strict=True)
            if start <= row < start + 16
        ]
        # The mean of the squares of 42 coordinates, times the size of the set.
        assert of_views == pytest.approx([16 / (42 * len(of_views))] * len(batch.paired_views))
        others = torch.cat([batch.label_weight[:16], batch.label_weight[-16:]])
        assert bool((others == 1).all())


def test_parts_weigh_labels_as_the_whole_does(paired_store: Store, published: Config) -> None:
    source = BatchSource(paired_store, published, VARIANTS["full"], paired_store.labelled_rows(10, 0), 0)
    whole, parts = source.joint(0), [source.joint(0, Part(index, 3)) for index in range(3)]
    assert sum(len(part.paired_views) for part in parts) == len(whole.paired_views)
    assert sum(float(part.label_weight.sum()) for part in parts) == pytest.approx(
        float(whole.label_weight.sum()), rel=1e-5
    )


def test_the_target_of_published_views_is_noisy(paired_store: Store) -> None:
    rows = paired_store.labelled_rows(10, 0)
    targets = {}
    for views in ("paper", "published"):
        config = configured("smoke", views=views)
        batch = BatchSource(paired_store, config, VARIANTS["full"], rows, 0).joint(0)
        target = batch.patch[batch.rows["targets_real"]]
        inside = target[..., 1:] * 0 + (target[..., 1:] < 1) * (target[..., :-1] < 1)
        targets[views] = float(((target[..., 1:] - target[..., :-1]).abs() * inside).sum() / inside.sum())
    assert targets["published"] > 1.3 * targets["paper"]


def test_published_views_need_pairs_of_two_cameras(tiny_store: Store, published: Config) -> None:
    rows = tiny_store.labelled_rows(10, 0)
    with pytest.raises(UserError, match=r"no synthetic pairs that two cameras saw.*set it to \"paper\""):
        BatchSource(tiny_store, published, VARIANTS["full"], rows, 0)
    batch = BatchSource(tiny_store, published, VARIANTS["preview"], rows, 0).joint(0)
    assert not len(batch.paired_views) and "views_synthetic" not in batch.rows


def test_labelled_frames_of_the_published_code(shared_dir, tiny_store: Store) -> None:
    order = np.load(shared_dir / "data" / "golden" / "f_labelled_ids.npz")["order"]
    assert np.array_equal(published_order(len(order)), order)
    own = published_order(len(tiny_store.require("real")))
    for seed in (0, 1):
        assert tiny_store.labelled_rows(10, seed, published=True).tolist() == sorted(own[:10].tolist())
