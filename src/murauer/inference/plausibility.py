"""How well predicted joints agree with the depth that they were predicted from."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from murauer.geometry.patches import BACKGROUND, Cubes, Floats, shown
from murauer.handfinder import handedness as log_odds

BEHIND_SURFACE_MM = (-10.0, 45.0)
"""Where joints lie behind the surface in front of them, or behind the finger that hides them."""

NEAR_JOINT_MM = 30.0
"""No part of a hand is much farther from a joint or from the middle of a bone than this."""

HAND_RADIUS_MM = 100.0
"""Around the centre; what is farther may be the arm."""

AROUND = np.array([(u, v) for u in (-1, 0, 1) for v in (-1, 0, 1)])
"""A pixel and its neighbours, (9, 2)."""

HAND_SHARE = 0.3
"""Of a patch that a hand covers, more or less; a wall covers all of it."""

GOOD_MM = 30.0
"""Mean error of joints that still are those of this hand in about this pose."""

WEIGHTS = np.array([4.41, 5.62, -3.56, -9.98, -5.37])
"""Of the four features and of 1, in a logistic model of whether the mean joint error is below `GOOD_MM`;
`benchmarks/confidence.py --fit` makes them."""

ERROR_WEIGHTS = np.array([-4.0, 0.0])
"""Of the logarithm of the expected error in units of `GOOD_MM`, and of 1, likewise."""


def confidence(patch: Floats, xyz: Floats, cubes: Cubes, bones: NDArray[np.int64], centre: int) -> Floats:
    """Give the probability that the mean error of the joints is below `GOOD_MM`.

    Args:
        patch: (B, P, P) that the joints were predicted from.
        xyz: (B, J, 3) joints in mm.
        cubes: The hand cubes of the patches.
        bones: (N, 2) pairs of joints.
        centre: Index of the joint that cubes are centred on.

    Returns:
        (B,) in [0, 1].
    """
    return probability(features(patch, xyz, cubes, bones, centre))


def confidence_from_errors(error_mm: Floats) -> Floats:
    """Give the probability that the mean error of the joints is below `GOOD_MM`, from the expected errors.

    Args:
        error_mm: (B, J), as a dense network expects them.

    Returns:
        (B,) in [0, 1].
    """
    excess = np.log(error_mm.mean(axis=-1) / GOOD_MM)
    return log_odds.probability(ERROR_WEIGHTS[0] * excess + ERROR_WEIGHTS[1]).astype(np.float32)


def probability(rows: NDArray[np.float64]) -> Floats:
    """Weigh features (B, 4), see `confidence`."""
    return log_odds.probability(rows @ WEIGHTS[:-1] + WEIGHTS[-1]).astype(np.float32)


def features(
    patch: Floats, xyz: Floats, cubes: Cubes, bones: NDArray[np.int64], centre: int
) -> NDArray[np.float64]:
    """Measure the agreement, (B, 4); arguments as for `confidence`.

    Returns:
        In columns: the share of joints with a surface where they should have one; the share of the surface
        near the centre that a joint or bone is near to; by how much the share of the patch that shows
        something exceeds that of a hand; the distance of the centre joint from the centre, in half cubes.
    """
    half = cubes.half_mm
    joints = (xyz - cubes.centre[:, None]) / half
    off_centre = np.minimum(np.linalg.norm(joints[:, centre], axis=-1), 1)
    crowded = np.maximum(shown(patch) - HAND_SHARE, 0)
    return np.stack(
        (_supported(patch, xyz, cubes), _explained(patch, joints, cubes, bones), crowded, off_centre), 1
    )


def _supported(patch: Floats, xyz: Floats, cubes: Cubes) -> NDArray[np.float64]:
    """Share of joints that lie a little behind a surface, (B,)."""
    size, half = cubes.patch_size, cubes.half_mm
    pixel = np.rint(cubes.patch_from_xyz(xyz)).astype(np.int64)[:, :, None] + AROUND  # (B, J, 9, 2)
    inside = ((pixel >= 0) & (pixel < size)).all(axis=-1)
    pixel = pixel.clip(0, size - 1)
    frame = np.arange(len(patch))[:, None, None]
    surface = patch[frame, pixel[..., 1], pixel[..., 0]]
    behind = xyz[:, :, None, 2] - cubes.centre[:, None, None, 2] - surface * half
    nearest, farthest = BEHIND_SURFACE_MM
    good = inside & (surface < BACKGROUND) & (behind > nearest) & (behind < farthest)
    return good.any(axis=-1).mean(axis=-1)


def _explained(patch: Floats, joints: Floats, cubes: Cubes, bones: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of the surface around the centre that is near to a joint or the middle of a bone, (B,)."""
    half = cubes.half_mm[..., 0]
    step, xy = _grid(cubes.patch_size)
    z = patch[:, step // 2 :: step, step // 2 :: step].reshape(len(patch), -1)
    length = (xy**2).sum(axis=-1) + z**2
    measured = (z < BACKGROUND) & (length < (HAND_RADIUS_MM / half) ** 2)
    middles = (joints[:, bones[:, 0]] + joints[:, bones[:, 1]]) / 2
    anchors: Floats = np.concatenate((joints, middles), axis=1)
    # |p - a|² = |p|² - 2 p a + |a|², for all pairs at once: (B, anchors, points). The least is found over the
    # middle axis, which NumPy does in vectors.
    product = anchors[..., :2] @ xy.T + anchors[..., 2:] * z[:, None]
    squared = length + ((anchors**2).sum(axis=-1, keepdims=True) - 2 * product).min(axis=1)
    near = measured & (squared < (NEAR_JOINT_MM / half) ** 2)
    return near.sum(axis=1) / np.maximum(measured.sum(axis=1), 1)


@cache
def _grid(patch_size: int) -> tuple[int, Floats]:
    """Every n-th patch pixel, about 16 in a row: n, and where they are in half cubes, (N, 2).

    That is at the centre's depth; perspective moves the nearest and farthest points by a few per cent.
    """
    step = max(1, patch_size // 16)
    line = (np.arange(patch_size, dtype=np.float32)[step // 2 :: step] + 0.5) / patch_size * 2 - 1
    return step, np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2).astype(np.float32)
