"""Trainings resume exactly, are deterministic, differ by variant, and stop on non-finite losses."""

import dataclasses
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from murauer.errors import UserError
from murauer.nets.model_file import load_model, read_tensors
from murauer.store.store import Store
from murauer.training import log, loss_terms
from murauer.training.batch_source import BatchSource
from murauer.training.checkpoint import CHECKPOINT_FILE
from murauer.training.config import Config, load_config
from murauer.training.train import pretrain, train
from murauer.training.variants import VARIANTS


@pytest.fixture(scope="module")
def config() -> Config:
    smoke = load_config("smoke")
    return msgspec.structs.replace(
        smoke,
        training=msgspec.structs.replace(
            smoke.training, pretraining_iterations=6, joint_iterations=9, checkpoint_every=4
        ),
    )


@pytest.fixture(scope="module")
def pretrained(tiny_store: Store, config: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pretrain(tiny_store, config, 0, tmp_path_factory.mktemp("pretraining"))


def full(store: Store, config: Config, out: Path, pretrained: Path, **changes: object) -> Path:
    arguments = {"variant": "full", "labels": 10, "seed": 0, **changes}
    return train(store, config, out=out, pretrained=pretrained, **arguments)  # type: ignore[arg-type]


def assert_same_tensors(first: Path, second: Path) -> None:
    tensors, others = read_tensors(first)[0], read_tensors(second)[0]
    assert tensors.keys() == others.keys()
    for name, tensor in tensors.items():
        assert torch.equal(tensor, others[name]), name


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("stop_at", [2, 4, 7])
def test_interrupted_training_ends_with_the_weights_of_an_uninterrupted_one(
    tiny_store: Store,
    config: Config,
    pretrained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stop_at: int,
) -> None:
    reference = full(tiny_store, config, tmp_path / "reference", pretrained)

    class Stops(log.Progress):
        steps = 0

        def advance(self, units: int = 1, **values: object) -> None:
            Stops.steps += 1
            if Stops.steps == stop_at:
                raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(log, "Progress", Stops)
        with pytest.raises(Interrupted):
            full(tiny_store, config, tmp_path / "resumed", pretrained)
    resumed = full(tiny_store, config, tmp_path / "resumed", pretrained)
    assert_same_tensors(reference, resumed)
    # Optimiser, discriminator and live weights too, not just the moving average.
    assert_same_tensors(reference.parent / CHECKPOINT_FILE, resumed.parent / CHECKPOINT_FILE)


def test_seed_and_variant_change_the_result(
    tiny_store: Store, config: Config, pretrained: Path, tmp_path: Path
) -> None:
    reference = read_tensors(full(tiny_store, config, tmp_path / "a", pretrained))[0]
    for changes in ({"seed": 1}, {"variant": "view_pred"}, {"labels": 11}):
        other = read_tensors(full(tiny_store, config, tmp_path / str(changes), pretrained, **changes))[0]
        key = "network.pose_head.joints.weight"
        assert not torch.equal(reference[key], other[key]), changes


@pytest.mark.parametrize(
    "variant", ["synth_only", "real_only", "real_and_synth", "distr_match", "view_pred", "preview"]
)
def test_every_variant_trains_and_loads(
    tiny_store: Store, config: Config, pretrained: Path, tmp_path: Path, variant: str
) -> None:
    model = full(tiny_store, config, tmp_path, pretrained, variant=variant)
    network, loaded = load_model(model)
    assert (loaded.network.mapping_blocks > 0) == (variant in ("distr_match", "view_pred"))
    joints = network(torch.ones(2, 1, 32, 32))
    assert joints.shape == (2, 14, 3) and torch.isfinite(joints).all()


def test_unlabelled_joints_are_never_read(
    tiny_store: Store, config: Config, pretrained: Path, tmp_path: Path
) -> None:
    """Destroying the labels that were not paid for changes nothing."""
    reference = full(tiny_store, config, tmp_path / "a", pretrained)
    joints = tiny_store.real.joints.copy()
    unlabelled = set(range(len(joints))) - set(tiny_store.labelled_rows(10, 0).tolist())
    joints[sorted(unlabelled)] = 1e6
    real = dataclasses.replace(tiny_store.real, joints=joints)
    blind = full(dataclasses.replace(tiny_store, real=real), config, tmp_path / "b", pretrained)
    assert_same_tensors(reference, blind)


def test_preview_learns_from_unlabelled_views_of_real_frames_alone(
    tiny_store: Store, config: Config, pretrained: Path, tmp_path: Path
) -> None:
    reference = full(tiny_store, config, tmp_path / "a", pretrained, variant="preview")
    empty = dataclasses.replace(tiny_store.synthetic, depth=tiny_store.synthetic.depth[:0])
    alone = full(
        dataclasses.replace(tiny_store, synthetic=empty),
        config,
        tmp_path / "b",
        pretrained,
        variant="preview",
    )
    assert_same_tensors(reference, alone)
    depth = tiny_store.real.depth.copy()
    depth[:, tiny_store.view_pair[1]] = 0  # the second view of every frame, labelled or not
    blind = full(
        dataclasses.replace(tiny_store, real=dataclasses.replace(tiny_store.real, depth=depth)),
        config, tmp_path / "c", pretrained, variant="preview",
    )  # fmt: skip
    first, other = read_tensors(reference)[0], read_tensors(blind)[0]
    weights = [name for name in first if name.startswith("network.extractor") and name.endswith("weight")]
    assert not any(torch.equal(first[name], other[name]) for name in weights)


def test_checkpoint_of_another_training_is_refused(
    tiny_store: Store, config: Config, pretrained: Path, tmp_path: Path
) -> None:
    full(tiny_store, config, tmp_path, pretrained)
    with pytest.raises(UserError, match="belongs to another training"):
        full(tiny_store, config, tmp_path, pretrained, seed=5)


def test_non_finite_loss_stops_and_keeps_the_checkpoint(
    tiny_store: Store,
    config: Config,
    pretrained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:

    monkeypatch.setattr(loss_terms, "view_loss", lambda predicted, view: predicted.sum() * float("nan"))
    with pytest.raises(UserError, match=r"step 0: the loss '.*' is nan"):
        full(tiny_store, config, tmp_path, pretrained)
    assert not (tmp_path / CHECKPOINT_FILE).exists()


def test_view_prediction_needs_a_second_camera(
    tiny_store: Store, config: Config, pretrained: Path, tmp_path: Path
) -> None:
    alone = dataclasses.replace(tiny_store, real=tiny_store.require("twin"))
    with pytest.raises(UserError, match="view of a second camera"):
        full(alone, config, tmp_path / "run", pretrained)
    assert not (tmp_path / "run").exists()


def test_without_pairs_the_correspondence_loss_is_left_out_with_a_notice(
    tiny_store: Store,
    config: Config,
    pretrained: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    alone = dataclasses.replace(tiny_store, pairs=None)
    rows = alone.labelled_rows(10, 0)
    for name, expected in (("full", 1), ("real_and_synth", 0)):
        full(alone, config, tmp_path / name, pretrained, variant=name)
        assert capsys.readouterr().err.count("eq. (8), is left out") == expected
    batch = BatchSource(alone, config, VARIANTS["full"], rows, 0).joint(0)
    assert "labelled_real" in batch.rows and "pairs" not in batch.rows


def test_frames_whose_pair_is_unusable_are_trained_without_it(
    tiny_store: Store, config: Config, pretrained: Path, tmp_path: Path
) -> None:
    """What the synthetic pair's images and joints hold where it is unusable changes nothing."""
    rows = tiny_store.labelled_rows(10, 0)
    pair = tiny_store.require("twin")
    valid, depth, joints = pair.valid.copy(), pair.depth.copy(), pair.joints.copy()
    valid[rows[:5]] = False
    marked = dataclasses.replace(tiny_store, pairs=dataclasses.replace(pair, valid=valid))
    reference = full(marked, config, tmp_path / "a", pretrained)
    depth[rows[:5]], joints[rows[:5]] = 0, np.nan
    damaged = dataclasses.replace(pair, valid=valid, depth=depth, joints=joints)
    other = full(dataclasses.replace(tiny_store, pairs=damaged), config, tmp_path / "b", pretrained)
    assert_same_tensors(reference, other)
    source = BatchSource(marked, config, VARIANTS["full"], rows, 0)
    counts = set()
    for step in range(10):
        batch = source.joint(step)
        counts.add(len(batch.paired))
        rotation = batch.crop.rotation
        assert torch.equal(rotation[batch.rows["labelled_real"]][batch.paired], rotation[batch.rows["pairs"]])
    assert len(counts) > 2  # none, some or all of a batch have synthetic pairs


def test_labels_from_a_file_are_the_ones_used(
    tiny_store: Store, config: Config, pretrained: Path, tmp_path: Path
) -> None:
    usual = tiny_store.labelled_rows(10, 0)
    reference = full(tiny_store, config, tmp_path / "a", pretrained)
    same = full(tiny_store, config, tmp_path / "b", pretrained, label_rows=usual)
    assert_same_tensors(reference, same)
    with pytest.raises(UserError, match="belongs to another training"):
        full(tiny_store, config, tmp_path / "b", pretrained, label_rows=np.arange(10))


def test_missing_synthetic_frames_name_the_remedy(tiny_store: Store, config: Config, tmp_path: Path) -> None:
    bare = dataclasses.replace(tiny_store, synthetic=None, pairs=None)
    with pytest.raises(UserError, match="murauer render frames"):
        train(bare, config, variant="full", labels=10, seed=0, out=tmp_path / "run")
    train(bare, config, variant="real_only", labels=10, seed=0, out=tmp_path / "real_only")
    train(bare, config, variant="preview", labels=10, seed=0, out=tmp_path / "preview")


def test_synthetic_frames_of_one_camera_pretrain_without_views(
    tiny_store: Store, config: Config, tmp_path: Path
) -> None:
    alone = dataclasses.replace(tiny_store, synthetic=tiny_store.require("twin"), view_pair=None)
    network, _ = load_model(pretrain(alone, config, 0, tmp_path))
    assert all(torch.isfinite(value).all() for value in network.state_dict().values())
