"""Small pictures of patches: depth, skeletons, predicted views."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from murauer.geometry.overlay import BACKGROUND_COLOUR, FAR_COLOUR, NEAR_COLOUR, draw_skeleton, shade_depth
from murauer.geometry.skeletons import Skeleton
from murauer.store.augmentation import Samples, still, to_samples
from murauer.store.frame_set import FrameSet

OVERLAY_SIZE = 256
"""Side of pictures with a skeleton, in pixels; on the page they are about half as large."""

SHADED_SHARE = 0.4
"""Depth colours span this share of the cube to either side of its centre; hands are thinner than the cube."""


def shaded_patches(samples: Samples) -> list[Image.Image]:
    """Colour patches as depth with light from the side, one pixel a patch pixel."""
    depth = samples.crop.depth_mm(samples.patch[:, 0])
    sides = torch.as_tensor(samples.crop.cube_mm).expand(len(depth)).tolist()
    pictures = []
    for own, side, z in zip(depth, sides, samples.centre[:, 2].tolist(), strict=True):
        half = SHADED_SHARE * side
        pictures.append(shade_depth(own, z - half, z + half))
    return pictures


def recorded_samples(frames: FrameSet, rows: np.ndarray, view: int, size: int, cube_mm: float) -> Samples:
    """Patches of frames as the camera saw them, to draw joints over: of left hands left ones."""
    return to_samples(frames.windows(rows, view), still(len(rows)), patch_size=size, cube_mm=cube_mm)


def overlays(samples: Samples, joints: Tensor, skeleton: Skeleton) -> list[Image.Image]:
    """Draw joints (B, J, 3) in mm over the patches that they belong to."""
    points = samples.crop.patch_from_xyz(joints)
    pictures = []
    for picture, columns_rows, depth in zip(shaded_patches(samples), points, joints[..., 2], strict=True):
        scale = OVERLAY_SIZE / picture.width
        enlarged = picture.resize((OVERLAY_SIZE, OVERLAY_SIZE), Image.Resampling.BICUBIC)
        ends = (columns_rows + 0.5) * scale - 0.5  # pixel centres are at integers in both
        joint_points = torch.cat((ends, depth[:, None]), dim=1)
        pictures.append(draw_skeleton(enlarged, joint_points, skeleton, width=OVERLAY_SIZE / 72))
    return pictures


def patch_picture(patch: Tensor) -> Image.Image:
    """Colour a patch (P, P) with values in [-1, 1] evenly from near to background, without light.

    Predicted views are uncertain between surface and background; light would show slopes that nobody saw.
    """
    share = ((patch.double().numpy() + 1) / 2)[..., None]
    near, far, background = (
        np.asarray(colour, float) for colour in (NEAR_COLOUR, FAR_COLOUR, BACKGROUND_COLOUR)
    )
    surface = near + (far - near) * share
    # The last quarter of the range fades into the background, where the value +1 lies.
    fade = np.clip((share - 0.75) / 0.25, 0, 1)
    return Image.fromarray((surface + (background - surface) * fade).round().astype(np.uint8))
