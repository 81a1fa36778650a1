"""Finding the hand in a depth frame when no centre is given.

A palm is about the largest disc that fits into a hand, whatever the fingers do, and it has a size in
millimetres that little else near a camera has: fingers and cables are too thin, chests and walls too wide.

1. reduce the frame to cells of a few millimetres and cut the surface where its depth jumps;
2. take the locally largest discs that fit into it and are as large as a palm: the candidates;
3. prefer the nearest; a wide disc and a long outline for its area, as fingers make it, count as nearness;
4. move the centre to the middle of the hand.

The hand must stand clear of what is behind it by some centimetres. Hands that hold a large object or lie on a
table need a centre given by the user.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from murauer.camera import Camera
from murauer.errors import UserError

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

REACH_MM = (100.0, 1500.0)
"""Distances from the camera at which hands are looked for."""

PALM_RADIUS_MM = (14.0, 62.0)
"""Radius of the largest disc in a hand, from a narrow one seen from the side to a wide open one."""

DEPTH_JUMP_MM = 50.0
"""Between neighbouring cells; more than this is another surface. Fingers over a palm jump by less."""

CELLS_PER_RADIAN = 160.0
"""Resolution of the search: 4 mm cells at 640 mm, a fifth of a finger."""

HAND_RADIUS_MM = 100.0
"""Of the ball around a candidate in which outline and area are measured."""

# How much nearer a candidate counts for its shape: from a conditional logit model of which candidate is the
# hand, fitted to 200 rendered people with a raised hand. Caps, because more is not more of a hand: wider
# discs are heads, longer outlines are noise.
MM_PER_RADIUS, WIDEST_MM = 3.7, 40.0
MM_PER_OUTLINE, LONGEST_MM = 0.52, 650.0
MM_PER_AREA = -0.013

PALM_BALL_MM, ARM_BALL_MM = 75.0, 130.0
"""Radii of a ball that holds palm and knuckles, and of one that reaches well into the arm."""

AWAY_FROM_ARM = 0.75
SURFACE_TO_JOINT_MM = 17.0
"""How far the palm's centre joint lies behind the surface; the mean over the same rendered hands."""


@dataclass(frozen=True)
class _Surface:
    """The frame as cells: positions (H, W, 3) in mm, what is measured, and which connected piece it is of."""

    xyz: Array
    measured: Mask
    piece: NDArray[np.int32]
    cell_radian: float

    @property
    def depth(self) -> Array:
        return self.xyz[..., 2]


@dataclass(frozen=True)
class _Palm:
    """A candidate: the middle (3,) of a palm-sized disc in mm, and what is within HAND_RADIUS_MM of it."""

    middle: Array
    radius_mm: float
    outline_mm: float
    area_mm2: float

    @property
    def cost_mm(self) -> float:
        """Distance from the camera, less what speaks for a hand."""
        return float(
            self.middle[2]
            - MM_PER_RADIUS * min(self.radius_mm, WIDEST_MM)
            - MM_PER_OUTLINE * min(self.outline_mm, LONGEST_MM)
            - MM_PER_AREA * self.area_mm2
        )


def locate_hand(depth: Tensor, camera: Camera) -> Tensor:
    """Find the hand nearest to the camera.

    Args:
        depth: (H, W) in mm, 0 = no measurement.
        camera: The camera that took it.

    Returns:
        Centre of the hand in camera coordinates, mm; shape (3,), float32. It lies inside the hand near the
        middle of the palm, as the joint that the hand cube is centred on in training.

    Raises:
        UserError: If nothing in reach of the camera looks like a hand.
    """
    return localise_with_confidence(depth, camera)[0]


def localise_with_confidence(depth: Tensor, camera: Camera) -> tuple[Tensor, float]:
    """Find the hand nearest to the camera, and say how sure that is.

    Args:
        depth: (H, W) in mm, 0 = no measurement.
        camera: The camera that took it.

    Returns:
        Centre as `locate_hand` gives it, shape (3,), and a confidence in [0, 1].

    Raises:
        UserError: If nothing in reach of the camera looks like a hand.
    """
    surface = _to_surface(depth.detach().cpu().numpy().astype(np.float64), camera)
    palms = _find_palms(surface)
    if not palms:
        raise UserError(_why_no_hand(surface))
    best = min(palms, key=lambda palm: palm.cost_mm)
    centre = _middle_of_hand(surface, best)
    rivals = [palm for palm in palms if np.linalg.norm(palm.middle - best.middle) > ARM_BALL_MM]
    margin = min((palm.cost_mm - best.cost_mm for palm in rivals), default=np.inf)
    confidence = float(1 / (1 + np.exp(-(margin - 40.0) / 40.0)))
    return torch.from_numpy(centre).to(depth.device, torch.float32), confidence


