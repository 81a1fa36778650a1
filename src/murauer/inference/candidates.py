"""Places in a depth frame where a hand may be.

A palm is about the largest disc that fits into a hand, whatever the fingers do, and it has a size in
millimetres that little else near a camera has: fingers and cables are too thin, chests and walls too wide.

1. reduce the frame to cells of a few millimetres and cut the surface where its depth jumps;
2. take the locally largest discs that fit into it and are as large as a palm: the candidates;
3. move each to the middle of the hand that it would be part of, and measure that hand.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from murauer.camera import Camera

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

PALM_BALL_MM, HAND_BALL_MM, ARM_BALL_MM, LONG_BALL_MM = 75.0, 110.0, 130.0, 160.0
"""Radii of balls: palm and knuckles; the hand; the hand and the wrist; well into the arm."""

OUTLINE_BALL_MM = 100.0
"""Of the ball around a disc in which outline and area are measured."""

AWAY_FROM_ARM = 0.75
SURFACE_TO_JOINT_MM = 17.0
"""How far the palm's centre joint lies behind the surface; the mean over rendered hands."""

MOST = 8
"""Candidates that are measured in full: the nearest, more or less."""


@dataclass(frozen=True)
class Surface:
    """A frame as cells.

    Attributes:
        xyz: positions in mm, (H, W, 3).
        measured: which cells hold a measurement, (H, W).
        piece: number of the connected piece of surface that each is of, (H, W).
        camera: that took the frame.
        cell_radian: side of a cell as seen from the camera.
    """

    xyz: Array
    measured: Mask
    piece: NDArray[np.int32]
    camera: Camera
    cell_radian: float

    @property
    def depth(self) -> Array:
        """Of each cell, mm, (H, W)."""
        return self.xyz[..., 2]

    @cached_property
    def area(self) -> Array:
        """Of each cell, as if it faced the camera, mm², (H, W)."""
        return (self.depth * self.cell_radian) ** 2

    def within(self, middle: Array, radius_mm: float) -> Mask:
        """Mark the cells within a ball."""
        window = self._window(middle, radius_mm)
        offset = self.xyz[window] - middle
        inside = np.zeros_like(self.measured)
        inside[window] = self.measured[window] & (np.einsum("...i,...i", offset, offset) < radius_mm**2)
        return inside

    def _window(self, middle: Array, radius_mm: float) -> tuple[slice, slice]:
        """Rows and columns that may see into a ball, so that only they need be searched."""
        x, y, z = middle.tolist()
        height, width = self.measured.shape
        camera, block = self.camera, self.cell_radian * self.camera.fx
        depths = (max(z - radius_mm, 1.0), z + radius_mm)

        def cells(middle: float, focal: float, first: float, count: int) -> slice:
            slopes = [(middle + side) / depth for side in (-radius_mm, radius_mm) for depth in depths]
            low, high = (focal * min(slopes) + first) / block, (focal * max(slopes) + first) / block
            return slice(int(min(max(low - 1, 0), count)), int(min(max(high + 2, 0), count)))

        return cells(y, camera.fy, camera.v0, height), cells(x, camera.fx, camera.u0, width)


@dataclass(frozen=True)
class Candidate:
    """A hand, perhaps.

    Attributes:
        middle: of the palm-sized disc, on the surface, mm, (3,).
        centre: of the hand that the disc would be part of, inside it, mm, (3,).
        radius_mm: of the disc.
        outline_mm: length of the outline around the disc; fingers make it long.
        area_mm2: of the surface around the disc.
        shift_mm: from the disc to the centre; short in a palm.
        border_mm: from the centre to the nearest border of the image, at its depth.
        compact: share of the surface of the longer ball around the centre that a hand's ball holds; little in
            the middle of an arm.
    """

    middle: Array
    centre: Array
    radius_mm: float
    outline_mm: float
    area_mm2: float
    shift_mm: float
    border_mm: float
    compact: float


def find_candidates(surface: Surface) -> list[Candidate]:
    """List the hands that there may be."""
    discs = sorted(_discs(surface), key=lambda disc: surface.depth[disc[:2]] - 4 * min(disc[2], 40.0))
    return [_describe(surface, *disc) for disc in discs[:MOST]]


