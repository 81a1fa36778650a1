"""Where the surface is: synthetic pairs moved onto the measured depth, all by the same few millimetres.

Labels alone cannot tell an offset that is the same in camera coordinates for all frames (a tracker or a
second camera calibrated a little wrong): the hand as a whole just seems to be elsewhere. The depth image can.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from murauer.geometry.camera import uvd_to_xyz
from murauer.hand.fitting import HandFit
from murauer.hand.model import HandModel
from murauer.hand.rasteriser import rasterise_depth
from murauer.store.store import Store

FRAMES = 120
"""Frames that are compared, evenly spread."""

REACH_MM = 110.0
"""Only the surface this near to the middle of the joints is compared: the forearm is nobody's label."""

ITERATIONS = 5
TRUST_MM = 20.0
"""Surfaces farther apart than this show different things."""
SOFT_MM = 4.0
"""Differences larger than this count linearly."""


def register_to_depth(
    store: Store, rows: np.ndarray, fit: HandFit, model: HandModel, max_error_mm: float
) -> HandFit:
    """Find the one translation in the first camera's coordinates that puts all hands onto their depth images.

    Iterated point-to-plane alignment: with the normal n of the rendered surface at a pixel and the vector
    from there to the measured point, the translation c solves n . c = n . vector in the robust least-squares
    sense over all frames.

    Args:
        store: With the real frames.
        rows: Indices of the fitted frames in `real`, (M,).
        fit: Fit of those frames.
        model: Float32.
        max_error_mm: Frames explained worse are left out.

    Returns:
        The fit with moved hands. Its joints stay: the offsets have the opposite translation.
    """
    good = (fit.error_mm <= max_error_mm).nonzero()[:, 0]
    some = good[torch.linspace(0, len(good) - 1, min(FRAMES, len(good))).round().long()]
    region = store.require("real").windows(rows[some.numpy()])
    vertices, joints = fit.pose(model, some)
    size = region.depth.shape[-1]
    v, u = torch.meshgrid(torch.arange(float(size)), torch.arange(float(size)), indexing="ij")

    def points(depth: Tensor) -> Tensor:
        pixels = torch.stack([u.expand_as(depth), v.expand_as(depth), depth], -1)
        return uvd_to_xyz(pixels, region.intrinsics)

    measured = points(region.depth)
    shift = torch.zeros(3)
    for _ in range(ITERATIONS):
        depth = rasterise_depth(vertices + shift, model.faces, region.intrinsics, size, size)
        surface = points(depth)
        normal, smooth = _normals(surface, depth)
        apart = measured - surface
        along = (normal * apart).sum(-1)
        near = (surface - (joints.mean(1) + shift)[:, None, None]).norm(dim=-1) < REACH_MM
        use = smooth & near & (region.depth > 0) & (apart.norm(dim=-1) < TRUST_MM)
        n, e = normal[use].double(), along[use].double()
        if len(n) < 100:
            break
        weight = (SOFT_MM / e.abs().clamp(min=SOFT_MM))[:, None]
        system = (weight * n).T @ n + 1e-3 * len(n) * torch.eye(3, dtype=torch.float64)
        shift = shift + torch.linalg.solve(system, (weight * n).T @ e).float()
    offsets = replace(fit.offsets, camera_mm=fit.offsets.camera_mm - shift)
    return replace(fit, translation=fit.translation + shift, offsets=offsets)


def _normals(surface: Tensor, depth: Tensor) -> tuple[Tensor, Tensor]:
    """Unit normals (B, H, W, 3) of a rendered surface, and where it is smooth enough to have them."""
    du = surface.roll(-1, 2) - surface.roll(1, 2)
    dv = surface.roll(-1, 1) - surface.roll(1, 1)
    normal = torch.nn.functional.normalize(torch.linalg.cross(du, dv), dim=-1)
    smooth = depth > 0
    for step, axis in ((1, 1), (-1, 1), (1, 2), (-1, 2)):
        neighbour = depth.roll(step, axis)
        smooth &= (neighbour > 0) & ((neighbour - depth).abs() < 10)
    smooth[:, [0, -1]], smooth[:, :, [0, -1]] = False, False  # what rolled over the border
    return normal, smooth
