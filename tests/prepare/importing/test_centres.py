"""Crop centres: annotated, averaged, from files, found; and which of them a set used."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fake_dataset import CAMERA, FakeDataset
from known_hands import KnownHands, hand
from murauer.errors import UserError
from murauer.geometry.camera import uvd_to_xyz
from murauer.geometry.rig import CameraRig
from murauer.handfinder import views
from murauer.prepare.importing.centres import Centres, choose_centres

DATASET = FakeDataset(frames={"synthetic": 6, "real": 6, "test": 4}, unlabelled={("test", 1)})
LABELLED = {"synthetic": True, "real": True, "test": False}


def choose(*words: str, format: str = "xyz") -> Centres:
    return choose_centres(words, format, DATASET, LABELLED)  # type: ignore[arg-type]


def of(centres: Centres, name: str, index: int, view: int = 0) -> torch.Tensor:
    return centres(DATASET.view(name, index, view), name, index, view)[0]


def test_without_a_word_labels_are_used_where_there_are_labels() -> None:
    assert choose().kinds == {"synthetic": "joint", "real": "joint", "test": "localised"}
    assert set(choose("joint").kinds.values()) == {"joint"}


def test_annotated_joint_and_mean() -> None:
    joints = DATASET.view("real", 2, 1).joints
    assert torch.equal(of(choose("joint"), "real", 2, 1), joints[DATASET.skeleton.centre])
    assert torch.allclose(of(choose("mean"), "real", 2, 1), joints.mean(0))
    with pytest.raises(UserError, match="no label"):
        of(choose("mean"), "test", 1)


@pytest.fixture
def finder(monkeypatch: pytest.MonkeyPatch) -> KnownHands:
    """What finds hands, told that there is one."""
    known = KnownHands(hand((50.0, -30.0, 800.0), 0.8))
    monkeypatch.setattr(views, "packaged_finder", lambda: known)
    return known


def test_localised_centres_come_with_a_confidence(finder: KnownHands) -> None:
    frame = DATASET.view("test", 1, 0)
    centre, confidence = choose("localised")(frame, "test", 1, 0)
    assert centre.tolist() == [50.0, -30.0, 800.0] and confidence == 0.8
    assert choose("joint")(DATASET.view("test", 0, 0), "test", 0, 0)[1] == 1.0
    finder.hands = []
    with pytest.raises(UserError, match="found no hand"):
        choose("localised")(frame, "test", 1, 0)


def test_calibrated_views_are_searched_together_and_others_apart(finder: KnownHands) -> None:
    rig = CameraRig((CAMERA, CAMERA), torch.eye(4).repeat(2, 1, 1))
    frames = [DATASET.view("real", 3, view) for view in (0, 1)]
    apart = choose("localised").of_frame(frames, "real", 3)
    assert [sure for _, sure in apart] == [0.8, 0.8]
    calibrated = choose_centres(["localised"], "xyz", replace(DATASET, rig=rig), LABELLED)
    together = calibrated.of_frame(frames, "real", 3)
    assert all(centre.tolist() == [50.0, -30.0, 800.0] for centre, _ in together)
    assert [sure for _, sure in together] == pytest.approx([16 / 17] * 2)
    # One view that cannot be read leaves the other its own search.
    lost = UserError("damaged")
    alone = calibrated.of_frame([lost, frames[0]], "real", 3)
    assert alone[0] is lost and alone[1][1] == 0.8


NUMBERS = np.array([[10.0, -20.0, 800.0], [0, 0, 700], [1, 2, 900], [5, 5, 750]])
EXPECTED = {
    "xyz": [10.0, -20.0, 800.0],
    "xyz-y-up": [10.0, 20.0, 800.0],
    "uvd": uvd_to_xyz(torch.tensor([10.0, -20.0, 800.0]), CAMERA.intrinsics()).tolist(),
}


@pytest.mark.parametrize("format", EXPECTED)
def test_files_of_the_one_set_with_as_many_frames(tmp_path: Path, format: str) -> None:
    path = tmp_path / "centres.txt"
    np.savetxt(path, NUMBERS)
    centres = choose(str(path), format=format)
    assert centres.kinds == {"synthetic": "joint", "real": "joint", "test": "file"}
    assert of(centres, "test", 0).tolist() == pytest.approx(EXPECTED[format])


def test_files_of_a_named_set_and_camera(tmp_path: Path) -> None:
    path = tmp_path / "centres.txt"
    np.savetxt(path, np.arange(1, 19).reshape(6, 3), delimiter=",")
    centres = choose(f"real:2={path}", "mean")
    assert centres.kinds["real"] == "mean"  # of its first camera, which evaluation uses
    assert of(centres, "real", 3, view=1).tolist() == [10, 11, 12]
    assert torch.allclose(of(centres, "real", 3), DATASET.view("real", 3, 0).joints.mean(0))


def test_lines_without_a_centre_are_problems_of_their_frame(tmp_path: Path) -> None:
    path = tmp_path / "centres.txt"
    path.write_text("1 2 600\ninvalid\nnan nan nan\n1 2 -600\n")
    centres = choose(f"test={path}")
    assert of(centres, "test", 0).tolist() == [1, 2, 600]
    for index, message in ((1, "no centre for frame 1"), (2, "no centre"), (3, "not in front of the camera")):
        with pytest.raises(UserError, match=message):
            of(centres, "test", index)


ERRORS = {
    "no such file": ("none.txt", "cannot read"),
    "no set of that length": ("5 lines", r"has 5 lines, but there are 6 real, 4 test frames"),
    "another length than the set": ("real=4 lines", "has 4 lines, but there are 6 real frames"),
    "unknown set": ("train=4 lines", "no set and view 'train'"),
    "unknown view": ("test:2=4 lines", "no set and view 'test:2'"),
    "joints for centres": ("test=joints", "line 1 of .* has 6 numbers"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_wrong_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    word, message = ERRORS[name]
    monkeypatch.chdir(tmp_path)
    for lines in (4, 5):
        np.savetxt(f"{lines} lines", np.ones((lines, 3)))
    np.savetxt("joints", np.ones((4, 6)))
    with pytest.raises(UserError, match=message):
        choose(word)
