"""Other frames and cubes from those that were rendered: mirrored, larger, with less depth."""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from murauer.geometry.crop import BACKGROUND
from murauer.handfinder.training.cubes import LabelledCubes
from murauer.handfinder.training.frames import RoomFrames

SCALE = 0.12
"""Rooms, and with them people, become larger or smaller by up to this share."""

TORN = 0.3
"""Share of images whose surfaces are torn, as those of sleeves and hair are."""

OPPOSITE = torch.tensor([-1.0, 1.0, 1.0])


def other_frames(frames: RoomFrames) -> RoomFrames:
    """The same number of frames, in which as much can be found."""
    frames = mirrored_frames(frames) if torch.rand(()) < 0.5 else frames
    scale = 1 + SCALE * (2 * torch.rand(len(frames.depth), 1, 1) - 1)
    farther = torch.cat([torch.ones(len(scale), 1, 2), scale], 2)  # what is larger and farther looks the same
    lost = disturbance(frames.depth.shape)
    depth = (frames.depth * scale).round().clamp(max=32767).masked_fill(lost, 0)
    return RoomFrames(depth, frames.hands * farther, frames.doubtful * farther)


def other_cubes(cubes: LabelledCubes) -> LabelledCubes:
    """The same number of cubes, as many of them with hands."""
    half = len(cubes) // 2
    cubes = LabelledCubes.joined([cubes.part(slice(half)), mirrored_cubes(cubes.part(slice(half, None)))])
    patch = cubes.patch.float()
    patch = patch.masked_fill(disturbance(patch.shape, share=0.08), BACKGROUND)
    return replace(cubes, patch=patch)


def mirrored_frames(frames: RoomFrames) -> RoomFrames:
    """Frames as in a mirror."""
    shift = torch.tensor([frames.depth.shape[-1] - 1.0, 0.0, 0.0])
    hands, doubtful = (places * OPPOSITE + shift for places in (frames.hands, frames.doubtful))
    return RoomFrames(frames.depth.flip(-1), hands, doubtful)


def mirrored_cubes(cubes: LabelledCubes) -> LabelledCubes:
    """Cubes as in a mirror: right hands are left ones."""
    return LabelledCubes(cubes.patch.flip(-1), cubes.is_hand, cubes.joints * OPPOSITE, 1 - cubes.right)


def disturbance(shape: torch.Size, share: float = 0.15) -> Tensor:
    """Mark where images (B, H, W) lose depth, as real devices do: pixels, a rectangle, torn surfaces.

    Args:
        shape: Shape of the images.
        share: Share of single pixels, at most.
    """
    batch, height, width = shape
    lost = torch.rand(shape) < share * torch.rand(batch, 1, 1).square()
    low = torch.rand(2, batch, 1) * torch.tensor([height, width])[:, None, None]
    size = torch.rand(2, batch, 1) * torch.tensor([height, width])[:, None, None] / 5
    down, across = torch.arange(height), torch.arange(width)
    down, across = (
        (down > low[0]) & (down < low[0] + size[0]),
        (across > low[1]) & (across < low[1] + size[1]),
    )
    torn = _blobs(shape) & (torch.rand(batch, 1, 1) < TORN)
    return lost | torn | (down[:, :, None] & across[:, None])


def _blobs(shape: torch.Size) -> Tensor:
    """Up to half of images, in pieces of all sizes: where smooth noise is high."""
    batch, height, width = shape
    noise = torch.zeros(batch, 1, height, width)
    for cells in (6, 12, 24):
        coarse = torch.randn(batch, 1, cells, cells) / cells**0.5
        noise += interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
    flat = noise.flatten(1)
    threshold = flat.mean(1) + flat.std(1) * (3 * torch.rand(batch))
    return noise[:, 0] > threshold[:, None, None]
