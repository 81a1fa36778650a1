"""Surfaces that send back too little light."""

import math

import torch
from torch import Generator, Tensor

from murauer.hand.sensors.kernels import drop_grazing_kernel, drop_untextured_kernel, drop_weak_kernel
from murauer.hand.sensors.pixels import Patches


def drop_grazing(
    depth: Tensor,
    intrinsics: Tensor,
    *,
    from_degrees: float,
    to_degrees: float,
    patch_px: Tensor,
    generator: Generator,
) -> Tensor:
    """Holes where a surface turns away: the pattern is compressed beyond recognition.

    Args:
        depth: mm, (B, H, W).
        intrinsics: fx, fy, u0, v0, (B, 4).
        from_degrees: Incidence angle below which nothing is lost.
        to_degrees: Incidence angle above which everything is lost; the probability rises linearly between.
        patch_px: Side of the patches that are lost together, in image pixels, (B,).
        generator: Source of randomness.

    Returns:
        mm, 0 where lost, (B, H, W).
    """
    patches = Patches.over(depth, patch_px, generator)
    limit = patches.uniform(1, generator)[0].mul_(to_degrees - from_degrees).add_(from_degrees)
    smallest = (limit * (math.pi / 180)).cos_()
    return patches.apply(drop_grazing_kernel, depth, intrinsics.contiguous(), smallest)


def drop_weak_signal(
    depth: Tensor,
    cosine: Tensor,
    *,
    range_mm: float,
    reflectivity_spread: float,
    patch_px: Tensor,
    generator: Generator,
) -> Tensor:
    """Holes where too little of the emitted light returns.

    The returned light is proportional to reflectivity x cosine / z^2 (Lambert's surface lit by a point). It
    is too weak where that is below a mean surface's, seen frontally, at the largest range.

    Args:
        depth: mm, (B, H, W).
        cosine: Of the incidence angle, (B, H, W).
        range_mm: Largest distance at which a mean surface is still measured when seen frontally.
        reflectivity_spread: Standard deviation of the logarithm of the reflectivity.
        patch_px: Side of the patches of one reflectivity, in image pixels, (B,).
        generator: Source of randomness.

    Returns:
        mm, 0 where lost, (B, H, W).
    """
    patches = Patches.over(depth, patch_px, generator)
    reflectivity = (reflectivity_spread * patches.normal(1, generator)[0]).exp_()
    return patches.apply(drop_weak_kernel, depth, cosine, reflectivity * range_mm**2)


def drop_untextured(
    depth: Tensor, *, share: float, spread: float, patch_px: Tensor, generator: Generator
) -> Tensor:
    """Holes where there is nothing to match: a projected texture is the weaker the farther it falls.

    The probability of a hole grows with the square of the distance, as the light of the projector fades.

    Args:
        depth: mm, (B, H, W).
        share: Of patches that are lost at a metre.
        spread: Standard deviation of the logarithm of that share from image to image.
        patch_px: Side of the patches in image pixels, (B,).
        generator: Source of randomness.

    Returns:
        mm, 0 where lost, (B, H, W).
    """
    patches = Patches.over(depth, patch_px, generator)
    shares = share * (spread * torch.randn(len(depth), generator=generator, device=depth.device)).exp_()
    limit = 1000 * (patches.uniform(1, generator)[0] / shares[:, None, None]).sqrt_()
    return patches.apply(drop_untextured_kernel, depth, limit)
