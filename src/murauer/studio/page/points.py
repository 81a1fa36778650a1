"""Depth images as coloured points, few enough to be sent for every frame."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from murauer.geometry.camera import uvd_to_xyz
from murauer.geometry.overlay import FAR_COLOUR, NEAR_COLOUR
from murauer.studio.albums.album import AlbumView, Floats, moved

MOST_POINTS = 10_000
NEAR_SHARE = 0.8
"""Share of the points for the neighbourhood of the hand, of which a person wants to see the surface."""
NEAR_MM = 130.0
FARTHEST_MM = 2500.0
SLOPE_MM = 8.0
"""Change of depth across two pixels at which light and shadow saturate."""


def cloud(
    view: AlbumView, middle: Floats | None, limit: int = MOST_POINTS
) -> tuple[Floats, NDArray[np.uint8]]:
    """Points that a camera measured, most of them near the hand.

    Args:
        view: The image; its pose must be known.
        middle: Middle of the hand, mm, coordinates of the first camera, (3,); None if there is none.
        limit: Most points.

    Returns:
        Points in mm in the coordinates of the first camera, (N, 3), and their colours, (N, 3).
    """
    assert view.from_first is not None
    camera, depth = view.camera, view.depth
    rows, columns = _scattered(depth.shape)
    if middle is not None:
        beside = np.flatnonzero(_beside(rows, columns, view, middle))
        rows, columns = (np.concatenate((all_[beside], all_[:limit])) for all_ in (rows, columns))
    measured = (depth[rows, columns] > 0) & (depth[rows, columns] < FARTHEST_MM)
    rows, columns = rows[measured], columns[measured]
    uvd = np.stack((columns, rows, depth[rows, columns]), -1).astype(np.float32)
    xyz = moved(uvd_to_xyz(uvd, camera.intrinsics_array()), np.linalg.inv(view.from_first))
    near = np.full(len(xyz), middle is None)
    if middle is not None:
        near = ((xyz - middle) ** 2).sum(-1) < NEAR_MM**2
    share = limit if near.all() else round(NEAR_SHARE * limit)
    chosen = np.concatenate((np.flatnonzero(near)[:share], np.flatnonzero(~near)[: limit - share]))
    distance = float(np.median(uvd[near, 2])) if near.any() else 600.0
    return xyz[chosen], _colours(depth, rows[chosen], columns[chosen], distance)


def _colours(
    depth: Floats, rows: NDArray[np.int64], columns: NDArray[np.int64], distance: float
) -> NDArray[np.uint8]:
    """Warm and bright in front of a distance, cold and dark behind it, lit from the upper left."""
    z = depth[rows, columns]
    share = np.clip((z - distance) / 240.0 + 0.5, 0, 1)[:, None]
    slope = np.zeros_like(z)
    for step in ((0, 1), (1, 0)):
        ahead = depth[
            np.minimum(rows + step[0], depth.shape[0] - 1), np.minimum(columns + step[1], depth.shape[1] - 1)
        ]
        behind = depth[np.maximum(rows - step[0], 0), np.maximum(columns - step[1], 0)]
        slope += np.where((ahead > 0) & (behind > 0), ahead - behind, 0)
    light = 1 + 0.35 * np.tanh(slope / SLOPE_MM)[:, None]
    return np.clip((NEAR_COLOUR + (FAR_COLOUR - NEAR_COLOUR) * share) * light, 0, 255).astype(np.uint8)


def _beside(
    rows: NDArray[np.int64], columns: NDArray[np.int64], view: AlbumView, middle: Floats
) -> NDArray[np.bool_]:
    """Which pixels may show what is near the hand: those of a box around it, few of many."""
    camera = view.camera
    assert view.from_first is not None
    x, y, z = moved(middle, view.from_first)
    if z <= NEAR_MM:
        return np.ones(len(rows), bool)
    column, row = camera.fx * x / z + camera.u0, camera.fy * y / z + camera.v0
    across = np.abs(columns - int(column)) <= camera.fx * NEAR_MM / z
    down = np.abs(rows - int(row)) <= camera.fy * NEAR_MM / z
    beside: NDArray[np.bool_] = across & down
    return beside


@cache
def _scattered(shape: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of all pixels in a fixed order whose beginning is spread over the image."""
    rows, columns = np.divmod(np.random.default_rng(0).permutation(shape[0] * shape[1]), shape[1])
    return rows, columns
