"""Depth images of triangle meshes: a z-buffer with exact perspective, batched, on CPU or CUDA.

Conventions: camera coordinates x right, y down, z forward, in millimetres; pixel centres at integer
coordinates; depth is z (not the distance along the ray); 0 where there is no surface.

The nearest surface wins, front and back faces alike. A minimum does not depend on the order of what it is
taken over, so results are reproducible on every device.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
import warp as wp
from torch import Tensor

from murauer.errors import UserError
from murauer.hand.rasteriser_kernel import rasterise_triangles


@contextmanager
def _quiet_warp() -> Iterator[None]:
    """Keep Warp's banner and module messages off the terminal, and its setting as the user left it."""
    previous = wp.config.log_level
    wp.config.log_level = max(previous, wp.LOG_ERROR)
    try:
        yield
    finally:
        wp.config.log_level = previous


@cache
def _start_warp() -> None:
    """Initialise Warp once, without its complaint about a missing GPU."""
    if torch.cuda.is_available():
        wp.init()
        return
    # The complaint is printed by native code to file descriptor 2, past any Python setting.
    terminal = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        wp.init()
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)


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
    if vertices.shape[0] and faces.shape[0]:
        _launch(
            vertices.contiguous(),
            faces.to(torch.int32).contiguous(),
            intrinsics.to(torch.float32).contiguous(),
            near_mm,
            depth,
        )
    return depth.masked_fill_(depth.isinf(), 0.0)


def _launch(vertices: Tensor, faces: Tensor, intrinsics: Tensor, near_mm: float, depth: Tensor) -> None:
    """Run the kernel on the memory of the tensors, on torch's current stream."""
    try:
        with _quiet_warp():
            _start_warp()
            stream: Any = None
            if depth.is_cuda:
                stream = wp.stream_from_torch(torch.cuda.current_stream(depth.device))
            wp.launch(
                rasterise_triangles,
                dim=(vertices.shape[0], faces.shape[0]),
                inputs=[
                    wp.from_torch(vertices.detach(), dtype=wp.vec3),
                    wp.from_torch(faces, dtype=wp.vec3i),
                    wp.from_torch(intrinsics.detach(), dtype=wp.vec4),
                    near_mm,
                    wp.from_torch(depth),
                ],
                device=wp.device_from_torch(depth.device),
                stream=stream,
                record_tape=False,
            )
    except OSError as error:  # the first launch compiles the kernel into a cache on disk
        raise UserError(
            f"cannot store the compiled rasteriser ({error}): "
            "set WARP_CACHE_PATH to a folder that can be written"
        ) from error
