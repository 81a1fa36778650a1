"""Frame sets through a network, without augmentation."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from murauer.geometry.patches import BoxRule
from murauer.nets.deployed import AnyNetwork, device_of, joints_around, latent_vectors
from murauer.progress import Progress
from murauer.store.augmentation import Samples, still, to_samples
from murauer.store.frame_set import FrameSet

BATCH = 256


def batches(
    frames: FrameSet,
    patch_size: int,
    cube_mm: float,
    rows: np.ndarray | None = None,
    view: int = 0,
    box: BoxRule = "exact",
) -> Iterator[Samples]:
    """Cut frames into patches of right hands around the recorded centre, a batch at a time.

    Args:
        frames: N frames.
        patch_size: Side of the patches in pixels.
        cube_mm: Side of the hand cube in mm.
        rows: Which frames, in this order; all by default.
        view: The camera.
        box: How the cubes' outlines become pixels.
    """
    rows = np.arange(len(frames)) if rows is None else rows
    for start in range(0, len(rows), BATCH):
        region = frames.regions(rows[start : start + BATCH], view)
        yield to_samples(region, still(len(region.depth)), patch_size=patch_size, cube_mm=cube_mm, box=box)


def patches_for(
    network: AnyNetwork, frames: FrameSet, cube_mm: float, rows: np.ndarray, view: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """Cut frames as a network is to see them, a batch at a time; the arguments are those of `batches`.

    Yields:
        Patches (B, 1, P, P) and crop centres in mm (B, 3), on the network's device.
    """
    config, device = network.config, device_of(network)
    for samples in batches(frames, config.patch_size, cube_mm, rows, view, config.box):
        yield samples.patch.to(device), samples.centre.to(device)


@torch.no_grad()
def encode_frames(
    network: AnyNetwork, frames: FrameSet, cube_mm: float, rows: np.ndarray, real: bool = True
) -> Tensor:
    """Take frames of the first camera to the latent space.

    Args:
        network: f and m, in evaluation mode.
        frames: N frames.
        cube_mm: Side of the hand cube in mm.
        rows: Which frames, in this order.
        real: Whether m applies.

    Returns:
        z of each row, (M, F) float64, because near frames are measured against far ones.
    """
    parts = []
    with Progress("looking at frames", len(rows), unit="frame") as progress:
        for patch, _ in patches_for(network, frames, cube_mm, rows):
            parts.append(latent_vectors(network, patch, real).cpu().double())
            progress.advance(len(patch))
    return torch.cat(parts)


@torch.no_grad()
def predict_frames(
    network: AnyNetwork,
    frames: FrameSet,
    cube_mm: float,
    real: bool = True,
    rows: np.ndarray | None = None,
) -> np.ndarray:
    """Predict the joints that the first camera sees, with the recorded centre as centre of the crop.

    Left hands are predicted from their mirror images, and their joints mirrored back. A dense network looks
    twice, the second time around what it predicted, in a cube as large as the hand asks for.

    Args:
        network: f, m and p, in evaluation mode.
        frames: N frames.
        cube_mm: Side of the hand cube in mm; for a dense network, of a hand of the mean adult's size.
        real: Whether m applies.
        rows: Which frames, in this order; all by default.

    Returns:
        Joints in mm, camera coordinates, shape (N, J, 3), or as many as there are rows.
    """
    rows = np.arange(len(frames)) if rows is None else rows
    regions = (frames.regions(rows[start : start + BATCH]) for start in range(0, len(rows), BATCH))
    joints = [joints_around(network, r.depth, r.intrinsics, r.centre, cube_mm, real) for r in regions]
    return frames.as_seen(torch.cat(joints), rows).numpy()
