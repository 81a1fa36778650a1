"""What happens where one surface ends and another begins."""

import math

from torch import Generator, Tensor

from murauer.hand.sensors.kernels import drop_edges_kernel, grow_kernel, jitter_kernel, mix_kernel
from murauer.hand.sensors.pixels import SURFACE_STEP_MM, Patches, by_rows, image_seeds, round_randomly


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
    patches = Patches.over(depth, patch_px, generator)
    offset = patches.normal(2, generator) * sigma_px[:, None, None]
    # Rounded at random within the patches too, or else single pixels would fray at low resolution.
    down, right = round_randomly(offset, patches.uniform(2, generator))
    return patches.apply(jitter_kernel, depth, down, right, SURFACE_STEP_MM)


def grow_edges(depth: Tensor, growth_px: Tensor, patch_px: Tensor, generator: Generator) -> Tensor:
    """Smeared edges: near surfaces grow over far ones and over nothing, as block matching has it.

    A window that sees two surfaces is matched by the one with more texture, mostly the nearer; now and then
    its best disparity lies between both.

    Args:
        depth: mm, (B, H, W).
        growth_px: Largest growth in image pixels, (B,).
        patch_px: Side of the patches that share one random place, in image pixels, (B,).
        generator: Source of randomness.

    Returns:
        mm, (B, H, W).
    """
    patches = Patches.over(depth, patch_px, generator)
    turn, distance, down, right, weight = patches.uniform(5, generator)
    angle, radius = turn.mul_(2 * math.pi), distance.sqrt_().mul_(growth_px[:, None, None])
    down = round_randomly(radius * angle.sin(), down)
    right = round_randomly(radius * angle.cos(), right)
    # Two thirds of the windows are won by the nearer surface wholly.
    weight = weight.mul_(3).clamp_(max=1)
    return patches.apply(grow_kernel, depth, down, right, weight, SURFACE_STEP_MM)


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
    patches = Patches.over(depth, patch_px, generator)
    turn, distance, down, right = patches.uniform(4, generator)
    # The square root spreads the places evenly over the disc. Beyond the probability, which is then that of
    # all distances, a window does not fail and looks at itself.
    share = distance / max(probability, 1e-6)
    radius = share.sqrt().mul_(radius_px[:, None, None]).mul_(share < 1)
    angle = turn.mul_(2 * math.pi)
    down = round_randomly(radius * angle.sin(), down)
    right = round_randomly(radius * angle.cos(), right)
    return patches.apply(drop_edges_kernel, depth, down, right, step_mm)


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
    return by_rows(mix_kernel, depth, radius_px, image_seeds(depth, generator), SURFACE_STEP_MM, min_share)
