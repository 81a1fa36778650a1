"""An independent renderer to hold the rasteriser against: one ray per pixel, Embree through trimesh."""

import numpy as np
import trimesh
from numpy.typing import NDArray


def ray_cast_depth(
    vertices: NDArray[np.float32],
    faces: NDArray[np.int32],
    intrinsics: NDArray[np.float32],
    height: int,
    width: int,
) -> NDArray[np.float64]:
    """Depth (height, width) in mm of one mesh (V, 3), 0 where no ray hits; intrinsics (4,) fx, fy, u0, v0.

    Embree says which triangle is hit first; where the ray meets that triangle's plane is computed here in
    double precision.
    """
    fx, fy, u0, v0 = intrinsics.astype(np.float64)
    v, u = np.mgrid[:height, :width].reshape(2, -1)
    directions = np.stack([(u - u0) / fx, (v - v0) / fy, np.ones(u.size)], axis=1)
    mesh = trimesh.Trimesh(vertices.astype(np.float64), faces, process=False)
    triangle = mesh.ray.intersects_first(np.zeros_like(directions), directions)
    corners = mesh.triangles[triangle]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = (normal * corners[:, 0]).sum(1) / (normal * directions).sum(1)
    return np.where(triangle >= 0, depth, 0.0).reshape(height, width)
