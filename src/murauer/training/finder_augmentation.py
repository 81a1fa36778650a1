"""Other frames and cubes from those that were rendered: mirrored, larger, with less depth."""

import torch
from torch import Tensor

from murauer.crop import BACKGROUND
from murauer.training.finder_cubes import JudgedCubes
from murauer.training.finder_rooms import RoomFrames

SCALE = 0.12
"""Rooms, and with them people, become larger or smaller by up to this share."""

OPPOSITE = torch.tensor([-1.0, 1.0, 1.0])


def other_frames(frames: RoomFrames) -> RoomFrames:
    """The same number of frames, in which as much can be found."""
    frames = mirrored_frames(frames) if torch.rand(()) < 0.5 else frames
    scale = 1 + SCALE * (2 * torch.rand(len(frames.depth), 1, 1) - 1)
    farther = torch.cat([torch.ones(len(scale), 1, 2), scale], 2)  # what is larger and farther looks the same
    lost = disturbance(frames.depth.shape)
    depth = (frames.depth * scale).round().clamp(max=32767).masked_fill(lost, 0)
    return RoomFrames(depth, frames.hands * farther, frames.doubtful * farther)


def other_cubes(cubes: JudgedCubes) -> JudgedCubes:
    """The same number of cubes, as many of them with hands."""
    cubes = mirrored_cubes(cubes) if torch.rand(()) < 0.5 else cubes
    patch = cubes.patch.float()
    patch = patch.masked_fill(disturbance(patch.shape, share=0.08), BACKGROUND)
    return JudgedCubes(patch, cubes.judged, cubes.offset, cubes.right)


def mirrored_frames(frames: RoomFrames) -> RoomFrames:
    """Frames as in a mirror."""
    shift = torch.tensor([frames.depth.shape[-1] - 1.0, 0.0, 0.0])
    hands, doubtful = (places * OPPOSITE + shift for places in (frames.hands, frames.doubtful))
    return RoomFrames(frames.depth.flip(-1), hands, doubtful)


def mirrored_cubes(cubes: JudgedCubes) -> JudgedCubes:
    """Cubes as in a mirror: right hands are left ones."""
    return JudgedCubes(cubes.patch.flip(-1), cubes.judged, cubes.offset * OPPOSITE, 1 - cubes.right)


def disturbance(shape: torch.Size, share: float = 0.15) -> Tensor:
    """Single pixels and a rectangle of images (B, H, W) whose depth is lost, as with real devices; a mask.

    Args:
        shape: of the images.
        share: of single pixels, at most.
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
    return lost | (down[:, :, None] & across[:, None])
