"""What comes of a frame: joints, how sure they are, whose hand, how long it took."""

import math
from dataclasses import dataclass

import numpy as np

from murauer.geometry.patches import Floats
from murauer.geometry.skeletons import Skeleton
from murauer.hand.handedness import Handedness


@dataclass(frozen=True)
class Timings:
    """What took how long for a frame, in ms; in a batch, the frame's share of it."""

    total: float
    localisation: float
    network: float


@dataclass(frozen=True, eq=False)
class HandPose:
    """One hand in one frame.

    Attributes:
        joints_xyz: (J, 3) camera coordinates in mm: x right, y down, z forward; NaN if there is a problem.
        joints_uvd: (J, 3) pixel, pixel, mm (of the undistorted image); NaN if there is a problem.
        centre: (3,) centre of the cube that was cut out in the last pass, in mm; NaN if there is a problem.
        confidence: Probability that this is a hand and its joints are right within 30 mm on average; 0 if
            there is a problem. It is the product of two probabilities: that of a hand, by the hand finder (1
            where the user gave the centre), and that of joints which fit the depth, by
            `murauer.inference.plausibility`.
        handedness: Which hand it was taken for; None if there is a problem.
        skeleton: Names the J joints.
        timings: What took how long.
        problem: Why there are no joints, in one sentence; None if there are.
        size: Of the hand, 1 for the mean adult's; NaN if there is a problem, or if the model does not ask
            for it.
    """

    joints_xyz: Floats
    joints_uvd: Floats
    centre: Floats
    confidence: float
    handedness: Handedness | None
    skeleton: Skeleton
    timings: Timings
    problem: str | None = None
    size: float = math.nan

    def __bool__(self) -> bool:
        """Whether there are joints."""
        return self.problem is None


def no_pose(problem: str, skeleton: Skeleton, timings: Timings) -> HandPose:
    """A result without joints."""
    nothing = np.full((len(skeleton), 3), np.nan, np.float32)
    return HandPose(nothing, nothing, nothing[0], 0.0, None, skeleton, timings, problem)