def to_surface(depth: NDArray[Any], camera: Camera) -> Surface:
    """Reduce a frame (H, W) in mm to cells, each the median of its block of pixels."""
    block = max(1, round(camera.fx / CELLS_PER_RADIAN))
    height, width = depth.shape[0] // block, depth.shape[1] // block
    pixels = depth[: height * block, : width * block].astype(np.float32).reshape(height, block, width, block)
    pixels = np.sort(pixels.swapaxes(1, 2).reshape(height, width, block * block), axis=-1)
    missing = (pixels <= 0).sum(axis=-1)
    middle = (missing + block * block) // 2
    taken = np.take_along_axis(pixels, np.minimum(middle, block * block - 1)[..., None], axis=-1)
    z = taken[..., 0].astype(np.float64)
    measured = (missing <= 0.75 * block * block) & (z > 0)
    u = (np.arange(width) + 0.5) * block - 0.5
    v = (np.arange(height)[:, None] + 0.5) * block - 0.5
    x, y = (u - camera.u0) * z / camera.fx, (v - camera.v0) * z / camera.fy
    return Surface(np.stack((x, y, z), axis=-1), measured, _pieces(z, measured), camera, block / camera.fx)


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


def _discs(surface: Surface) -> list[tuple[int, int, float]]:
    """List row, column and radius in mm of all discs of a palm's size in reach."""
    z, measured = surface.depth, surface.measured
    behind = ndimage.maximum_filter(np.where(measured, z, np.inf), size=3)
    inside = measured & (behind - z < DEPTH_JUMP_MM)
    # To the nearest end of the surface in the image: beyond the image's border it may go on.
    radius = ndimage.distance_transform_edt(inside) * surface.cell_radian * z
    neighbours = 9
    peaks = (radius == ndimage.maximum_filter(radius, size=neighbours)) & inside
    peaks &= (radius >= PALM_RADIUS_MM[0]) & (radius <= PALM_RADIUS_MM[1])
    peaks &= (z >= REACH_MM[0]) & (z <= REACH_MM[1])
    return [(int(row), int(column), float(radius[row, column])) for row, column in np.argwhere(peaks)]


def _describe(surface: Surface, row: int, column: int, radius_mm: float) -> Candidate:
    """Measure the hand around a disc."""
    middle = surface.xyz[row, column]
    own = surface.piece == surface.piece[row, column]
    hand = own & surface.within(middle, OUTLINE_BALL_MM)
    outline = hand & ~_eroded(hand)
    centre = _middle_of_hand(surface, middle)
    near, far = (
        surface.area[own & surface.within(centre, ball)].sum() for ball in (HAND_BALL_MM, LONG_BALL_MM)
    )
    return Candidate(
        middle=middle,
        centre=centre,
        radius_mm=radius_mm,
        outline_mm=float(np.sqrt(surface.area[outline]).sum()),
        area_mm2=float(surface.area[hand].sum()),
        shift_mm=float(np.linalg.norm(centre - middle)),
        border_mm=_border_mm(centre, surface.camera),
        compact=float(near / max(far, 1.0)),
    )


def _eroded(mask: Mask) -> Mask:
    """Leave the cells all four neighbours of which are marked, too."""
    inner = np.zeros_like(mask)
    inner[1:-1, 1:-1] = mask[1:-1, 1:-1] & mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
    return inner


def _border_mm(xyz: Array, camera: Camera) -> float:
    """Distance of a point from the nearest side of the image, in mm at its depth."""
    x, y, z = xyz
    u, v = camera.fx * x / z + camera.u0, camera.fy * y / z + camera.v0
    return float(min(u, v, camera.width - 1 - u, camera.height - 1 - v) * z / camera.fx)


def _middle_of_hand(surface: Surface, middle: Array) -> Array:
    """Estimate the palm's centre joint, (3,) in mm, from a disc somewhere in the hand."""
    for _ in range(3):
        middle = _mean_within(surface, middle, PALM_BALL_MM)
    # The larger ball holds more of the arm, so its mean shows where the arm is: the hand is opposite.
    towards_arm = _mean_within(surface, middle, ARM_BALL_MM) - middle
    towards_arm[2] = 0
    joint = middle - AWAY_FROM_ARM * towards_arm
    return joint * (1 + SURFACE_TO_JOINT_MM / joint[2])


def _mean_within(surface: Surface, middle: Array, radius_mm: float) -> Array:
    """Average the surface within a ball, each cell counting by its area."""
    near = surface.within(middle, radius_mm)
    area = surface.area[near]
    return area @ surface.xyz[near] / area.sum() if area.size else middle.copy()
