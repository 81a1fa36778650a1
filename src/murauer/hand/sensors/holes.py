"""Surfaces that send back too little light."""

import math

import torch
from torch import Generator, Tensor

from murauer.hand.sensors.pixels import incidence_cosine, patch_noise


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
    limit = patch_noise(depth, patch_px, 1, generator)[0].mul_(to_degrees - from_degrees).add_(from_degrees)
    turned_away = incidence_cosine(depth, intrinsics) < (limit * (math.pi / 180)).cos_()
    return torch.where(turned_away, 0.0, depth)


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
    reflectivity = (reflectivity_spread * patch_noise(depth, patch_px, 1, generator, normal=True)[0]).exp_()
    return torch.where(reflectivity * cosine * range_mm**2 < depth.square(), 0.0, depth)
