"""Depth measured by triangulation: noise and quantisation of the disparity."""

import torch
from torch import Generator, Tensor

from murauer.hand.sensors.pixels import patch_noise


def measure_disparity(
    depth: Tensor,
    *,
    focal_px: float,
    baseline_mm: float,
    step_px: float,
    sigma_px: float,
    patch_px: Tensor,
    generator: Generator,
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

    Returns:
        mm, 0 where it was 0, (B, H, W).
    """
    noise = patch_noise(depth, patch_px, 1, generator, normal=True)[0]
    disparity = focal_px * baseline_mm / depth.clamp(min=1.0) + sigma_px * noise
    if step_px > 0:
        disparity = (disparity / step_px).round_().mul_(step_px)
    # A disparity of zero is infinitely far away: nothing.
    return torch.where((depth > 0) & (disparity > 0), focal_px * baseline_mm / disparity, 0.0)
