"""What a person does to a label, and that all of it is in the label log."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from dataset_folders.own import Recorded
from murauer.errors import UserError
from murauer.geometry.skeletons import SKELETONS, Skeleton
from murauer.studio.albums.album import AlbumFrame, AlbumView
from murauer.studio.albums.capture_album import CaptureAlbum
from murauer.studio.labels.label_log import LabelLog
from murauer.studio.labels.labelling import Labelling

NYU = SKELETONS["nyu14"]


@pytest.fixture
def label_log(tmp_path: Path) -> Iterator[LabelLog]:
    with LabelLog(tmp_path, NYU) as label_log:
        yield label_log


@pytest.fixture
def frames(capture: Path) -> list[AlbumFrame]:
    album = CaptureAlbum(capture)
    return [album.frame("real", index) for index in range(6)]


@pytest.fixture
def labelling(label_log: LabelLog) -> Labelling:
    return Labelling(label_log, NYU)


def shown(labelling: Labelling) -> np.ndarray:
    assert labelling.joints is not None
    return labelling.joints


def test_what_is_shown_first(labelling: Labelling, frames: list[AlbumFrame], recorded: Recorded) -> None:
    labelling.open(frames[0], None)
    assert labelling.state == "label of the folder"
    np.testing.assert_allclose(shown(labelling), recorded.joints[0, 0], atol=0.01)
    labelling.open(frames[3], None)
    assert labelling.state == "no label" and labelling.joints is None and not labelling.can_label
    with pytest.raises(UserError, match="nothing to label"):
        labelling.accept()
    labelling.open(frames[3], recorded.joints[3, 0].numpy() + 5)
    assert labelling.state == "prediction" and labelling.can_label


def test_a_drag_is_one_change(labelling: Labelling, frames: list[AlbumFrame]) -> None:
    labelling.open(frames[0], None)
    labelling.select(2)
    before = shown(labelling).copy()
    for shift in (1, 2, 3):
        labelling.drag(before[2] + shift)
        assert labelling.label_log.label(frames[0].key) is None
    labelling.drop(before[2] + 4)
    assert labelling.state == "not accepted yet"
    np.testing.assert_allclose(shown(labelling)[2], before[2] + 4, atol=1e-3)
    np.testing.assert_allclose(np.delete(shown(labelling), 2, 0), np.delete(before, 2, 0), atol=1e-3)
    labelling.undo()
    np.testing.assert_allclose(shown(labelling), before, atol=1e-3)
    labelling.redo()
    assert abs(shown(labelling)[2, 0] - before[2, 0] - 4) < 1e-3


def test_the_folders_label_comes_back_by_undo_even_after_it_was_replaced(
    labelling: Labelling, frames: list[AlbumFrame]
) -> None:
    labelling.open(frames[0], None)
    original = shown(labelling).copy()
    labelling.delete()
    assert labelling.state == "no label"
    assert dict(labelling.label_log.accepted()) == {frames[0].key: None}
    labelling.open(AlbumFrame(frames[0].key, 0, frames[2].views), None)  # the folder's label is gone
    labelling.undo()
    np.testing.assert_allclose(shown(labelling), original, atol=1e-3)
    assert labelling.state == "accepted"


def test_the_whole_hand_moves_and_turns_about_the_joint(
    labelling: Labelling, frames: list[AlbumFrame]
) -> None:
    labelling.open(frames[0], None)
    labelling.mode = "whole hand"
    labelling.select(5)
    before = shown(labelling).copy()
    quarter = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    labelling.drag(before[5] + 10, quarter)
    labelling.drop(before[5] + 10, quarter)
    after = shown(labelling)
    np.testing.assert_allclose(after[5], before[5] + 10, atol=1e-3)
    np.testing.assert_allclose(after - after[5], (before - before[5]) @ quarter.T, atol=2e-3)


def test_bones_are_held_through_drags_previews_and_undo(
    labelling: Labelling, frames: list[AlbumFrame]
) -> None:
    labelling.open(frames[0], None)
    fitted = Event()
    assert labelling.fit_hand(lambda _: fitted.set()) and not labelling.fit_hand(lambda _: None)
    assert fitted.wait(300) and not labelling.is_fitting
    labelling.choose_mode("held bones")
    tip, inner = NYU.joints.index("TH_KNU3_A"), NYU.joints.index("TH_KNU3_B")  # on one bone
    labelling.select(tip)
    before = shown(labelling).copy()
    goal = before[tip] + np.array([0, -15, -10], np.float32)
    for share in (0.3, 0.6, 1.0):
        labelling.drag(before[tip] + share * (goal - before[tip]))
    labelling.drop(goal)
    after = shown(labelling).copy()
    assert np.linalg.norm(after[tip] - goal) < np.linalg.norm(before[tip] - goal) / 2
    length = np.linalg.norm(after[tip] - after[inner])
    assert abs(length - np.linalg.norm(before[tip] - before[inner])) < 2  # the fit's, not the label's
    labelling.drop(after[tip] + np.array([5, 5, 0], np.float32))
    assert abs(np.linalg.norm(shown(labelling)[tip] - shown(labelling)[inner]) - length) < 0.01
    labelling.undo()
    np.testing.assert_allclose(shown(labelling), after, atol=1e-3)


def test_all_else_goes_on_while_the_hand_is_fitted(
    labelling: Labelling, frames: list[AlbumFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, ended = Event(), Event()

    class NoHand:
        fits = staticmethod(lambda skeleton: skeleton is NYU)

        def __init__(self, labels: np.ndarray, skeleton: Skeleton) -> None:
            assert labels.shape == (1, 14, 3) and go_on.wait(60)
            raise UserError("these are the joints of no hand")

    monkeypatch.setattr("murauer.studio.labels.hand_fits.HeldHand", NoHand)
    labelling.open(frames[0], None)
    labelling.choose_mode("held bones")
    assert not labelling.can_drag
    assert labelling.fit_hand(lambda fit: ended.set()) and labelling.is_fitting
    with pytest.raises(UserError, match="not fitted to this hand yet"):
        labelling.drop(shown(labelling)[labelling.selected] + 1)
    labelling.open(frames[1], None)  # of the same person
    assert labelling.is_fitting and not labelling.can_drag
    labelling.choose_mode("one joint")
    labelling.drop(shown(labelling)[labelling.selected] + 1)
    labelling.accept()
    assert labelling.state == "accepted" and labelling.is_fitting
    go_on.set()
    assert ended.wait(60)
    assert not labelling.is_fitting
    labelling.choose_mode("held bones")
    assert not labelling.can_drag


def test_bones_of_other_joints_cannot_be_held(tmp_path: Path) -> None:
    other = Skeleton("two", ("a", "b"), (-1, 0), ("palm", "thumb"), centre=0)
    with LabelLog(tmp_path, other) as label_log:
        labelling = Labelling(label_log, other)
        with pytest.raises(UserError, match="does not have the joints of two"):
            labelling.choose_mode("held bones")
        assert labelling.mode == "one joint"


def test_snapping_prediction_and_acceptance(
    labelling: Labelling, frames: list[AlbumFrame], recorded: Recorded
) -> None:
    truth = recorded.joints[4, 0].numpy()
    labelling.open(frames[4], truth + np.array([0, 0, 25], np.float32))
    labelling.select(NYU.joints.index("PALM_3"))
    labelling.snap(frames[4].views[0], 8.0)
    surface = frames[4].views[0]
    assert abs(shown(labelling)[NYU.centre, 2] - truth[NYU.centre, 2]) < 15 and surface.from_first is not None
    labelling.accept()
    assert labelling.state == "accepted" and list(labelling.label_log.accepted()) == [frames[4].key]
    labelling.start_from_prediction()
    assert labelling.state == "not accepted yet"
    np.testing.assert_allclose(shown(labelling), truth + np.array([0, 0, 25]), atol=1e-2)
    labelling.open(frames[4], None)
    with pytest.raises(UserError, match="no prediction"):
        labelling.start_from_prediction()


def test_frames_that_cannot_be_used_are_not_labelled(labelling: Labelling, frames: list[AlbumFrame]) -> None:
    view = AlbumView("front", frames[0].views[0].depth, frames[0].views[0].camera, np.eye(4))
    labelling.open(AlbumFrame("x", 0, (view,), problem="it is damaged"), np.zeros((14, 3), np.float32))
    for act in (labelling.accept, labelling.delete, labelling.start_from_prediction):
        with pytest.raises(UserError, match=r"cannot be labelled|nothing to label"):
            act()
    with pytest.raises(UserError, match="nothing to undo"):
        labelling.undo()
    assert labelling.label_log.label("x") is None


def test_no_hand_is_a_label(labelling: Labelling, frames: list[AlbumFrame], recorded: Recorded) -> None:
    labelling.open(frames[0], None)
    labelling.say_no_hand()
    assert labelling.state == "no hand here" and labelling.joints is None and not labelling.can_label
    held = labelling.label_log.accepted()[frames[0].key]
    assert held is not None and held.shape == (0, 3)
    labelling.undo()
    assert labelling.state == "accepted"
    labelling.redo()
    assert labelling.state == "no hand here"
    labelling.open(frames[3], None)  # nothing was found there, either
    labelling.say_no_hand()
    assert labelling.state == "no hand here"


def test_joints_that_a_label_lacks_are_predicted(
    labelling: Labelling, frames: list[AlbumFrame], recorded: Recorded
) -> None:
    first = frames[0].views[0]
    assert first.joints is not None
    lacking = first.joints.copy()
    lacking[4] = np.nan
    frame = replace(frames[0], views=(replace(first, joints=lacking), *frames[0].views[1:]))
    labelling.open(frame, None)
    assert labelling.joints is None and not labelling.can_label
    predicted = recorded.joints[0, 0].numpy() + 5
    labelling.open(frame, predicted)
    assert labelling.state == "label of the folder, 1 joints of it predicted"
    np.testing.assert_array_equal(shown(labelling)[4], predicted[4])
    np.testing.assert_array_equal(np.delete(shown(labelling), 4, 0), np.delete(lacking, 4, 0))
    labelling.accept()
    assert labelling.state == "accepted"


def test_rendered_frames_keep_their_labels(labelling: Labelling, frames: list[AlbumFrame]) -> None:
    labelling.open(frames[0], None, fixed="they are rendered")
    assert labelling.joints is not None and not labelling.can_label
    for act in (
        labelling.accept,
        labelling.delete,
        labelling.say_no_hand,
        lambda: labelling.nudge(np.ones(3)),
    ):
        with pytest.raises(UserError, match="they are rendered"):
            act()
    assert labelling.label_log.label(frames[0].key) is None
