"""Windows around the hand, cut out of depth images: all of an image that training can ever need.

A window is square, has a fixed size in mm at the hand's depth, and intrinsics of its own, so that everything
behind it treats it as an image of a camera that happens to look only there.
"""

import torch
from torch import Tensor

from murauer.geometry.camera import xyz_to_uvd


def window_intrinsics(centre: Tensor, intrinsics: Tensor, size: int, size_mm: float | Tensor) -> Tensor:
    """Intrinsics of square windows around points.

    Args:
        centre: Middle of each window, camera coordinates in mm, (B, 3).
        intrinsics: fx, fy, u0, v0 of the image that the windows are cut from, (4,) or (B, 4).
        size: Side in pixels.
        size_mm: Side at the centre's depth in mm; (B,) where each has its own.

    Returns:
        fx, fy, u0, v0 of each window in its own pixels, (B, 4).
    """
    fx, fy, u0, v0 = intrinsics.unbind(-1)
    uvd = xyz_to_uvd(centre, intrinsics)
    scale = size * uvd[:, 2] / (size_mm * fx)
    middle = (size - 1) / 2
    return torch.stack(
        (fx * scale, fy * scale, (u0 - uvd[:, 0]) * scale + middle, (v0 - uvd[:, 1]) * scale + middle), -1
    )


def cut_window(
    depth: Tensor, intrinsics: Tensor, centre: Tensor, size: int, size_mm: float
) -> tuple[Tensor, Tensor]:
    """Cut the window around a point out of a depth image; nearest neighbour, so no depth is invented.

    Args:
        depth: (H, W) in mm, 0 = no measurement.
        intrinsics: fx, fy, u0, v0 of the image, (4,).
        centre: Middle of the window, camera coordinates in mm, (3,); in front of the camera.
        size: Side of the window in pixels.
        size_mm: Its side at the centre's depth in mm.

    Returns:
        Depth of the window in mm, 0 also outside the image, (size, size); and its intrinsics, (4,).
    """
    own = window_intrinsics(centre.double()[None], intrinsics.double(), size, size_mm)[0]
    pixels = torch.arange(size, dtype=torch.float64)
    lines, inside = [], []
    for axis, length in ((1, depth.shape[0]), (0, depth.shape[1])):
        # A pixel of the window, to the image through the ray that both see it along.
        ray = (pixels - own[2 + axis]) / own[axis]
        line = (ray * intrinsics[axis] + intrinsics[2 + axis]).round().long()
        lines.append(line.clamp(0, length - 1))
        inside.append((line >= 0) & (line < length))
    window = depth[lines[0]][:, lines[1]]
    return window * (inside[0][:, None] & inside[1]), own.to(depth.dtype)
