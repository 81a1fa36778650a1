"""The one path from depth to joints: frames, centres and handedness in, joints out.

Everything that predicts takes it: the estimator, streams, the studio, and the scoring of whole stores. The
network is whatever turns patches (B, P, P) into joints (B, J, 3), both in units of half the cube.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from murauer.geometry.patches import Cubes, Floats, Mask

MIRROR = np.array([-1.0, 1.0, 1.0], np.float32)

FARTHEST_MOVE = 0.25
"""By how much of its side a cube is moved at most; a centre joint that is farther away is a failure."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """Joints of B hands, and what they were predicted from in the last pass.

    Attributes:
        joints: Mm, camera coordinates, (B, J, 3).
        cubes: That were cut out.
        patch: Their depth in units of half the cube, (B, P, P).
    """

    joints: Floats
    cubes: Cubes
    patch: Floats


def predict_joints(
    network: Callable[[Floats], Floats],
    depth: NDArray[Any],
    cubes: Cubes,
    left: Mask | None = None,
    *,
    passes: int = 1,
    centre_joint: int = 0,
) -> Prediction:
    """Cut hands out and predict their joints; and again around the centre joint that was predicted.

    Args:
        network: Patches in, joints out.
        depth: (B, H, W) in mm, 0 = no measurement.
        cubes: B, one in each image.
        left: Which are left hands, (B,): the network sees them mirrored, as right ones. By default none is.
        passes: Times that the hand is cut out and predicted.
        centre_joint: Index of the joint that the second cube and those after it are centred on.
    """
    patch = cubes.cut(depth)
    joints = _in_cubes(network, patch, cubes, left)
    for _ in range(passes - 1):
        predicted = joints[:, centre_joint]
        near = np.linalg.norm(predicted - cubes.centre, axis=-1) < FARTHEST_MOVE * cubes.cube_mm
        near &= predicted[:, 2] > 0
        cubes = replace(cubes, centre=np.where(near[:, None], predicted, cubes.centre))
        patch = cubes.cut(depth)
        joints = _in_cubes(network, patch, cubes, left)
    return Prediction(joints, cubes, patch)


def _in_cubes(network: Callable[[Floats], Floats], patch: Floats, cubes: Cubes, left: Mask | None) -> Floats:
    """Predict joints in mm, (B, J, 3); those of left hands from the mirror images of their cubes."""
    if left is None or not left.any():
        return cubes.denormalise_joints(network(patch))
    mirrored = left[:, None, None]
    joints = network(np.where(mirrored, patch[..., ::-1], patch))
    return cubes.denormalise_joints(np.where(mirrored, joints * MIRROR, joints))
