"""The one path from depth to joints: frames, centres and handedness in, joints out.

Everything that predicts takes it: the estimator, streams, the studio, the scoring of whole stores, and the
tests during a training. The network is whatever turns patches (B, P, P) into joints as
`murauer.nets.deployed.predicted` does.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from murauer.geometry.hand_size import LARGEST_HAND, SMALLEST_HAND, hand_scale
from murauer.geometry.patches import Cubes, Floats, Mask
from murauer.geometry.skeletons import convert

MIRROR = np.array([-1.0, 1.0, 1.0], np.float32)

FARTHEST_MOVE = 0.25
"""By how much of its side a cube is moved at most; a centre joint that is farther away is a failure."""

VIEWS = ((-40.0, 0.9), (-20.0, 1.08), (0.0, 1.0), (20.0, 1.08), (40.0, 0.9))
"""In-plane rotations in degrees, and sizes of the cube, whose joints are averaged for the best quality."""

TRUST = -4
"""Power of the expected error that a joint is weighted with in this average."""

Network = Callable[[Floats], Floats]


@dataclass(frozen=True, eq=False)
class Prediction:
    """Joints of B hands, and what they were predicted from in the last pass.

    Attributes:
        joints: Mm, camera coordinates, (B, J, 3).
        cubes: That were cut out.
        patch: Their depth in units of half the cube, (B, P, P).
        error_mm: What a dense network expects each joint to be wrong by, (B, J); None from others.
        size: Of the hands, 1 for the mean adult's, (B,); None from networks that are not dense.
    """

    joints: Floats
    cubes: Cubes
    patch: Floats
    error_mm: Floats | None = None
    size: Floats | None = None


@dataclass(frozen=True)
class Dense:
    """How a dense network looks at hands: in cubes that are as large as each hand asks for.

    Attributes:
        skeleton: name of the joints that it predicts.
        cube_mm: side of the cube of a hand of the mean adult's size.
        views: rotations and sizes of the cube that are averaged in the last pass; none for a single view.
    """

    skeleton: str
    cube_mm: float
    views: tuple[tuple[float, float], ...] = ()

    def cube_for(self, size: Floats) -> Floats:
        """Sides in mm of the cubes for hands of these sizes (B,); NaN stands for a mean adult's."""
        known = np.where(np.isnan(size), np.float32(1.0), size).clip(SMALLEST_HAND, LARGEST_HAND)
        return (self.cube_mm * known).astype(np.float32)

    def size_of(self, joints: Floats) -> Floats:
        """Sizes (B,) of hands with joints (B, J, 3) in mm."""
        return hand_scale(convert(joints, self.skeleton, "hand21"))


def predict_joints(
    network: Network,
    depth: NDArray[Any],
    cubes: Cubes,
    left: Mask | None = None,
    *,
    passes: int = 1,
    centre_joint: int = 0,
    dense: Dense | None = None,
    size: Floats | None = None,
) -> Prediction:
    """Cut hands out and predict their joints; and again around the centre joint that was predicted.

    Args:
        network: Patches in, joints out.
        depth: (B, H, W) in mm, 0 = no measurement.
        cubes: B, one in each image; a dense network's are made for the size of the hand.
        left: Which are left hands, (B,): the network sees them mirrored, as right ones. By default none is.
        passes: Times that the hand is cut out and predicted.
        centre_joint: Index of the joint that the second cube and those after it are centred on.
        dense: How the network looks at hands if it is a dense one.
        size: Of the hands as far as it is known, (B,), NaN elsewhere; for a dense network.
    """
    left = np.zeros(len(cubes.centre), bool) if left is None else left
    size = np.full(len(cubes.centre), np.nan, np.float32) if size is None else size
    if dense is not None:
        cubes = replace(cubes, cube_mm=dense.cube_for(size))
    look = _look(network, depth, cubes, left, dense)
    for _ in range(passes - 1):
        predicted, cubes = look.joints[:, centre_joint], look.cubes
        farthest = FARTHEST_MOVE * np.asarray(cubes.cube_mm)
        near = (np.linalg.norm(predicted - cubes.centre, axis=-1) < farthest) & (predicted[:, 2] > 0)
        cubes = replace(cubes, centre=np.where(near[:, None], predicted, cubes.centre))
        if dense is not None:
            seen = np.where(near & np.isnan(size), dense.size_of(look.joints), size)
            cubes = replace(cubes, cube_mm=dense.cube_for(seen))
        look = _look(network, depth, cubes, left, dense)
    if dense is not None and dense.views:
        return _averaged(network, depth, look, left, dense)
    return look


def _look(network: Network, depth: NDArray[Any], cubes: Cubes, left: Mask, dense: Dense | None) -> Prediction:
    """Predict joints once; those of left hands from the mirror images of their cubes."""
    patch = cubes.cut(depth)
    mirrored = left[:, None, None]
    joints = network(np.where(mirrored, patch[..., ::-1], patch) if left.any() else patch)
    joints, error = joints[..., :3], joints[..., 3:]
    if left.any():
        joints = np.where(mirrored, joints * MIRROR, joints)
    if dense is None:
        return Prediction(cubes.denormalise_joints(joints), cubes, patch)
    xyz = cubes.from_patch(joints)
    return Prediction(xyz, cubes, patch, (error * cubes.half_mm)[..., 0], dense.size_of(xyz))


def _averaged(
    network: Network, depth: NDArray[Any], look: Prediction, left: Mask, dense: Dense
) -> Prediction:
    """Predict from several views of each hand; joints that are expected to be better count more."""
    cubes, number, hands = look.cubes, len(dense.views), len(look.joints)
    angles, scales = np.repeat(np.array(dense.views, np.float32), hands, axis=0).T
    turned = replace(
        cubes,
        centre=np.tile(cubes.centre, (number, 1)),
        intrinsics=np.tile(np.broadcast_to(cubes.intrinsics, (hands, 4)), (number, 1)),
        cube_mm=np.tile(np.broadcast_to(cubes.cube_mm, hands), number) * scales,
        rotation=np.deg2rad(angles),
    )
    views = _look(network, np.tile(depth, (number, 1, 1)), turned, np.tile(left, number), dense)
    assert views.error_mm is not None
    joints = views.joints.reshape(number, hands, -1, 3)
    error = views.error_mm.reshape(number, hands, -1)
    weights = (error / error.max(0)) ** TRUST
    weights /= weights.sum(0)
    mean = (joints * weights[..., None]).sum(0)
    return replace(look, joints=mean, error_mm=(error * weights).sum(0), size=dense.size_of(mean))
