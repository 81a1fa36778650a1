"""Depth measured by triangulation: noise and quantisation of the disparity."""

from torch import Generator, Tensor

from murauer.hand.sensors.kernels import disparity_kernel
from murauer.hand.sensors.pixels import Patches


def measure_disparity(
    depth: Tensor,
    *,
    focal_px: float,
    baseline_mm: float,
    step_px: float,
    sigma_px: float,
    patch_px: Tensor,
    generator: Generator,
    smooth: bool = False,
) -> Tensor:
    """Depth from a noisy, quantised disparity d = f b / z.

    The depth error is then sigma_z = z^2 / (f b) sigma_d, and depth comes in steps of z^2 / (f b) step
    (Khoshelham and Elberink 2012).

    Args:
        depth: mm, (B, H, W).
        focal_px: Focal length f of the device in its own pixels.
        baseline_mm: Distance b between projector and camera.
        step_px: Quantisation step of the disparity in device pixels; 0 = none.
        sigma_px: Standard deviation of the disparity in device pixels.
        patch_px: Side of the patches that share one error, in image pixels, (B,).
        generator: Source of randomness.
        smooth: Whether the error changes from patch to patch little by little, as where correlation windows
            overlap; otherwise each patch has one.

    Returns:
        mm, 0 where it was 0, (B, H, W).
    """
    patches = Patches.over(depth, patch_px, generator)
    # In the mean over a patch, mixing four leaves two thirds of the standard deviation.
    noise = patches.normal(1, generator)[0].mul_(1.5 * sigma_px if smooth else sigma_px)
    return patches.apply(disparity_kernel, depth, noise, int(smooth), focal_px * baseline_mm, step_px)
