"""Finding the hand in a depth frame when no centre is given.

A palm is the largest disc that fits into a hand, whatever the fingers do, and it has a size in millimetres
that little else near a camera has: fingers and cables are too thin, heads, chests and walls too wide. So:

1. reduce the frame to cells of a few millimetres and cut the surface where its depth jumps;
2. take the locally largest discs that fit into the pieces and are as large as a palm: the candidates;
3. prefer the nearest candidate, count fingers around it in its favour, and an arm that goes on to both sides
   against it (then it is an elbow or the middle of a forearm);
4. move the centre to the middle of the hand, leaving out what lies beyond the wrist.

The hand must stand clear of what is behind it by a few centimetres. Hands that hold a large object or lie on
a table need a centre given by the user.
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

PALM_RADIUS_MM = (20.0, 62.0)
"""Radius of the largest disc in a hand, from a narrow one seen at an angle to a wide one."""

DEPTH_JUMP_MM = 30.0
"""Between neighbouring cells; more than this is another surface."""

CELLS_PER_RADIAN = 160.0
"""Resolution of the search: 4 mm cells at 640 mm, a fifth of a finger."""

FINGER_WIDTH_MM = 30.0
FINGER_RING_MM = 35.0
"""A ring this far outside the palm crosses the fingers, as arcs no wider than FINGER_WIDTH_MM."""

ARM_RING_MM = 135.0
"""A ring of this radius around a palm is beyond the fingers: only the arm crosses it."""

FINGER_BONUS_MM = 30.0
ARM_PENALTY_MM = 200.0
"""How much nearer a finger makes a candidate count, and how much farther an arm to both sides."""


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
    """A candidate: the cell in the middle of a palm-sized disc, and what is around it."""

    row: int
    column: int
    depth_mm: float
    radius_mm: float
    fingers: int
    arms: int

    @property
    def cost_mm(self) -> float:
        """Distance from the camera, made less by fingers and more by an arm to both sides."""
        through = ARM_PENALTY_MM if self.arms > 1 else 0.0
        return self.depth_mm + through - FINGER_BONUS_MM * min(self.fingers, 3)


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
    surface = _to_surface(depth.detach().cpu().numpy().astype(np.float64), camera)
    palms = _find_palms(surface)
    if not palms:
        raise UserError(_why_no_hand(surface))
    best = min(palms, key=lambda palm: palm.cost_mm)
    return torch.from_numpy(_middle_of_hand(surface, best)).to(depth.device, torch.float32)


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
    palms = []
    for row, column in np.argwhere(peaks):
        finger_arcs = _ring_arcs(surface, row, column, radius[row, column] + FINGER_RING_MM)
        arm_arcs = _ring_arcs(surface, row, column, ARM_RING_MM)
        palms.append(
            _Palm(
                row=int(row),
                column=int(column),
                depth_mm=float(z[row, column]),
                radius_mm=float(radius[row, column]),
                fingers=sum(width < FINGER_WIDTH_MM for width in finger_arcs),
                arms=sum(width >= FINGER_WIDTH_MM for width in arm_arcs),
            )
        )
    return palms


def _ring_arcs(surface: _Surface, row: int, column: int, radius_mm: float) -> list[float]:
    """Return the widths in mm of the arcs in which the hand's surface crosses a ring around a cell."""
    steps = 96
    angle = 2 * np.pi * np.arange(steps) / steps
    depth = surface.depth[row, column]
    cells = radius_mm / (depth * surface.cell_radian)
    rows = np.rint(row + cells * np.sin(angle)).astype(int)
    columns = np.rint(column + cells * np.cos(angle)).astype(int)
    height, width = surface.measured.shape
    crossed = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    rows, columns = rows.clip(0, height - 1), columns.clip(0, width - 1)
    crossed &= surface.measured[rows, columns] & (surface.piece[rows, columns] == surface.piece[row, column])
    crossed &= np.abs(surface.depth[rows, columns] - depth) < radius_mm
    starts = np.flatnonzero(crossed & ~np.roll(crossed, 1))
    if not starts.size:
        return [2 * np.pi * radius_mm] if crossed.all() else []
    turned = np.roll(crossed, -starts[0])
    lengths = np.diff(np.append(np.flatnonzero(np.diff(turned.astype(int), prepend=0)), steps))[::2]
    return [float(length * 2 * np.pi * radius_mm / steps) for length in lengths]


def _middle_of_hand(surface: _Surface, palm: _Palm) -> Array:
    return surface.xyz[palm.row, palm.column]


def _why_no_hand(surface: _Surface) -> str:
    return "no hand"
