"""Frame sets through a network, without augmentation."""

from collections.abc import Iterator

import numpy as np
import torch

from murauer.nets.network import HandPoseNetwork
from murauer.store.augmentation import Samples, still, to_samples
from murauer.store.frame_set import FrameSet

BATCH = 256


def batches(
    frames: FrameSet, patch_size: int, cube_mm: float, rows: np.ndarray | None = None, view: int = 0
) -> Iterator[Samples]:
    """Cut frames into patches around the recorded centre, a batch at a time.

    Args:
        frames: N frames.
        patch_size: side of the patches in pixels.
        cube_mm: side of the hand cube in mm.
        rows: which frames, in this order; all by default.
        view: the camera.
    """
    rows = np.arange(len(frames)) if rows is None else rows
    for start in range(0, len(rows), BATCH):
        region = frames.regions(rows[start : start + BATCH], view)
        yield to_samples(region, still(len(region.depth)), patch_size=patch_size, cube_mm=cube_mm)


@torch.no_grad()
def predict_frames(
    network: HandPoseNetwork,
    frames: FrameSet,
    cube_mm: float,
    real: bool = True,
    rows: np.ndarray | None = None,
) -> np.ndarray:
    """Predict the joints that the first camera sees, with the recorded centre as centre of the crop.

    Args:
        network: f, m and p, in evaluation mode.
        frames: N frames.
        cube_mm: side of the hand cube in mm.
        real: whether m applies.
        rows: which frames, in this order; all by default.

    Returns:
        Joints in mm, camera coordinates, shape (N, J, 3), or as many as there are rows.
    """
    predictions = [
        samples.crop.denormalise_joints(network(samples.patch, real=real)).numpy()
        for samples in batches(frames, network.config.patch_size, cube_mm, rows)
    ]
    return np.concatenate(predictions)
