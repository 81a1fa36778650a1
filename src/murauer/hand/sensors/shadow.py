"""What the camera sees and the projector does not."""

import torch
from torch import Tensor

from murauer.hand.sensors.pixels import SURFACE_STEP_MM


def drop_shadow(depth: Tensor, intrinsics: Tensor, baseline_mm: float) -> Tensor:
    """Remove what lies in the shadow of the projector: without pattern there is no depth.

    The projector stands beside the camera on its x axis. A camera pixel (u, z) is in projector column
    u - fx b / z of the same row; of the pixels in one column only the nearest surface is lit.

    Only what the image shows casts shadows.

    Args:
        depth: mm, (B, H, W).
        intrinsics: fx, fy, u0, v0, (B, 4).
        baseline_mm: x of the projector in the camera's frame; positive = to the right, shadows fall to the
            left.

    Returns:
        mm, 0 in the shadow, (B, H, W).
    """
    batch, height, width = depth.shape
    if baseline_mm == 0 or depth.numel() == 0:
        return depth
    seen = depth > 0
    disparity = intrinsics[:, 0, None, None] * baseline_mm / depth.clamp(min=1.0)
    column = torch.arange(width, device=depth.device) - disparity
    column = torch.where(seen, column, torch.inf)
    # Columns relative to the leftmost one of each row; what does not fit into two image widths cannot share a
    # column with anything that matters.
    left = column.amin(2, keepdim=True)
    left = torch.where(left.isinf(), 0.0, left)
    column = (column - left).clamp_(0, 2 * width - 2)
    whole = column.long()
    nearest = depth.new_full((batch, height, 2 * width), torch.inf)
    distance = torch.where(seen, depth, torch.inf)
    # A surface between two columns blocks both: neighbouring pixels may be almost two columns apart.
    nearest.scatter_reduce_(2, whole, distance, "amin")
    nearest.scatter_reduce_(2, whole + 1, distance, "amin")
    shadow = (depth - nearest.gather(2, whole) > SURFACE_STEP_MM) & (
        depth - nearest.gather(2, whole + 1) > SURFACE_STEP_MM
    )
    return torch.where(shadow & seen, 0.0, depth)
