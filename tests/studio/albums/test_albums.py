"""Captures and stores give the same frames, and take labels to where training reads them."""

import json
from pathlib import Path

import numpy as np
import pytest

from changed_store import resealed
from dataset_folders.own import Recorded, write_capture
from murauer.capture.keypoint_file import read_keypoint_file
from murauer.cli.main import main
from murauer.errors import UserError
from murauer.store.integrity import verify
from murauer.store.store import open_store
from murauer.studio.albums.album import NO_HAND, moved
from murauer.studio.albums.open import open_album


def test_frames_of_a_capture(capture: Path, recorded: Recorded) -> None:
    album = open_album(capture)
    assert dict(album.sets) == {"real": 6} and album.to_label == ("real",)
    frame = album.frame("real", 1)
    assert frame.key == "000001" and [view.name for view in frame.views] == ["front", "side"]
    for view, truth, seen in zip(frame.views, recorded.joints[1], recorded.seen[1], strict=True):
        np.testing.assert_allclose(view.joints, truth, atol=0.02)
        np.testing.assert_allclose(view.depth, seen, atol=0.13)
        assert frame.label is not None and view.from_first is not None
        np.testing.assert_allclose(moved(frame.label, view.from_first), truth, atol=0.02)
    assert frame.pair is not None
    np.testing.assert_allclose(frame.pair.depth, recorded.clean[1, 0], atol=0.13)
    assert album.frame("real", 4).label is None


def test_frames_of_a_store(store: Path, recorded: Recorded) -> None:
    album = open_album(store)
    frame = album.frame("real", 0)
    assert frame.key == "real/0" and frame.problem is None and len(frame.views) == 2
    np.testing.assert_allclose(frame.label, recorded.joints[0, 0], atol=0.02)
    first = frame.views[0]
    assert first.depth.shape == (192, 192) and first.centre is not None and frame.pair is not None
    # Joints project to about their own depth in the window.
    uv = first.camera.fx * first.joints[:, 0] / first.joints[:, 2] + first.camera.u0
    assert ((uv > 20) & (uv < 172)).all()


def test_labels_of_a_capture_come_through_the_import(capture: Path, recorded: Recorded) -> None:
    album = open_album(capture)
    new = recorded.joints[:, 0].numpy() + 1
    album.write_labels({"000001": new[1], "000004": new[4], "000000": None})
    labels = {label.image: label for label in read_keypoint_file(capture / "labels.json")[1]}
    assert sorted(labels) == ["front/000001.png", "front/000004.png"]
    again = open_album(capture)
    assert again.frame("real", 0).label is None
    np.testing.assert_allclose(again.frame("real", 4).label, new[4], atol=1e-3)
    store = capture.with_name("made")
    assert main(["import", "recording", str(capture), "--out", str(store), "--workers", "1"]) == 0
    real = open_store(store).require("real")
    assert np.flatnonzero(real.labelled).tolist() == [1, 4]
    np.testing.assert_allclose(real.joints[4, 0], new[4], atol=0.02)


def test_labels_of_a_store_are_what_training_sees(store: Path, recorded: Recorded) -> None:
    album = open_album(store)
    before = open_store(store)
    usable = before.require("real").usable_rows(0)
    row = int(usable[-1])
    assert before.require("real").labelled.tolist() == [True, True, False, False, False, False]
    label = recorded.joints[row, 0].numpy()
    album.write_labels({f"real/{row}": label, "real/0": None})
    after = open_store(store)
    real = after.require("real")
    assert np.flatnonzero(real.labelled).tolist() == [1, row]
    np.testing.assert_allclose(real.joints[row], recorded.joints[row], atol=0.02)
    assert np.isnan(real.joints[0]).all()
    assert after.labelled_rows(2, seed=0).tolist() == [1, row]
    assert verify(store, after.manifest.checksums) and after.require("real").labelled.sum() == 2
    np.testing.assert_allclose(album.frame("real", row).label, label, atol=1e-3)
    assert main(["render", "pairs", str(store), "--replace"]) == 0
    assert open_store(store).require("twin").labelled[row]


def test_views_whose_poses_are_not_known(recorded: Recorded, tmp_path: Path) -> None:
    write_capture(tmp_path / "loose", recorded, labelled=[0], extrinsics=False)
    first, side = open_album(tmp_path / "loose").frame("real", 0).views
    assert first.from_first is not None and side.from_first is None and side.joints is None


def test_images_that_cannot_be_used(capture: Path, store: Path) -> None:
    (capture / "front" / "000002.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (capture / "side" / "000003.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    album = open_album(capture)
    assert "000002.png" in (album.frame("real", 2).problem or "") and album.frame("real", 2).label is None
    assert album.frame("real", 3).problem is None and len(album.frame("real", 3).views) == 1
    valid = np.load(store / "real" / "valid.npy")
    valid[1, 0] = False
    np.save(store / "real" / "valid.npy", valid)
    resealed(store)
    assert "cannot be used" in (open_album(store).frame("real", 1).problem or "")


def test_what_is_no_folder_to_show(capture: Path, store: Path, tmp_path: Path) -> None:
    for folder, skeleton, words in (
        (tmp_path / "nowhere", None, "no folder"),
        (tmp_path, None, "neither a store"),
        (store, "anny21", "skeleton is fixed"),
        (capture, "anny21", "labels of nyu14"),
    ):
        with pytest.raises(UserError, match=words):
            open_album(folder, skeleton)


def test_labels_for_another_capture_are_refused(capture: Path) -> None:
    before = (capture / "labels.json").read_bytes()
    with pytest.raises(UserError, match="no frame 000099"):
        open_album(capture).write_labels({"000099": np.zeros((14, 3), np.float32)})
    assert (capture / "labels.json").read_bytes() == before


def test_labels_for_another_store_are_refused(store: Path) -> None:
    before = json.loads((store / "recording.json").read_text())
    with pytest.raises(UserError, match="no frame real/99"):
        open_album(store).write_labels({"real/99": np.zeros((14, 3), np.float32)})
    assert json.loads((store / "recording.json").read_text()) == before


def test_no_hand_comes_through_the_import(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_album(capture).write_labels({"000001": NO_HAND, "000003": NO_HAND})
    album = open_album(capture)
    assert [album.frame("real", index).shows_hand for index in range(4)] == [True, False, True, False]
    label = album.frame("real", 3).label
    assert label is not None and label.shape == (0, 3)
    store = capture.with_name("made")
    assert main(["import", "recording", str(capture), "--out", str(store), "--workers", "1"]) == 0
    assert "it is labelled to show no hand" in capsys.readouterr().out
    real = open_store(store).require("real")
    assert not real.valid[[1, 3]].any() and not real.labelled[[1, 3]].any() and real.valid[0].all()


def test_no_hand_in_a_store_leaves_the_frame_out(store: Path) -> None:
    open_album(store).write_labels({"real/0": NO_HAND})
    real = open_store(store).require("real")
    assert not real.valid[0].any() and not real.labelled[0] and np.isnan(real.joints[0]).all()
