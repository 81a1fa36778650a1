"""How large a hand is: the lengths of all its bones, compared with those of a mean adult hand."""

from murauer.geometry.arrays import Points
from murauer.geometry.skeletons import SKELETONS

MEAN_LENGTH_MM = 837.6
"""Sum of all bones of skeleton hand21 in the mean adult hand of the hand model."""

SMALLEST_HAND, LARGEST_HAND = 0.6, 1.4
"""Sizes of hands that cubes are made for."""


def hand_scale(joints: Points) -> Points:
    """Size of hands, 1 for the mean adult hand.

    Args:
        joints: Of skeleton hand21 in mm, shape (..., 21, 3).

    Returns:
        Shape (...).
    """
    child, parent = zip(*SKELETONS["hand21"].bones, strict=True)
    bones = joints[..., list(child), :] - joints[..., list(parent), :]
    return (bones * bones).sum(-1).__pow__(0.5).sum(-1) / MEAN_LENGTH_MM
