"""Whether what looks like a hand has the size of one, in mm: what depth in a wrong unit does not have.

The refinement network was trained on cubes of one side, so it is a measure itself: a hand of twice the size
looks more like one in a cube of twice the side. What is much too near is larger than the image, and its bones
are short.
"""

import numpy as np
from numpy.typing import NDArray

from murauer.geometry.skeletons import SKELETONS
from murauer.handfinder.handedness import probability

CUBES_MM = (150.0, 300.0, 600.0)
"""Sides of the cubes that the refinement network looks through; the middle one is that of its training."""

LEAST_SIZE = 0.25
"""Probability of the right size below which a place is no hand."""

CERTAIN = 12.0
"""Log-odds of a hand above which it matters no more how sure the network is."""

USUAL_BONES_MM, USUAL_VIEW_MM = 690.0, 300.0
"""Of the joints of an adult's hand, all bones together; and what an image should show of the hand's plane."""

BONES = np.array(SKELETONS["nyu14"].bones)

WEIGHTS = np.array([0.69, 0.66, 0.95, 4.2, 5.77, -3.95])
"""Of the five features and of 1, in a logistic model of simulated frames and eleven genuine ones.

`benchmarks/hand_size.py --fit` fits such weights to simulated frames alone, so to other numbers.
"""


def size_probability(hand: NDArray[np.float32], joints: NDArray[np.float32], view_mm: float) -> float:
    """Give the probability that a place with a hand is one of a hand's size.

    Args:
        hand: Log-odds of a hand that the refinement network gives in each of `CUBES_MM`, (3,).
        joints: What it says of the joints in the middle one, mm, (14, 3).
        view_mm: The longer side of what the image shows at the hand's distance.
    """
    return float(probability(features(hand, joints, view_mm) @ WEIGHTS[:-1] + WEIGHTS[-1]))


def features(hand: NDArray[np.float32], joints: NDArray[np.float32], view_mm: float) -> NDArray[np.float64]:
    """Measure the size, (5,); arguments as for `size_probability`.

    Returns:
        How sure the network is; by how much it is surer of half and of twice the size, beyond what it is of
        genuine hands, 0 or less; the logarithms of the bones' length and of the view, as shares of the usual.
    """
    small, right, large = hand.astype(np.float64)
    bones = np.linalg.norm(joints[BONES[:, 0]] - joints[BONES[:, 1]], axis=-1).sum()
    return np.array(
        [
            np.clip(right, 0, CERTAIN),
            np.clip(right - small + 4, -6, 0),
            np.clip(right - large - 2, -12, 0),
            np.log(max(bones, 1.0) / USUAL_BONES_MM),
            np.log(min(view_mm / USUAL_VIEW_MM, 1.0)),
        ]
    )
