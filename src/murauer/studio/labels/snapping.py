"""Joints onto the measured surface, along the ray that the camera sees them by."""

import numpy as np

from murauer.geometry.camera import uvd_to_xyz, xyz_to_uvd
from murauer.studio.albums.album import AlbumView, Floats, moved

REACH_PX = 6
"""A joint at the edge of a finger is seen beside it; the surface is looked for this far around."""
REACH_MM = 60.0
"""Surface farther in front of or behind the joint is of something else."""
UNDER_THE_SKIN_MM = 8.0
"""Joints are inside the finger, about half its thickness below the surface."""


def snap(joint: Floats, view: AlbumView, below_mm: float = UNDER_THE_SKIN_MM) -> Floats | None:
    """Put a joint below the surface that a camera measured.

    Args:
        joint: Mm, coordinates of the first camera, (3,).
        view: Whose surface; its pose must be known.
        below_mm: How far below the surface.

    Returns:
        Where it is then, likewise; None if there is no surface near it.
    """
    assert view.from_first is not None
    camera = view.camera
    intrinsics = camera.intrinsics_array().astype(np.float32)
    place = xyz_to_uvd(moved(joint, view.from_first), intrinsics)
    if not place[2] > 0:
        return None
    height, width = view.depth.shape
    rows, columns = np.mgrid[:height, :width]
    distance = np.hypot(columns - place[0], rows - place[1])
    there = (distance <= REACH_PX) & (view.depth > 0) & (np.abs(view.depth - place[2]) < REACH_MM)
    if not there.any():
        return None
    nearest = np.where(there, distance, np.inf)
    around = there & (distance <= nearest.min() + 1)  # a single pixel is noisy
    snapped = np.array([place[0], place[1], np.median(view.depth[around]) + below_mm], np.float32)
    return moved(uvd_to_xyz(snapped, intrinsics), np.linalg.inv(view.from_first))
