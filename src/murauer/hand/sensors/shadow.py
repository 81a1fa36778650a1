"""What the camera sees and the projector does not."""

import torch
from torch import Tensor


def drop_shadow(depth: Tensor, intrinsics: Tensor, projector_mm: float, bridged_px: Tensor) -> Tensor:
    """Remove what lies in the shadow of the projector: without pattern there is no depth.

    The projector stands beside the camera, at x on its x axis. A camera pixel (u, z) is in projector column
    u - fx x / z of the same row; of the pixels in one column only the nearest surface is lit.

    Only what the image shows casts shadows.

    Args:
        depth: mm, (B, H, W).
        intrinsics: fx, fy, u0, v0, (B, 4).
        projector_mm: x of the projector in the camera's frame; to the right (positive) it casts shadows
            to the left.
        bridged_px: Difference of disparities in image pixels, (B,), up to which a shadow is not noticed. It
            is also the width of the shadow beside a straight edge, and a correlation window bridges narrow
            ones.

    Returns:
        mm, 0 in the shadow, (B, H, W).
    """
    batch, height, width = depth.shape
    if projector_mm == 0 or depth.numel() == 0:
        return depth
    seen = depth > 0
    disparity = intrinsics[:, 0, None, None] * projector_mm / depth.clamp(min=1.0)
    column = torch.where(seen, torch.arange(width, device=depth.device) - disparity, torch.inf)
    # Columns relative to the leftmost one of each row; what does not fit into two image widths cannot share a
    # column with anything that matters.
    left = column.amin(2, keepdim=True)
    left = torch.where(left.isinf(), 0.0, left)
    column = (column - left).clamp_(0, 2 * width - 2)
    whole = column.long()
    closeness = torch.where(seen, disparity.abs(), 0.0)
    nearest = depth.new_zeros((batch, height, 2 * width))
    # A surface between two columns blocks both: neighbouring pixels may be almost two columns apart.
    nearest.scatter_reduce_(2, whole, closeness, "amax")
    nearest.scatter_reduce_(2, whole + 1, closeness, "amax")
    blocker = torch.minimum(nearest.gather(2, whole), nearest.gather(2, whole + 1))
    return torch.where(blocker - closeness > bridged_px[:, None, None], 0.0, depth)
