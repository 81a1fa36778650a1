"""Frames that people labelled as ones without a hand: what the hand finder must not find hands in.

Whatever stands in a room and looks like a hand to the finder is learned from frames of that very room. They
are few beside the simulated ones, and so are seen again and again.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from murauer.geometry.camera import Camera
from murauer.geometry.patches import Cubes
from murauer.hand.rooms import HANDS
from murauer.handfinder.finder import CUBE_MM, PATCH_SIZE, at_surface, peaks, reduced
from murauer.handfinder.network import JOINTS, ProposalNetwork
from murauer.handfinder.training.cubes import LabelledCubes
from murauer.handfinder.training.frames import HEIGHT, WIDTH, RoomFrames

SHARE = 0.05
"""Of the samples that a network is trained with, if there are any of these."""

Image = tuple[np.ndarray, Camera]
"""Depth in mm, (H, W), and the camera that took it."""


def negative_frames(images: Sequence[Image]) -> RoomFrames:
    """Take them to the resolution of the search, without hands; what its frame does not hold is cut off."""
    nothing = torch.full((len(images), HANDS, 3), torch.nan)
    depth = torch.stack([torch.from_numpy(_framed(reduced(*image)[0])) for image in images])
    return RoomFrames(depth.round().clamp(max=32767).short(), nothing, nothing)


def negative_cubes(images: Sequence[Image], proposal: ProposalNetwork) -> LabelledCubes:
    """Cut cubes out where the trained proposal network believes hands to be.

    Returns:
        As many as there are such places, perhaps none.
    """
    patches = [patch for image in images for patch in _proposed(image, proposal)]
    count = len(patches)
    return LabelledCubes(
        patch=torch.stack(patches).half() if patches else torch.zeros(0, PATCH_SIZE, PATCH_SIZE).half(),
        is_hand=torch.zeros(count),
        joints=torch.zeros(count, JOINTS, 3).half(),
        right=torch.full((count,), torch.nan),
    )


def repeated(count: int, among: int) -> Tensor:
    """Which of `count` samples make up `SHARE` of a training with `among` others: indices, each as often."""
    wanted = max(count, round(SHARE / (1 - SHARE) * among))
    return torch.arange(wanted) % count if count else torch.zeros(0, dtype=torch.long)


def _framed(depth: np.ndarray) -> np.ndarray:
    """The middle of an image, or the image in the middle of nothing, (HEIGHT, WIDTH)."""
    for axis, wanted in enumerate((HEIGHT, WIDTH)):
        spare = depth.shape[axis] - wanted
        depth = np.take(
            depth, range(max(spare, 0) // 2, max(spare, 0) // 2 + min(depth.shape[axis], wanted)), axis
        )
        before = max(-spare, 0) // 2
        depth = np.pad(depth, [(before, max(-spare, 0) - before) if a == axis else (0, 0) for a in (0, 1)])
    return depth


def _proposed(image: Image, proposal: ProposalNetwork) -> Iterator[Tensor]:
    depth, camera = image
    small, intrinsics = reduced(depth, camera)
    with torch.no_grad():
        found = proposal(torch.from_numpy(small)[None])[0].numpy()
    for place in at_surface(peaks(found, intrinsics), small, intrinsics):
        yield torch.from_numpy(
            Cubes(place[None], camera.intrinsics_array(), CUBE_MM, PATCH_SIZE).cut(depth[None])[0]
        )
