"""Twins of labelled real frames: what `murauer twin` writes, and what it refuses."""

import contextlib
import csv
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from murauer.cli import main as cli
from murauer.errors import UserError
from murauer.hand.joint_offsets import JointOffsets
from murauer.hand.joints import JOINT_SETS
from murauer.prepare.pairs.pairs import _camera_motion, make_twins
from murauer.prepare.pairs.pictures import difference_picture
from murauer.prepare.rendering.synthetic import SynthesisConfig, synthesise
from murauer.store.integrity import verify
from murauer.store.store import Store, open_store, read_description, write_description

LABELLED = 12


def drop_twins(store: Store, folder: Path) -> Path:
    """Copy a store without its twins."""
    shutil.copytree(store.folder, folder)
    shutil.rmtree(folder / "twin")
    description = read_description(folder)
    description["sets"] = [name for name in store.sets if name != "twin"]
    description["checksums"] = {
        name: value for name, value in description["checksums"].items() if not name.startswith("twin/")
    }
    write_description(folder, description)
    return folder


@pytest.fixture(scope="module")
def bare(tiny_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drop_twins(tiny_store, tmp_path_factory.mktemp("bare") / "store")


@pytest.fixture(scope="module")
def twinned(bare: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """A store after `murauer twin`, and what the command printed."""
    folder = tmp_path_factory.mktemp("twinned") / "store"
    shutil.copytree(bare, folder)
    # One frame's labels are of no hand: a fingertip elsewhere, the palm turned over.
    joints = np.load(folder / "real" / "joints.npy", mmap_mode="r+")
    spoilt = int(open_store(folder).labelled_rows(LABELLED, 0)[2])
    joints[spoilt, 0] = joints[spoilt, 0, ::-1] * [1.0, 1.3, 1.0]
    joints.flush()
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        code = cli.main(["twin", str(folder), "--labels", str(LABELLED), "--side", "right", "--json"])
    assert code == 0
    return folder, json.loads(printed.getvalue()) | {"spoilt": spoilt}


def test_twins_are_made_of_the_chosen_frames_alone(twinned: tuple[Path, dict[str, object]]) -> None:
    folder, printed = twinned
    store = open_store(folder)
    twin, real = store.need("twin"), store.need("real")
    chosen = store.labelled_rows(LABELLED, 0)
    good = np.setdiff1d(chosen, [printed["spoilt"]])
    assert len(twin) == len(real)
    assert twin.views == real.views == 2
    assert np.flatnonzero(twin.valid[:, 0]).tolist() == good.tolist()
    assert np.flatnonzero(twin.labelled).tolist() == good.tolist()
    assert printed["twins"] == LABELLED - 1
    assert printed["without_twin"] == [printed["spoilt"]]
    others = np.setdiff1d(np.arange(len(real)), good)
    assert not np.asarray(twin.depth[others]).any()
    assert np.isnan(twin.joints[others]).all()
    for name in ("intrinsics", "centre", "person"):
        np.testing.assert_array_equal(getattr(twin, name), getattr(real, name))


def test_twins_show_the_pose_of_their_frames_in_both_cameras(
    twinned: tuple[Path, dict[str, object]],
) -> None:
    folder, _ = twinned
    store = open_store(folder)
    twin, real = store.need("twin"), store.need("real")
    rows = twin.usable_rows(0, 1)
    assert len(rows) >= LABELLED - 2
    for view in (0, 1):
        error = np.linalg.norm(twin.joints[rows, view] - real.joints[rows, view], axis=-1)
        assert np.median(error) < 2.5
        ours, measured = (frames.regions(rows, view).depth for frames in (twin, real))
        near = (measured > 0) & ((measured - real.regions(rows, view).centre[:, 2, None, None]).abs() < 100)
        both = near & (ours > 0)
        # Other things are measured, too; but where the twin has a surface, something must be.
        assert both.sum() > 0.7 * (ours > 0).sum()
        assert (ours - measured)[both].abs().median() < 5.0


def test_store_stays_whole(twinned: tuple[Path, dict[str, object]]) -> None:
    folder, _ = twinned
    store = open_store(folder)
    assert store.centre_kind("twin") == store.centre_kind("real")
    assert any(name.startswith("twin/") for name in store.description["checksums"])
    spoilt_before = {"real/joints.npy"}  # by this test, on purpose
    description = dict(store.description)
    description["checksums"] = {
        name: value for name, value in description["checksums"].items() if name not in spoilt_before
    }
    assert verify(folder, description) == len(description["checksums"])
    assert not (folder / "twin.partial").exists()
    offsets = JointOffsets.load(folder / "joint_offsets.json")
    assert offsets.skeleton == store.skeleton.name
    # The simulated labels are the model's own joints.
    assert offsets.offsets.norm(dim=1).max() < 6.0


def test_table_and_pictures(twinned: tuple[Path, dict[str, object]]) -> None:
    folder, printed = twinned
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
    make_twins(folder, chosen=np.arange(0, 40, 4), handedness="right")
    offsets = JointOffsets.load(folder / "joint_offsets.json")
    assert np.abs(offsets.camera_mm.numpy() - shift).max() < 4.0
    twin = open_store(folder).need("twin")
    rows = twin.usable_rows(0)
    # Labels keep their convention, with the shift; the surface does not follow it.
    assert np.median(np.linalg.norm(twin.joints[rows, 0] - true[rows] - shift, axis=-1)) < 2.5
    real = open_store(folder).need("real")
    ours, measured = (frames.regions(rows).depth for frames in (twin, real))
    near = (ours > 0) & (measured > 0) & ((ours - measured).abs() < 40)
    assert (ours - measured)[near].median().abs() < 3.0


def test_camera_motion_is_known_from_the_rig_or_from_labels(bare: Path) -> None:
    store = open_store(bare)
    rows = np.array([0, 5, 9])
    by_rig = _camera_motion(store, rows, 1)
    by_labels = _camera_motion(replace(store, rig=None), rows, 1)
    assert by_rig[2].all() and by_labels[2].all()
    torch.testing.assert_close(by_labels[0], by_rig[0].contiguous(), atol=1e-4, rtol=0)
    torch.testing.assert_close(by_labels[1], by_rig[1].contiguous(), atol=0.1, rtol=0)
    real = store.need("real")
    wrong = np.array(real.joints)
    wrong[5, 1] *= [1.0, 1.5, 1.0]  # no rigid motion
    wrong[9, 1] = np.nan
    spoilt = replace(store, rig=None, real=replace(real, joints=wrong))
    assert _camera_motion(spoilt, rows, 1)[2].tolist() == [True, False, False]


def test_twins_are_not_replaced_unasked(twinned: tuple[Path, dict[str, object]]) -> None:
    folder, _ = twinned
    with pytest.raises(UserError, match="--replace"):
        make_twins(folder)


def test_stores_that_came_with_twins_keep_them(bare: Path, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    shutil.copytree(bare, folder)
    description = read_description(folder)
    description["sets"] = [name for name in description["sets"] if name != "validation_twin"] + ["twin"]
    description["aliases"] = {"twin": "real"}  # any set as long will do
    write_description(folder, description)
    with pytest.raises(UserError, match="came with twins"):
        make_twins(folder, replace=True)


def test_nothing_to_fit_to(bare: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "store"
    shutil.copytree(bare, folder)
    joints = np.load(folder / "real" / "joints.npy", mmap_mode="r+")
    joints[:, :, 5:] = np.nan
    joints.flush()
    assert cli.main(["twin", str(folder)]) == 2
    message = capsys.readouterr().err
    assert "at most 5 joints are labelled" in message and message.count("\n") == 1
    joints[:] = np.nan
    joints.flush()
    assert cli.main(["twin", str(folder)]) == 2
    assert "label some frames" in capsys.readouterr().err
    shutil.rmtree(folder / "real")
    description = read_description(folder)
    description["sets"] = [name for name in description["sets"] if name != "real"]
    write_description(folder, description)
    assert cli.main(["twin", str(folder)]) == 2
    assert "no real frames" in capsys.readouterr().err


def test_labels_that_are_no_hand_end_in_a_sentence(bare: Path, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    shutil.copytree(bare, folder)
    joints = np.load(folder / "real" / "joints.npy", mmap_mode="r+")
    joints[:] *= 0.001  # metres
    joints.flush()
    with pytest.raises(UserError, match="labels must be nyu14 joints in mm"):
        make_twins(folder, chosen=np.arange(6), handedness="right")
    assert open_store(folder).twin is None


def test_joints_that_the_hand_model_lacks(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(JOINT_SETS, "nyu14")
    with pytest.raises(UserError, match="no joints for the skeleton nyu14"):
        make_twins(bare)


def test_difference_picture_is_blue_where_the_twin_is_nearer() -> None:
    real = torch.tensor([[700.0, 700.0, 700.0, 0.0, 700.0, 0.0]])
    twin = torch.tensor([[700.0, 670.0, 730.0, 0.0, 0.0, 700.0]])
    equal, blue, orange, nothing, only_real, only_twin = np.asarray(difference_picture(real, twin))[0].astype(
        int
    )
    assert equal.min() > 230
    assert blue[2] > blue[0] + 100
    assert orange[0] > orange[2] + 100
    assert nothing.max() < 50
    assert only_real[0] == only_real[2] > only_twin[0] == only_twin[2] > 50


def test_synthetic_frames_made_after_twins_are_labelled_alike(bare: Path, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    shutil.copytree(bare, folder)
    config = SynthesisConfig(frames=6)
    own = np.array(synthesise(folder, config, replace=True, workers=1).need("synthetic").joints)
    offsets = torch.zeros(own.shape[2], 3)
    offsets[3] = torch.tensor([0.0, 5.0, 0.0])
    JointOffsets("nyu14", offsets, torch.tensor([4.0, 0.0, -8.0])).save(folder / "joint_offsets.json")
    store = synthesise(folder, config, replace=True, workers=1)
    assert store.description["synthesis"]["joint_offsets"]
    moved = np.array(store.need("synthetic").joints) - own
    others = np.linalg.norm(np.delete(moved[:, 0], 3, 1), axis=-1)
    np.testing.assert_allclose(others, 80**0.5, atol=1e-3)
    turned = moved[:, 0, 3] - [4.0, 0.0, -8.0]
    np.testing.assert_allclose(np.linalg.norm(turned, axis=-1), 5.0, atol=1e-3)
    assert np.linalg.norm(turned[0] - turned[1]) > 0.1  # with the bone, not with the camera
