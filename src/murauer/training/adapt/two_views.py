"""One belief from two cameras that saw the same moments: what one cannot see, the other may."""

import numpy as np

from murauer.geometry.patches import Floats
from murauer.training.adapt.pseudo_labels import Belief

TRUST = -4
"""Power of the expected error that a joint of a view is weighted with, as between turned views."""

ROUNDS = 10
OUTLIER_MM = 10.0
"""Residual from which joints count less and less for the pose of the cameras."""


def relative_pose(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Rotation (3, 3) and shift (3,) that take joints of the second camera to the first one's coordinates.

    Least squares over all joints of all moments (Kabsch 1976), again and again with smaller weights for those
    that disagree. Predictions are wrong by more than a centimetre; the pose from thousands of them is not.

    Args:
        first: Joints in mm as predicted from one camera, (N, J, 3).
        second: The same joints from the other.
    """
    a, b = first.reshape(-1, 3).astype(float), second.reshape(-1, 3).astype(float)
    weight = np.ones((len(a), 1))
    for _ in range(ROUNDS):
        middle_a, middle_b = ((points * weight).sum(0) / weight.sum() for points in (a, b))
        u, _, vt = np.linalg.svd(((b - middle_b) * weight).T @ (a - middle_a))
        rotation = (u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt).T
        shift = middle_a - rotation @ middle_b
        off = np.linalg.norm(a - b @ rotation.T - shift, axis=1, keepdims=True)
        weight = 1 / np.maximum(off, OUTLIER_MM) ** 2
    return rotation.astype(np.float32), shift.astype(np.float32)


def agreed(first: Belief, second: Belief, rotation: Floats, shift: Floats) -> tuple[Belief, Belief]:
    """Both beliefs put together, as either camera sees it.

    Each joint is the mean of the two, the surer one counting more. It is expected to be wrong by what both
    expect, or by half of how far they disagree if that is more.

    Args:
        first: What is believed of moments by one camera.
        second: And by the other.
        rotation: Of the second camera, as `relative_pose` gives it.
        shift: Likewise.
    """
    other = second.joints @ rotation.T + shift
    weights = [error**TRUST for error in (first.error_mm, second.error_mm)]
    share = weights[0] / (weights[0] + weights[1])
    joints = share[..., None] * first.joints + (1 - share[..., None]) * other
    expected = share * first.error_mm + (1 - share) * second.error_mm
    error = np.maximum(expected, np.linalg.norm(first.joints - other, axis=-1) / 2)
    return Belief(joints, error), Belief((joints - shift) @ rotation, error)
