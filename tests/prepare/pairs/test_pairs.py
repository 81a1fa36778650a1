"""Synthetic pairs of labelled real frames: what `murauer render pairs` writes, and what it refuses."""

import contextlib
import csv
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from changed_store import resealed
from mirrored_store import half_left
from murauer.cli import main as cli
from murauer.errors import UserError
from murauer.hand.joint_offsets import JointOffsets
from murauer.hand.joints import JOINT_SETS
from murauer.prepare.pairs.pairs import _camera_motion, make_pairs
from murauer.prepare.pairs.pictures import difference_picture
from murauer.prepare.rendering.synthetic import SynthesisConfig, synthesise
from murauer.store.frame_set import open_frame_set
from murauer.store.integrity import verify
from murauer.store.manifest import read_manifest, write_manifest
from murauer.store.store import Store, open_store

LABELLED = 12


def drop_pairs(store: Store, folder: Path) -> Path:
    """Copy a store without its synthetic pairs."""
    shutil.copytree(store.folder, folder)
    shutil.rmtree(folder / "twin")
    write_manifest(folder, store.manifest.without_set("twin"))
    return folder


@pytest.fixture(scope="module")
def bare(tiny_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drop_pairs(tiny_store, tmp_path_factory.mktemp("bare") / "store")


@pytest.fixture(scope="module")
def paired_store(bare: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """A store after `murauer render pairs`, and what the command printed."""
    folder = tmp_path_factory.mktemp("twinned") / "store"
    shutil.copytree(bare, folder)
    # One frame's labels are of no hand: a fingertip elsewhere, the palm turned over.
    joints = np.load(folder / "real" / "joints.npy", mmap_mode="r+")
    spoilt = int(open_store(folder).labelled_rows(LABELLED, 0)[2])
    joints[spoilt, 0] = joints[spoilt, 0, ::-1] * [1.0, 1.3, 1.0]
    joints.flush()
    resealed(folder)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        code = cli.main(["render", "pairs", str(folder), "--labels", str(LABELLED), "--json"])
    assert code == 0
    return folder, json.loads(printed.getvalue()) | {"spoilt": spoilt}


def test_pairs_are_made_of_the_chosen_frames_alone(paired_store: tuple[Path, dict[str, object]]) -> None:
    folder, printed = paired_store
    store = open_store(folder)
    pair, real = store.require("twin"), store.require("real")
    chosen = store.labelled_rows(LABELLED, 0)
    good = np.setdiff1d(chosen, [printed["spoilt"]])
    assert len(pair) == len(real)
    assert pair.views == real.views == 2
    assert np.flatnonzero(pair.valid[:, 0]).tolist() == good.tolist()
    assert np.flatnonzero(pair.labelled).tolist() == good.tolist()
    assert printed["twins"] == LABELLED - 1
    assert printed["without_twin"] == [printed["spoilt"]]
    others = np.setdiff1d(np.arange(len(real)), good)
    assert not np.asarray(pair.depth[others]).any()
    assert np.isnan(pair.joints[others]).all()
    for name in ("intrinsics", "centre", "person"):
        np.testing.assert_array_equal(getattr(pair, name), getattr(real, name))


def test_pairs_show_the_pose_of_their_frames_in_both_cameras(
    paired_store: tuple[Path, dict[str, object]],
) -> None:
    folder, _ = paired_store
    store = open_store(folder)
    pair, real = store.require("twin"), store.require("real")
    rows = pair.usable_rows(0, 1)
    assert len(rows) >= LABELLED - 2
    for view in (0, 1):
        error = np.linalg.norm(pair.joints[rows, view] - real.joints[rows, view], axis=-1)
        assert np.median(error) < 2.5
        ours, measured = (frames.regions(rows, view).depth for frames in (pair, real))
        near = (measured > 0) & ((measured - real.regions(rows, view).centre[:, 2, None, None]).abs() < 100)
        both = near & (ours > 0)
        # Other things are measured, too; but where the synthetic pair has a surface, something must be.
        assert both.sum() > 0.7 * (ours > 0).sum()
        assert (ours - measured)[both].abs().median() < 5.0


def test_store_stays_whole(paired_store: tuple[Path, dict[str, object]]) -> None:
    folder, _ = paired_store
    store = open_store(folder)
    assert store.centre_kind("twin") == store.centre_kind("real")
    assert any(name.startswith("twin/") for name in store.manifest.checksums)
    assert verify(folder, store.manifest.checksums) == len(store.manifest.checksums)
    assert not (folder / "twin.partial").exists()
    offsets = JointOffsets.load(folder / "joint_offsets.json")
    assert offsets.skeleton == store.skeleton.name
    # The simulated labels are the model's own joints.
    assert offsets.offsets.norm(dim=1).max() < 6.0


def test_table_and_pictures(paired_store: tuple[Path, dict[str, object]]) -> None:
    folder, printed = paired_store
    with open(folder / "twins.csv", encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == LABELLED
    assert {row["index"] for row in table if row["twin"] == "no"} == {str(printed["spoilt"])}
    errors = np.array([float(row["error_mm"]) for row in table])
    assert np.median(errors) == pytest.approx(printed["median_error_mm"], abs=0.3)
    for row in table:
        assert float(row["worst_joint_mm"]) >= float(row["error_mm"])
        assert (float(row["error_mm"]) > 10) == (row["twin"] == "no")
    with Image.open(folder / "twins.png") as picture:
        assert picture.width > 1000
        assert len(picture.getcolors(1 << 24) or []) > 200


def test_an_offset_of_all_labels_in_the_camera_is_seen_in_the_depth(bare: Path, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    shutil.copytree(bare, folder)
    shift = np.array([9.0, -6.0, 12.0], np.float32)
    joints = np.load(folder / "real" / "joints.npy", mmap_mode="r+")
    true = np.array(joints[:, 0])
    joints[:, 0] += shift
    joints.flush()
    resealed(folder)
    make_pairs(folder, chosen=np.arange(0, 40, 4))
    offsets = JointOffsets.load(folder / "joint_offsets.json")
    assert np.abs(offsets.camera_mm.numpy() - shift).max() < 4.0
    pair = open_store(folder).require("twin")
    rows = pair.usable_rows(0)
    # Labels keep their convention, with the shift; the surface does not follow it.
    assert np.median(np.linalg.norm(pair.joints[rows, 0] - true[rows] - shift, axis=-1)) < 2.5
    real = open_store(folder).require("real")
    ours, measured = (frames.regions(rows).depth for frames in (pair, real))
    near = (ours > 0) & (measured > 0) & ((ours - measured).abs() < 40)
    assert (ours - measured)[near].median().abs() < 3.0


def test_left_hands_get_pairs_of_left_hands(bare: Path, tmp_path: Path) -> None:
    store = half_left(open_store(bare), tmp_path / "store")
    make_pairs(store.folder, chosen=np.arange(10))
    pair, real = open_store(store.folder).require("twin"), store.require("real")
    rows = pair.usable_rows(0)
    assert len(rows) >= 8 and (pair.left == real.left).all()
    assert np.median((pair.poses(rows) - real.poses(rows)).norm(dim=-1)) < 2.5
    ours, measured = (frames.regions(rows).depth for frames in (pair, real))
    both = (ours > 0) & (measured > 0) & ((ours - measured).abs() < 100)
    assert both.sum() > 0.7 * (ours > 0).sum() and (ours - measured)[both].abs().median() < 5.0


def test_labels_of_the_other_hand_are_refused(bare: Path, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    shutil.copytree(bare, folder)
    frames = open_frame_set(folder / "real", writable=True)
    frames.left[:] = True
    frames.flush()
    resealed(folder)
    with pytest.raises(UserError, match="for left hands, but their labels are of right ones"):
        make_pairs(folder, chosen=np.arange(6), max_error_mm=50.0)
    assert open_store(folder).pairs is None


def test_camera_motion_is_known_from_the_rig_or_from_labels(bare: Path) -> None:
    store = open_store(bare)
    rows = np.array([0, 5, 9])
    by_rig = _camera_motion(store, rows, 1)
    by_labels = _camera_motion(replace(store, rig=None), rows, 1)
    assert by_rig[2].all() and by_labels[2].all()
    torch.testing.assert_close(by_labels[0], by_rig[0].contiguous(), atol=1e-4, rtol=0)
    torch.testing.assert_close(by_labels[1], by_rig[1].contiguous(), atol=0.1, rtol=0)
    real = store.require("real")
    wrong = np.array(real.joints)
    wrong[5, 1] *= [1.0, 1.5, 1.0]  # no rigid motion
    wrong[9, 1] = np.nan
    spoilt = replace(store, rig=None, real=replace(real, joints=wrong))
    assert _camera_motion(spoilt, rows, 1)[2].tolist() == [True, False, False]


def test_pairs_are_not_replaced_unasked(paired_store: tuple[Path, dict[str, object]]) -> None:
    folder, _ = paired_store
    with pytest.raises(UserError, match="--replace"):
        make_pairs(folder)


def test_stores_that_came_with_pairs_keep_them(bare: Path, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    shutil.copytree(bare, folder)
    manifest = read_manifest(folder).without_set("validation_twin").with_set("twin", "joint")
    write_manifest(
        folder, msgspec.structs.replace(manifest, aliases={"twin": "real"})
    )  # any set as long will do
    with pytest.raises(UserError, match="came with synthetic pairs"):
        make_pairs(folder, replace=True)


def test_nothing_to_fit_to(bare: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "store"
    shutil.copytree(bare, folder)
    joints = np.load(folder / "real" / "joints.npy", mmap_mode="r+")
    joints[:, :, 5:] = np.nan
    joints.flush()
    resealed(folder)
    assert cli.main(["render", "pairs", str(folder)]) == 2
    message = capsys.readouterr().err
    assert "at most 5 joints are labelled" in message and message.count("\n") == 1
    joints[:] = np.nan
    joints.flush()
    resealed(folder)
    assert cli.main(["render", "pairs", str(folder)]) == 2
    assert "label some frames" in capsys.readouterr().err
    shutil.rmtree(folder / "real")
    write_manifest(folder, read_manifest(folder).without_set("real"))
    assert cli.main(["render", "pairs", str(folder)]) == 2
    assert "no real frames" in capsys.readouterr().err


def test_labels_that_are_no_hand_end_in_a_sentence(bare: Path, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    shutil.copytree(bare, folder)
    joints = np.load(folder / "real" / "joints.npy", mmap_mode="r+")
    joints[:] *= 0.001  # metres
    joints.flush()
    resealed(folder)
    with pytest.raises(UserError, match="labels must be nyu14 joints in mm"):
        make_pairs(folder, chosen=np.arange(6))
    assert open_store(folder).pairs is None


def test_joints_that_the_hand_model_lacks(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(JOINT_SETS, "nyu14")
    with pytest.raises(UserError, match="no joints for the skeleton nyu14"):
        make_pairs(bare)


def test_difference_picture_is_blue_where_the_pair_is_nearer() -> None:
    real = torch.tensor([[700.0, 700.0, 700.0, 0.0, 700.0, 0.0]])
    pair = torch.tensor([[700.0, 670.0, 730.0, 0.0, 0.0, 700.0]])
    equal, blue, orange, nothing, only_real, only_pair = np.asarray(difference_picture(real, pair))[0].astype(
        int
    )
    assert equal.min() > 230
    assert blue[2] > blue[0] + 100
    assert orange[0] > orange[2] + 100
    assert nothing.max() < 50
    assert only_real[0] == only_real[2] > only_pair[0] == only_pair[2] > 50


def test_synthetic_frames_made_after_pairs_are_labelled_alike(bare: Path, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    shutil.copytree(bare, folder)
    config = SynthesisConfig(frames=6)
    own = np.array(synthesise(folder, config, replace=True, workers=1).require("synthetic").joints)
    offsets = torch.zeros(own.shape[2], 3)
    offsets[3] = torch.tensor([0.0, 5.0, 0.0])
    JointOffsets("nyu14", offsets, torch.tensor([4.0, 0.0, -8.0])).save(folder / "joint_offsets.json")
    store = synthesise(folder, config, replace=True, workers=1)
    assert store.manifest.synthesis.joint_offsets
    moved = np.array(store.require("synthetic").joints) - own
    others = np.linalg.norm(np.delete(moved[:, 0], 3, 1), axis=-1)
    np.testing.assert_allclose(others, 80**0.5, atol=1e-3)
    turned = moved[:, 0, 3] - [4.0, 0.0, -8.0]
    np.testing.assert_allclose(np.linalg.norm(turned, axis=-1), 5.0, atol=1e-3)
    assert np.linalg.norm(turned[0] - turned[1]) > 0.1  # with the bone, not with the camera
