"""What a person does to the label of the frame that is shown, without any page."""

from collections import defaultdict
from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from murauer.errors import UserError
from murauer.geometry.skeletons import Skeleton
from murauer.studio.albums.album import NO_HAND, AlbumFrame, AlbumView, Floats
from murauer.studio.labels.hand_fits import Fit, HandFits
from murauer.studio.labels.held_hand import DRAG_ITERATIONS, HeldHand
from murauer.studio.labels.label_log import LabelLog
from murauer.studio.labels.snapping import snap

Mode = Literal["one joint", "held bones", "whole hand"]
"""What a drag moves: the joint alone; the finger, with the bones of the fitted hand; all joints alike."""
MODES: tuple[Mode, ...] = get_args(Mode)

PREVIEW_ITERATIONS = 3
"""Of the solver while a joint is being dragged: about 10 ms."""

UNTURNED = np.eye(3)


class Labelling:
    """The label of one frame after another.

    What is shown is the label as the label log has it, else as the folder has it, else what the model
    predicts. Every change is in the label log when its method returns; a drag is one change, at its end.

    Args:
        label_log: Where changes go.
        skeleton: Skeleton of the labels.

    Attributes:
        mode: What a drag moves.
        selected: The joint that is moved.
        joints: As shown, mm, coordinates of the first camera, (J, 3); None where there is nothing to show.
    """

    def __init__(self, label_log: LabelLog, skeleton: Skeleton) -> None:
        self.label_log = label_log
        self._skeleton = skeleton
        self._frame: AlbumFrame | None = None
        self._fixed: str | None = None
        self._prediction: Floats | None = None
        self._accepted: dict[int, dict[str, Floats]] = defaultdict(dict)
        self._hands = HandFits(skeleton)
        self._base: Floats | None = None  # what a drag starts from
        self._hand_base: Floats | None = None  # the base that the hand was brought to
        self.mode: Mode = "one joint"
        self.selected = skeleton.centre
        self.joints: Floats | None = None

    def open(self, frame: AlbumFrame, prediction: Floats | None, fixed: str | None = None) -> None:
        """Turn to a frame.

        Args:
            frame: The frame.
            prediction: What a label may start from, coordinates of the first camera, (J, 3).
            fixed: Why its label cannot be changed, in one sentence; None if it can.
        """
        self._frame, self._prediction, self._fixed = frame, prediction, fixed
        self._show()

    @property
    def can_label(self) -> bool:
        """Whether there is a frame with an image to label, and something to start from."""
        usable = self._frame is not None and self._frame.problem is None and self._fixed is None
        return usable and self.joints is not None

    @property
    def state(self) -> str:
        """What the joints that are shown are, in words."""
        if self._frame is None:
            return "no label"
        label = self.label_log.label(self._frame.key)
        held = self._frame.label if label is None else label.joints
        if held is not None and not len(held):
            return "no hand here"
        if self.joints is None:
            return "no label"
        if label is not None and label.joints is not None:
            return "accepted" if label.accepted else "not accepted yet"
        if label is not None:
            return "label deleted"
        return "prediction" if held is None else f"label of the folder{self._lacking(held)}"

    def _lacking(self, label: Floats) -> str:
        missing = int(np.isnan(label).any(-1).sum())
        return f", {missing} joints of it predicted" if missing else ""

    def select(self, joint: int) -> None:
        """Choose the joint to move; numbers go round."""
        self.selected = joint % len(self._skeleton)

    def choose_mode(self, mode: Mode) -> None:
        """Choose what a drag moves.

        Raises:
            UserError: The hand model, whose bones are to be held, does not have these joints.
        """
        if mode == "held bones":
            self._hands.check()
        self.mode = mode

    @property
    def can_drag(self) -> bool:
        """Whether a drag moves anything: with held bones not before the hand of the person seen is fitted."""
        if not self.can_label or self._frame is None:
            return False
        return self.mode != "held bones" or self._hands.hand(self._frame.person) is not None

    @property
    def is_fitting(self) -> bool:
        """Whether the hand of the person seen is being fitted."""
        return self._frame is not None and self._hands.running(self._frame.person)

    def fit_hand(self, then: Callable[[Fit], object]) -> bool:
        """Fit the hand model to the person seen in the background, unless it is fitted or being fitted.

        It is fitted to the accepted labels of that person, and to what is shown.

        Args:
            then: Called at the end, in another thread, with what came of it.

        Returns:
            Whether a fit was started.

        Raises:
            UserError: There are no joints to fit it to.
        """
        frame, start = self._opened(), self._start()
        known = np.stack([*self._accepted[frame.person].values(), start])
        return self._hands.start(frame.person, known, then)

    def drag(self, target: Floats, rotation: NDArray[np.float64] = UNTURNED) -> None:
        """Show the selected joint at a place; nothing is changed before `drop`.

        Args:
            target: Mm, (3,).
            rotation: (3, 3), of the whole hand about the joint.
        """
        self.joints = self._dragged(target, rotation, PREVIEW_ITERATIONS)

    def drop(self, target: Floats, rotation: NDArray[np.float64] = UNTURNED) -> None:
        """Leave the selected joint at a place; arguments as for `drag`."""
        verb = {"one joint": "move", "held bones": "bend to", "whole hand": "move the hand by"}[self.mode]
        moved = self._dragged(target, rotation, DRAG_ITERATIONS)
        self._change(moved, f"{verb} {self._skeleton.joints[self.selected]}")
        if self.mode == "held bones":
            self._hand_base = self._base

    def nudge(self, step: Floats) -> None:
        """Move the selected joint by a step (3,) in mm."""
        self.drop(self._start()[self.selected] + step)

    def snap(self, view: AlbumView, below_mm: float) -> None:
        """Put the selected joint below the surface that a camera measured.

        Raises:
            UserError: There is none near it.
        """
        place = snap(self._start()[self.selected], view, below_mm)
        if place is None:
            raise UserError("no surface was measured near this joint")
        self.drop(place)

    def start_from_prediction(self) -> None:
        """Begin again with what the model predicts.

        Raises:
            UserError: It predicts nothing here.
        """
        if self._prediction is None:
            raise UserError("there is no prediction with these joints: start the studio with --model")
        self._change(self._prediction, "start from the prediction")

    def accept(self) -> None:
        """Be done with the frame: its label is for training."""
        frame, joints = self._opened(), self._start()
        self._change(joints, "accept", accepted=True)
        self._accepted[frame.person][frame.key] = joints

    def delete(self) -> None:
        """Have no label here."""
        self._change(None, "delete", accepted=True)

    def say_no_hand(self) -> None:
        """Label the frame as one without a hand, and be done with it."""
        frame = self._opened()
        self._change(NO_HAND, "no hand here", accepted=True)
        self._accepted[frame.person].pop(frame.key, None)

    def undo(self) -> None:
        """Take the last change of this frame back.

        Raises:
            UserError: There is none.
        """
        if self._frame is None or not self.label_log.undo(self._frame.key):
            raise UserError("there is nothing to undo in this frame")
        self._show()

    def redo(self) -> None:
        """Make the last change that was undone again.

        Raises:
            UserError: There is none.
        """
        if self._frame is None or not self.label_log.redo(self._frame.key):
            raise UserError("there is nothing to redo in this frame")
        self._show()

    def _change(self, joints: Floats | None, action: str, accepted: bool = False) -> None:
        frame = self._opened()
        try:
            label = frame.label
            if self.label_log.label(frame.key) is None and label is not None and np.isfinite(label).all():
                # So that undo leads back to it even after it was replaced in the folder.
                self.label_log.change(frame.key, label, "label of the folder", accepted=True)
            self.label_log.change(frame.key, joints, action, accepted)
        finally:
            self._show()

    def _show(self) -> None:
        assert self._frame is not None
        label = self.label_log.label(self._frame.key)
        held = self._frame.label if label is None else label.joints
        self._base = self._completed(held)
        self.joints = None if held is not None and not len(held) else self._base

    def _completed(self, label: Floats | None) -> Floats | None:
        """A label with what the model predicts for joints without one; None if some remain."""
        if label is None or not len(label):
            return self._prediction
        known = np.isfinite(label)
        if self._prediction is not None:
            label = np.where(known, label, self._prediction)
        return label if np.isfinite(label).all() else None

    def _dragged(self, target: Floats, rotation: NDArray[np.float64], iterations: int) -> Floats:
        start = self._start()
        pivot = start[self.selected]
        if self.mode == "whole hand":
            return ((start - pivot) @ rotation.T + target).astype(np.float32)
        if self.mode == "held bones":
            return self._hand().drag(self.selected, target, iterations)
        moved = start.copy()
        moved[self.selected] = target
        return moved

    def _hand(self) -> HeldHand:
        """The hand of the person seen, where the drag starts."""
        frame, start = self._opened(), self._start()
        hand = self._hands.hand(frame.person)
        if hand is None:
            raise UserError("the hand model is not fitted to this hand yet; press 1 to move a joint alone")
        if self._hand_base is not start:
            hand.settle(start)
            self._hand_base = start
        return hand

    def _start(self) -> Floats:
        self._opened()
        if self.joints is None or self._base is None:
            raise UserError("there is nothing to label in this frame: no hand was found in it")
        return self._base

    def _opened(self) -> AlbumFrame:
        if self._frame is None or self._frame.problem is not None:
            raise UserError("this frame cannot be labelled: its image cannot be used")
        if self._fixed is not None:
            raise UserError(self._fixed)
        return self._frame
