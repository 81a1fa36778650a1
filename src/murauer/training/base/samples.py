"""Batches of the base model's training: windows become patches, as varied as cameras, rooms and users are."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional

from murauer.geometry.crop import BACKGROUND, crop_hand
from murauer.geometry.hand_size import hand_scale
from murauer.store.frame_set import Region

WRIST = 0


@dataclass(frozen=True)
class Variation:
    """How patches of one frame differ.

    Attributes:
        cube_mm: side of the cubes for a hand of the mean adult's size.
        fitted: share of cubes that are as large as the hand asks for; the others have `cube_mm`.
        size_deviation: standard deviation of the logarithm of the cube's side.
        size_limit: largest change of the cube's side, as a share.
        near: share of cubes centred near the middle finger's knuckle; the others lie along the palm.
        near_mm: standard deviation of these centres in mm, and those of the others.
        far_mm: ...
        lost: share of centres that are off by `lost_mm`.
        lost_mm: standard deviation of these in mm.
        turned: share of hands in any in-plane rotation.
        turn_deg: standard deviation of the rotation of the others.
    """

    cube_mm: float = 300.0
    fitted: float = 0.65
    size_deviation: float = 0.08
    size_limit: float = 0.16
    near: float = 0.5
    near_mm: float = 6.0
    far_mm: float = 10.0
    lost: float = 0.1
    lost_mm: float = 22.0
    turned: float = 0.4
    turn_deg: float = 30.0


@dataclass(frozen=True)
class Batch:
    """Patches (B, P, P) and joints (B, J, 3) as they show them, see `CropGeometry.to_patch`."""

    patch: Tensor
    joints: Tensor
    half_cube_mm: Tensor


def make_batch(region: Region, patch_size: int, variation: Variation, generator: Generator) -> Batch:
    """Cut varied patches out of windows."""
    batch = len(region.depth)
    centre = _centres(region, variation, generator)
    scale = hand_scale(region.joints)
    fitted = _happens(batch, variation.fitted, generator)
    change = (variation.size_deviation * torch.randn(batch, generator=generator)).exp()
    change = change.clamp(1 - variation.size_limit, 1 + variation.size_limit)
    cube = variation.cube_mm * torch.where(fitted, scale, 1.0) * change
    anywhere = torch.pi * (2 * torch.rand(batch, generator=generator) - 1)
    about = torch.deg2rad(variation.turn_deg * torch.randn(batch, generator=generator))
    rotation = torch.where(_happens(batch, variation.turned, generator), anywhere, about)
    patch, geometry = crop_hand(
        region.depth, region.intrinsics, centre, cube_mm=cube, patch_size=patch_size, rotation=rotation
    )
    return Batch(disturb(patch, generator), geometry.to_patch(region.joints), cube / 2)


def _centres(region: Region, variation: Variation, generator: Generator) -> Tensor:
    batch = len(region.joints)
    near = _happens(batch, variation.near, generator)[:, None]
    along = torch.where(near, 1.0, 0.45 + 0.65 * torch.rand(batch, 1, generator=generator))
    deviation = torch.where(near, variation.near_mm, variation.far_mm)
    lost = _happens(batch, variation.lost, generator)[:, None]
    deviation = torch.where(lost, variation.lost_mm, deviation)
    offset = deviation * torch.randn(batch, 3, generator=generator)
    return torch.lerp(region.joints[:, WRIST], region.centre, along) + offset


def disturb(patch: Tensor, generator: Generator) -> Tensor:
    """Spoil patches as cameras, windows and things in the way do.

    A part of the patches each gets: noise, depth in steps, missing pixels, missing blots, a blot of something
    nearer, and the border of the image through the patch.

    Args:
        patch: (B, P, P) in [-1, 1], background +1; changed in place.
        generator: source of randomness.
    """
    batch, size, _ = patch.shape

    def some(share: float) -> Tensor:
        return _happens(batch, share, generator)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=generator)

    seen = patch < BACKGROUND
    noise = some(0.5) * uniform(0.0, 0.02, batch)
    patch += torch.randn(patch.shape, generator=generator) * noise[:, None, None]
    rows = some(0.25).nonzero()[:, 0]
    step = uniform(0.003, 0.04, len(rows))[:, None, None]
    patch[rows] = (patch[rows] / step).round_() * step
    patch.clamp_(-1, 0.999)

    rows = some(0.3).nonzero()[:, 0]
    lost = (
        torch.rand(len(rows), size, size, generator=generator) < uniform(0.0, 0.08, len(rows))[:, None, None]
    )
    seen[rows] &= ~lost
    rows = some(0.3).nonzero()[:, 0]
    seen[rows] &= ~_blots(len(rows), size, 0.12, 0.35, generator)

    rows = some(0.12).nonzero()[:, 0]
    blot = _blots(len(rows), size, 0.3, 0.6, generator)
    nearer = patch[rows].amin((1, 2)) - uniform(0.0, 0.4, len(rows))
    patch[rows] = torch.where(blot, nearer.clamp(-1, 0.9)[:, None, None], patch[rows])
    seen[rows] |= blot

    rows = some(0.12).nonzero()[:, 0]
    turn = torch.randint(4, (len(rows),), generator=generator)
    along = torch.arange(size)
    axis = torch.where((turn < 2)[:, None, None], along[:, None], along[None, :])
    axis = torch.where((turn % 2 == 0)[:, None, None], axis, size - 1 - axis)
    seen[rows] &= axis >= (uniform(0.02, 0.4, len(rows)) * size)[:, None, None]
    return patch.masked_fill_(~seen, BACKGROUND)


def _blots(batch: int, size: int, smallest: float, largest: float, generator: Generator) -> Tensor:
    """Rectangles and ellipses anywhere, sides as shares of the patch, (B, P, P) bool."""
    sides = smallest + (largest - smallest) * torch.rand(batch, 2, generator=generator)
    middle = torch.rand(batch, 2, generator=generator)
    line = (torch.arange(size) + 0.5) / size
    away = (line - middle[:, :, None]).abs() / (sides[:, :, None] / 2)
    down, across = away[:, 0, :, None], away[:, 1, None, :]
    round_ = _happens(batch, 0.5, generator)[:, None, None]
    return torch.where(round_, down.square() + across.square() < 1, torch.maximum(down, across) < 1)


def _happens(batch: int, share: float, generator: Generator) -> Tensor:
    return torch.rand(batch, generator=generator) < share


def foreground_places(patch: Tensor, places: int, number: int, generator: Generator) -> Tensor:
    """Draw places of z where something is seen.

    Args:
        patch: (B, P, P).
        places: S.
        number: N, drawn with replacement; anywhere in a patch that shows nothing.
        generator: source of randomness.

    Returns:
        Numbers of the places, (B, N).
    """
    share = functional.avg_pool2d((patch < BACKGROUND).float()[:, None], patch.shape[-1] // places).flatten(1)
    return torch.multinomial(share + 1e-6, number, replacement=True, generator=generator)
