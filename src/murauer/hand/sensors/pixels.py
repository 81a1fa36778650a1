"""Pixels of a device seen through an image of another resolution: random patches, offsets and look-ups."""

import torch
from torch import Generator, Tensor

SURFACE_STEP_MM = 15.0
"""Neighbouring pixels that differ by more lie on different surfaces.

A finger is about as thick; at 45 degrees and 4 mm a pixel a single surface steps by 4 mm.
"""


def patch_noise(
    depth: Tensor, patch_px: Tensor, channels: int, generator: Generator, *, normal: bool = False
) -> Tensor:
    """Random numbers that are constant on squares, as errors are within one correlation window of a matcher.

    Args:
        depth: Images (B, H, W) to make noise for.
        patch_px: Side of the squares in image pixels, (B,); less than a pixel gives independent pixels.
        channels: Independent fields per image.
        generator: Source of randomness.
        normal: Standard normal values instead of uniform ones in [0, 1).

    Returns:
        (channels, B, H, W). The grid of squares has a random position in each image.
    """
    batch, height, width = depth.shape
    side = patch_px.clamp(min=1.0)
    smallest = float(side.min()) if batch else 1.0
    rows, columns = int(height / smallest) + 2, int(width / smallest) + 2
    draw = torch.randn if normal else torch.rand
    noise = draw(channels, batch, rows, columns, generator=generator, device=depth.device)
    phase = torch.rand(2, batch, 1, generator=generator, device=depth.device)
    row = (torch.arange(height, device=depth.device) / side[:, None] + phase[0]).long()
    column = (torch.arange(width, device=depth.device) / side[:, None] + phase[1]).long()
    index = row[:, :, None] * columns + column[:, None, :]
    return noise.flatten(2).gather(2, index.flatten(1).expand(channels, -1, -1)).unflatten(2, (height, width))


def round_randomly(offset: Tensor, uniform: Tensor) -> Tensor:
    """Round offsets up or down with the probabilities that keep their mean.

    An edge lies anywhere between two pixel centres, so a look-up that is displaced by 0.3 pixels crosses it
    in 30 % of the cases: exact in the mean at every resolution.
    """
    return (offset + uniform).floor().long()


def look_up(depth: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Depth (B, H, W) at integer offsets (B, H, W) from each pixel; beyond the border its last pixel."""
    height, width = depth.shape[1:]
    row = (torch.arange(height, device=depth.device)[:, None] + down).clamp_(0, height - 1)
    column = (torch.arange(width, device=depth.device) + right).clamp_(0, width - 1)
    return depth.flatten(1).gather(1, (row * width + column).flatten(1)).view_as(depth)


def on_other_surface(depth: Tensor, other: Tensor, step_mm: float = SURFACE_STEP_MM) -> Tensor:
    """Where two depths cannot belong to one surface: too far apart, or one of them missing (0)."""
    return (depth - other).abs() > step_mm


def incidence_cosine(depth: Tensor, intrinsics: Tensor) -> Tensor:
    """Cosine of the angle between surface normal and viewing ray, (B, H, W); 1 where there is no surface.

    In each direction the smaller of the two one-sided differences is used: next to an edge it is the one that
    stays on the surface. At the border of the image there is one only.
    """
    fx, fy, u0, v0 = intrinsics.T[:, :, None, None]
    height, width = depth.shape[1:]
    v = torch.arange(height, device=depth.device)[:, None] - v0
    u = torch.arange(width, device=depth.device) - u0
    across, down = _smaller_difference(depth, 2), _smaller_difference(depth, 1)
    # The surface (u z / fx, v z / fy, z) has the normal (fx z_u, fy z_v, -(z + u z_u + v z_v)), the viewing
    # ray is (u / fx, v / fy, 1), and their product is -z.
    normal = ((fx * across) ** 2 + (fy * down) ** 2 + (depth + u * across + v * down) ** 2).sqrt()
    ray = ((u / fx) ** 2 + (v / fy) ** 2 + 1).sqrt()
    return torch.where(depth > 0, depth / (normal * ray).clamp(min=1e-6), 1.0)


def _smaller_difference(depth: Tensor, axis: int) -> Tensor:
    """One-sided difference of smaller magnitude along an axis, (B, H, W)."""
    if depth.shape[axis] == 1:
        return torch.zeros_like(depth)
    step = depth.diff(dim=axis)
    forward = torch.cat([step, step.narrow(axis, -1, 1)], axis)
    backward = torch.cat([step.narrow(axis, 0, 1), step], axis)
    return torch.where(forward.abs() < backward.abs(), forward, backward)
