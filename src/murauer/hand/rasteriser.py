"""Depth images of triangle meshes: a z-buffer with exact perspective, batched, on CPU or CUDA.

Conventions: camera coordinates x right, y down, z forward, in millimetres; pixel centres at integer
coordinates; depth is z (not the distance along the ray); 0 where there is no surface.

The nearest surface wins, front and back faces alike. A minimum does not depend on the order of what it is
taken over, so results are reproducible on every device.
"""

import torch
import warp as wp
from torch import Tensor

from murauer.hand.kernel_launch import launch
from murauer.hand.rasteriser_kernel import rasterise_triangles


def _check(
    vertices: Tensor, faces: Tensor, intrinsics: Tensor, height: int, width: int, near_mm: float
) -> None:
    if vertices.ndim != 3 or vertices.shape[2] != 3 or vertices.dtype != torch.float32:
        raise ValueError(
            f"vertices must be float32 of shape (B, V, 3), got {vertices.dtype} {tuple(vertices.shape)}"
        )
    if faces.ndim != 2 or faces.shape[1] != 3 or faces.dtype not in (torch.int32, torch.int64):
        raise ValueError(f"faces must be integers of shape (F, 3), got {faces.dtype} {tuple(faces.shape)}")
    if intrinsics.shape != (vertices.shape[0], 4):
        raise ValueError(
            f"intrinsics must have shape ({vertices.shape[0]}, 4), one row (fx, fy, u0, v0) per mesh, "
            f"got {tuple(intrinsics.shape)}"
        )
    if not vertices.device == faces.device == intrinsics.device:
        raise ValueError(
            f"vertices ({vertices.device}), faces ({faces.device}) and intrinsics ({intrinsics.device}) "
            "must be on one device"
        )
    if height < 1 or width < 1:
        raise ValueError(f"the image must have at least one pixel, got height {height}, width {width}")
    if not 0 < near_mm < float("inf"):
        raise ValueError(f"near_mm must be a positive distance in mm, got {near_mm}")
    if faces.numel() and (int(faces.min()) < 0 or int(faces.max()) >= vertices.shape[1]):
        raise ValueError(
            f"faces refer to vertices {int(faces.min())} to {int(faces.max())}, "
            f"but the mesh has {vertices.shape[1]}"
        )
    if not vertices.isfinite().all():
        raise ValueError("vertices contain NaN or infinite coordinates")
    if not (intrinsics.isfinite().all() and (intrinsics[:, :2] > 0).all()):
        raise ValueError("intrinsics must be finite, with positive focal lengths")


@torch.no_grad()
def rasterise_depth(
    vertices: Tensor, faces: Tensor, intrinsics: Tensor, height: int, width: int, near_mm: float = 50.0
) -> Tensor:
    """Depth images of a batch of meshes that share one set of faces.

    Not differentiable. No face culling: open meshes show their inside.

    Args:
        vertices: Camera coordinates in mm, float32 (B, V, 3).
        faces: Vertex indices of the triangles, int32 (fastest) or int64 (F, 3).
        intrinsics: fx, fy, u0, v0 in pixels of each image, (B, 4).
        height: Rows of the images.
        width: Columns of the images.
        near_mm: Surfaces with smaller z are not seen; triangles that cross this plane are cut at it.

    Returns:
        z in mm of the nearest surface at each pixel centre, 0 where there is none: float32
        (B, height, width) on the device of the vertices.

    Raises:
        ValueError: Wrong shapes or types, indices out of range, non-finite coordinates, impossible camera.
        UserError: The compiled kernel cannot be stored in Warp's cache folder.
    """
    _check(vertices, faces, intrinsics, height, width, near_mm)
    depth = vertices.new_full((vertices.shape[0], height, width), torch.inf)
    launch(
        rasterise_triangles,
        (vertices.shape[0], faces.shape[0]),
        [
            (vertices.contiguous(), wp.vec3),
            (faces.to(torch.int32).contiguous(), wp.vec3i),
            (intrinsics.to(torch.float32).contiguous(), wp.vec4),
            near_mm,
            depth,
        ],
    )
    return depth.masked_fill_(depth.isinf(), 0.0)
