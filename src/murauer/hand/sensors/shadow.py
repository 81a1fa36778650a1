"""What the camera sees and the projector does not."""

from torch import Tensor

from murauer.hand.sensors.kernels import shadow_kernel
from murauer.hand.sensors.pixels import by_rows


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
    if projector_mm == 0:
        return depth
    batch, height, width = depth.shape
    nearest = depth.new_zeros(batch, height, 2 * width)
    return by_rows(shadow_kernel, depth, intrinsics.contiguous(), projector_mm, bridged_px, nearest)