def _to_surface(depth: Array, camera: Camera) -> _Surface:
    """Reduce a frame to cells, each the median of its block of pixels, and find the connected pieces."""
    block = max(1, round(camera.fx / CELLS_PER_RADIAN))
    height, width = depth.shape[0] // block, depth.shape[1] // block
    pixels = depth[: height * block, : width * block].reshape(height, block, width, block)
    pixels = np.sort(pixels.swapaxes(1, 2).reshape(height, width, block * block), axis=-1)
    missing = (pixels <= 0).sum(axis=-1)
    middle = (missing + block * block) // 2
    z = np.take_along_axis(pixels, np.minimum(middle, block * block - 1)[..., None], axis=-1)[..., 0]
    measured = (missing <= 0.75 * block * block) & (z > 0)
    u = (np.arange(width) + 0.5) * block - 0.5
    v = (np.arange(height)[:, None] + 0.5) * block - 0.5
    x, y = (u - camera.u0) * z / camera.fx, (v - camera.v0) * z / camera.fy
    return _Surface(np.stack((x, y, z), axis=-1), measured, _pieces(z, measured), block / camera.fx)


def _pieces(z: Array, measured: Mask) -> NDArray[np.int32]:
    """Number the pieces of surface whose neighbouring cells are linked by less than a jump in depth."""
    number = np.arange(z.size).reshape(z.shape)
    links = []
    for axis in (0, 1):
        here, there = np.s_[:-1], np.s_[1:]
        first = (here, slice(None)) if axis == 0 else (slice(None), here)
        second = (there, slice(None)) if axis == 0 else (slice(None), there)
        linked = measured[first] & measured[second] & (np.abs(z[first] - z[second]) < DEPTH_JUMP_MM)
        links.append((number[first][linked], number[second][linked]))
    rows, columns = (np.concatenate(ends) for ends in zip(*links, strict=True))
    graph = coo_array((np.ones(rows.size, dtype=bool), (rows, columns)), shape=(z.size, z.size))
    return connected_components(graph, directed=False)[1].reshape(z.shape)


def _find_palms(surface: _Surface) -> list[_Palm]:
    """List the middles of all discs of a palm's size in reach."""
    z, measured = surface.depth, surface.measured
    behind = ndimage.maximum_filter(np.where(measured, z, np.inf), size=3)
    inside = measured & (behind - z < DEPTH_JUMP_MM)
    # Beyond the image's border the surface may go on: repeat the border instead of ending there.
    margin = round(2 * PALM_RADIUS_MM[1] / (REACH_MM[0] * surface.cell_radian))
    distance = ndimage.distance_transform_edt(np.pad(inside, margin, mode="edge"))
    radius = distance[margin:-margin, margin:-margin] * surface.cell_radian * z
    neighbours = 9
    peaks = (radius == ndimage.maximum_filter(radius, size=neighbours)) & inside
    peaks &= (radius >= PALM_RADIUS_MM[0]) & (radius <= PALM_RADIUS_MM[1])
    peaks &= (z >= REACH_MM[0]) & (z <= REACH_MM[1])
    return [_describe(surface, row, column, radius[row, column]) for row, column in np.argwhere(peaks)]


def _describe(surface: _Surface, row: int, column: int, radius_mm: float) -> _Palm:
    """Measure the surface around a candidate."""
    middle = surface.xyz[row, column]
    hand = (surface.piece == surface.piece[row, column]) & _within(surface, middle, HAND_RADIUS_MM)
    side = surface.depth * surface.cell_radian
    outline = hand & ~ndimage.binary_erosion(hand)
    return _Palm(middle, float(radius_mm), float(side[outline].sum()), float((side[hand] ** 2).sum()))


def _within(surface: _Surface, middle: Array, radius_mm: float) -> Mask:
    """Mark the cells within a ball."""
    return surface.measured & (np.linalg.norm(surface.xyz - middle, axis=-1) < radius_mm)


def _middle_of_hand(surface: _Surface, palm: _Palm) -> Array:
    """Estimate the palm's centre joint, (3,) in mm, from a disc somewhere in the hand."""
    middle = palm.middle
    for _ in range(3):
        middle = _mean_within(surface, middle, PALM_BALL_MM)
    # The larger ball holds more of the arm, so its mean shows where the arm is: the hand is opposite.
    towards_arm = _mean_within(surface, middle, ARM_BALL_MM) - middle
    towards_arm[2] = 0
    joint = middle - AWAY_FROM_ARM * towards_arm
    return joint * (1 + SURFACE_TO_JOINT_MM / joint[2])


def _mean_within(surface: _Surface, middle: Array, radius_mm: float) -> Array:
    """Average the surface within a ball, each cell counting by its area."""
    near = _within(surface, middle, radius_mm)
    if not near.any():
        return middle.copy()
    return np.average(surface.xyz[near], axis=0, weights=surface.depth[near] ** 2)


def _why_no_hand(surface: _Surface) -> str:
    """Say what is wrong with a frame without candidates."""
    near, far = REACH_MM
    reached = surface.measured & (surface.depth >= near) & (surface.depth <= far)
    if reached.any():
        return "found no hand; it must stand clear of what is behind it, or give its centre"
    nearest = surface.depth[surface.measured].min(initial=np.inf)
    seen = f"the nearest thing is {nearest:.0f} mm away" if np.isfinite(nearest) else "nothing was measured"
    return f"found no hand within {near:.0f} to {far:.0f} mm, {seen}; check the depth scale"
