"""Poses of many frames, one after the other: what cannot be read is told and passed over."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from murauer.capture.depth import centre_from_uvd, centre_of_mass, read_frame
from murauer.capture.named_frames import NamedFrames
from murauer.errors import UserError
from murauer.hand.handedness import GivenHandedness
from murauer.inference.estimator import Estimator
from murauer.inference.pose import HandPose, Timings, no_pose

UVD = tuple[float, float, float]
"""Pixel, pixel and mm of the middle of a hand, in the undistorted image."""

Where = UVD | Mapping[str, UVD] | Literal["anywhere", "cropped"]
"""Where the hand of a frame is: there in all frames; there in the frame of that name, and anywhere in others;
or the frame shows nothing but a hand."""


@dataclass(frozen=True, eq=False)
class FramePoses:
    """What came of a frame.

    Attributes:
        name: Name of the frame.
        poses: Poses of its hands; a single one that says why, if there is none.
        depth: Mm, undistorted, (H, W); None if the frame cannot be used.
    """

    name: str
    poses: list[HandPose]
    depth: NDArray[np.float32] | None


def poses_of_frames(
    estimator: Estimator,
    frames: NamedFrames,
    *,
    where: Where = "anywhere",
    handedness: GivenHandedness = "auto",
    every_hand: bool = False,
    strict: bool = False,
) -> Iterator[FramePoses]:
    """Predict the hands of frames.

    Args:
        estimator: That predicts.
        frames: Frames to be read.
        where: The hand is.
        handedness: Which hand it is.
        every_hand: Whether to give all hands of a frame, in place of one.
        strict: Whether a frame that cannot be used ends it all.

    Raises:
        UserError: With `strict`, a frame cannot be used.
    """
    for frame in frames:
        try:
            capture = frames.camera
            stored = frame.read()
            capture = capture.for_image(stored.shape[1], stored.shape[0])
            depth = read_frame(stored, capture.camera, "mm", capture.distortion)
            if every_hand:
                poses = estimator.hands(depth, capture.camera) or [estimator(depth, capture.camera)]
            else:
                place = where.get(Path(frame.name).name) if isinstance(where, Mapping) else where
                centre: NDArray[np.float32] | None = None
                if place == "cropped":
                    centre = centre_of_mass(depth, capture.camera)
                elif isinstance(place, tuple):
                    centre = centre_from_uvd(place, capture.camera)
                poses = [estimator(depth, capture.camera, centre, handedness)]
        except UserError as error:
            if strict:
                raise
            yield FramePoses(frame.name, [no_pose(str(error), estimator.skeleton, Timings(0, 0, 0))], None)
            continue
        yield FramePoses(frame.name, poses, depth)
