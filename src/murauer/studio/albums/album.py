"""What the studio leafs through: frames, each seen by one or more cameras."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from murauer.geometry.camera import Camera
from murauer.geometry.skeletons import Skeleton
from murauer.hand.handedness import GivenHandedness

Floats = NDArray[np.float32]

NO_HAND: Floats = np.zeros((0, 3), np.float32)
"""The label of a frame without a hand: it has no joints. Where there is no label there is None."""


@dataclass(frozen=True, eq=False)
class AlbumView:
    """What one camera saw.

    Attributes:
        name: Name of the camera.
        depth: Mm, 0 = no measurement, undistorted, (H, W).
        camera: Camera of this image, which may be a window of the camera's.
        from_first: (4, 4) rigid motion from the coordinates of the first camera to those of this one, mm;
            None where it is not known.
        joints: The label that the folder has, mm, coordinates of this camera, NaN where not labelled, (J, 3).
        centre: Centre of the hand, mm, coordinates of this camera, (3,); None where it is to be located.
    """

    name: str
    depth: Floats
    camera: Camera
    from_first: NDArray[np.float64] | None
    joints: Floats | None = None
    centre: Floats | None = None


@dataclass(frozen=True, eq=False)
class AlbumFrame:
    """Images that were taken at the same time.

    Attributes:
        key: What its label is kept under; stays the same when the folder grows.
        person: Number of the person seen; -1 if unknown.
        views: Views of the cameras whose image can be used, the first camera first.
        pair: The synthetic image of the same pose as the first camera would see it, if there is one.
        problem: Why the first camera's image cannot be used, in one sentence; None if it can.
        handedness: Which hand it is, as far as the folder tells.
        shows_hand: False if the folder has the label that there is no hand.
    """

    key: str
    person: int
    views: tuple[AlbumView, ...]
    pair: AlbumView | None = None
    problem: str | None = None
    shows_hand: bool = True
    handedness: GivenHandedness = "auto"

    @property
    def label(self) -> Floats | None:
        """The label as the folder has it, coordinates of the first camera; None without one.

        Joints that are not labelled are NaN; of a label that there is no hand there are none.
        """
        if self.problem:
            return None
        return self.views[0].joints if self.shows_hand else NO_HAND


class Album(Protocol):
    """A folder of frames.

    Attributes:
        folder: Where it lies.
        skeleton: Skeleton of its labels.
        sets: Number of frames of each of its sets.
        to_label: The sets whose frames a person may label: those of a sensor.
    """

    folder: Path
    skeleton: Skeleton
    sets: Mapping[str, int]
    to_label: tuple[str, ...]

    def key(self, set_name: str, index: int) -> str:
        """What the label of a frame is kept under."""
        ...

    def frame(self, set_name: str, index: int) -> AlbumFrame:
        """Read a frame; what cannot be read says so in its `problem`."""
        ...

    def write_labels(self, labels: Mapping[str, Floats | None]) -> str:
        """Make labels the folder's, for training.

        Args:
            labels: Joints in the first camera's coordinates by key, (J, 3); None to have no label there,
                and `NO_HAND` to have one that there is no hand.

        Returns:
            What to do next, in one sentence.

        Raises:
            UserError: They cannot be written.
        """
        ...


def moved(points: NDArray[Any], motion: NDArray[Any]) -> Floats:
    """Apply a rigid motion (4, 4) to points (..., 3)."""
    return (points @ motion[:3, :3].T + motion[:3, 3]).astype(np.float32)
