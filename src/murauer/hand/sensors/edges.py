"""What happens where one surface ends and another begins."""

import math

import torch
from torch import Generator, Tensor

from murauer.hand.sensors.pixels import look_up, on_other_surface, patch_noise, round_randomly


def jitter_lookup(depth: Tensor, sigma_px: Tensor, patch_px: Tensor, generator: Generator) -> Tensor:
    """Ragged edges: each pixel reports the depth a random step away, if that is another surface.

    A matcher assigns a whole correlation window to one disparity; which surface wins at an edge is left to
    chance, in patches of about the size of a window. Barron and Malik (2013) and Handa et al. (2014) displace
    each look-up by Gaussian noise. On one surface the displacement would act as axial noise only, which the
    sensors model separately, so it is left out there.

    Args:
        depth: mm, (B, H, W).
        sigma_px: Standard deviation of the displacement in image pixels, (B,).
        patch_px: Side of the patches that move together, in image pixels, (B,).
        generator: Source of randomness.

    Returns:
        mm, (B, H, W).
    """
    offset = patch_noise(depth, patch_px, 2, generator, normal=True) * sigma_px[:, None, None]
    # Rounded at random within the patches too, or else single pixels would fray at low resolution.
    down, right = round_randomly(offset, patch_noise(depth, patch_px, 2, generator))
    moved = look_up(depth, down, right)
    return torch.where(on_other_surface(depth, moved), moved, depth)


def drop_edges(
    depth: Tensor,
    *,
    radius_px: Tensor,
    patch_px: Tensor,
    step_mm: float,
    probability: float,
    generator: Generator,
) -> Tensor:
    """Missing edges: a pixel gets lost if a random place in its correlation window is on another surface.

    Where a window sees two surfaces the pattern matches neither well, and the sensor may report nothing.
    Parts thinner than the window suffer from both sides, as fingers seen from the side do. Between surfaces
    that are close to each other, fingers before the palm for instance, one of them is matched all the same.

    Args:
        depth: mm, (B, H, W).
        radius_px: Radius of the window in image pixels, (B,).
        patch_px: Side of the patches that share one random place, in image pixels, (B,).
        step_mm: Smallest distance between the two surfaces.
        probability: That a mixed window fails.
        generator: Source of randomness.

    Returns:
        mm, 0 where lost, (B, H, W).
    """
    turn, distance, down, right, fails = patch_noise(depth, patch_px, 5, generator)
    # The square root spreads the places evenly over the disc.
    radius = distance.sqrt() * radius_px[:, None, None]
    angle = 2 * math.pi * turn
    place = look_up(
        depth, round_randomly(radius * angle.sin(), down), round_randomly(radius * angle.cos(), right)
    )
    return torch.where(on_other_surface(depth, place, step_mm) & (fails < probability), 0.0, depth)


def mix_edges(depth: Tensor, radius_px: Tensor, min_share: float, generator: Generator) -> Tensor:
    """Flying pixels: at an edge a pixel collects light of both surfaces and reports a depth between them.

    The phase that a time-of-flight camera measures is that of the summed light, which for close distances is
    the mean weighted by the amount of light: the share of the pixel that each surface covers over the square
    of its distance (see Sarbolandi et al. 2015).

    Args:
        depth: mm, (B, H, W).
        radius_px: Radius of the area from which a pixel collects light, in image pixels, (B,).
        min_share: Where there is nothing behind the edge: covered share below which the pixel is lost.
        generator: Source of randomness.

    Returns:
        mm, (B, H, W).
    """
    one_pixel = torch.ones_like(radius_px)
    turn, down, right, share = patch_noise(depth, one_pixel, 4, generator)
    angle = 2 * math.pi * turn
    radius = radius_px[:, None, None]
    other = look_up(
        depth, round_randomly(radius * angle.sin(), down), round_randomly(radius * angle.cos(), right)
    )
    share = 0.5 + 0.5 * share  # the pixel's centre is on its own surface
    own_light = share * other.square()
    other_light = (1 - share) * depth.square()
    mixed = (own_light * depth + other_light * other) / (own_light + other_light).clamp(min=1e-6)
    lone = torch.where(share < min_share, 0.0, depth)
    seen = (depth > 0) & on_other_surface(depth, other)
    return torch.where(seen, torch.where(other > 0, mixed, lone), depth)
