"""Regions become patches: the one place where training data is cropped and varied (supplement).

Everything happens on whole batches of tensors, with a draw of its own for each sample.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import torch
from torch import Generator, Tensor

from murauer.foreign.ranges import Degrees, NotNegative, Share
from murauer.geometry.crop import BACKGROUND, CropGeometry, crop_hand
from murauer.geometry.patches import BoxRule
from murauer.nets.config import PAPER
from murauer.store.frame_set import Region


class AugmentationConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Amount of random variation of each training sample; the defaults are the supplement's.

    Attributes:
        rotation_deg: In-plane rotation, uniform in plus or minus this angle about the centre.
        offset_mm: Standard deviation of the offset of the crop centre, for each coordinate.
        noise_mm: Standard deviation of white noise, for each pixel that shows a surface.
        condition_jitter_mm: Standard deviation of the noise on the crop centre that the view generator g
            is told (published implementation).
        cube_deviation: Standard deviation of the logarithm of the cube's side, which is not varied in the
            paper. For dense networks, which look at hands in cubes of several sizes.
    """

    rotation_deg: Degrees = 60.0
    offset_mm: NotNegative = 5.0
    noise_mm: NotNegative = 5.0
    condition_jitter_mm: NotNegative = 15.0
    cube_deviation: Share = 0.0


@dataclass(frozen=True)
class Placement:
    """Where the cube of each sample is put: drawn once, used for all images that must agree.

    Attributes:
        offset: Displacement of the crop centre in mm, shape (B, 3).
        rotation: In-plane rotation in radians, shape (B,).
        scale: Factor on the side of the cube, shape (B,).
    """

    offset: Tensor
    rotation: Tensor
    scale: Tensor


@dataclass(frozen=True)
class Samples:
    """Patches as the networks see them.

    Attributes:
        patch: Depth in [-1, 1], background +1, shape (B, 1, P, P).
        joints: What the network is to predict of the joints, by default in half cubes, in the frame of the
            patch, shape (B, J, 3).
        crop: Geometry that leads from the patch back to the camera.
    """

    patch: Tensor
    joints: Tensor
    crop: CropGeometry

    @property
    def centre(self) -> Tensor:
        """Crop centre in mm, camera coordinates, shape (B, 3)."""
        return self.crop.centre


def draw_placement(
    size: int, config: AugmentationConfig, generator: Generator, rotate: bool = True
) -> Placement:
    """Draw where the cubes of a batch are put.

    Args:
        size: Number of samples B.
        config: Amounts of offset, rotation and scale.
        generator: Source of randomness.
        rotate: False for the view-prediction set, whose other view can neither rotate nor grow along.
    """
    offset = torch.randn(size, 3, generator=generator) * config.offset_mm
    limit = math.radians(config.rotation_deg) if rotate else 0.0
    rotation = (torch.rand(size, generator=generator) * 2 - 1) * limit
    scale = torch.ones(size)
    if rotate and config.cube_deviation:
        scale = (config.cube_deviation * torch.randn(size, generator=generator)).exp()
    return Placement(offset, rotation, scale)


def still(size: int) -> Placement:
    """The placement that changes nothing, as for evaluation and for the target of view prediction."""
    return Placement(torch.zeros(size, 3), torch.zeros(size), torch.ones(size))


def add_white_noise(patch: Tensor, noise: Tensor, deviation: float) -> Tensor:
    """Add noise to the pixels that show a surface; the background stays +1.

    Args:
        patch: Depth in [-1, 1], shape (B, P, P).
        noise: Noise of standard deviation 1, shape (B, P, P).
        deviation: The standard deviation wanted, in units of the patch.

    Returns:
        Depth in [-1, 1], shape (B, P, P).
    """
    return torch.where(patch < BACKGROUND, patch.add(noise, alpha=deviation).clamp_(-1.0, 1.0), patch)


def to_samples(
    region: Region,
    placement: Placement,
    *,
    patch_size: int,
    cube_mm: float,
    noise: Tensor | None = None,
    noise_mm: float = 0.0,
    targets: Callable[[CropGeometry, Tensor], Tensor] = PAPER.targets,
    box: BoxRule = "exact",
) -> Samples:
    """Cut a batch of regions into patches.

    Args:
        region: The depth windows.
        placement: Offset, rotation and scale of each cube.
        patch_size: Side P of the patches in pixels.
        cube_mm: Side of the hand cube in mm, before it is scaled.
        noise: Noise of standard deviation 1 for each patch pixel, shape (B, P, P); none by default.
        noise_mm: Standard deviation that it is given on the surfaces, in a cube that is not scaled.
        targets: What the network is to predict of joints in mm; that of the paper by default.
        box: How the cubes' outlines become pixels.

    Raises:
        ValueError: A centre is not in front of the camera.
    """
    patch, crop = crop_hand(
        region.depth,
        region.intrinsics,
        region.centre + placement.offset,
        cube_mm=cube_mm * placement.scale,
        patch_size=patch_size,
        rotation=placement.rotation,
        pivot=region.centre,
        box=box,
    )
    if noise is not None:
        patch = add_white_noise(patch, noise, noise_mm / (cube_mm / 2))
    return Samples(patch.unsqueeze(1), targets(crop, region.joints), crop)
