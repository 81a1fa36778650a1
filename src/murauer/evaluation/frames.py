"""Predictions of a network for a frame set, in mm."""

import numpy as np
import torch

from murauer.data.augmentation import still, to_samples
from murauer.data.frame_set import FrameSet
from murauer.nets.network import HandPoseNetwork

BATCH = 256


@torch.no_grad()
def predict_frames(
    network: HandPoseNetwork, frames: FrameSet, cube_mm: float, real: bool = True
) -> np.ndarray:
    """Predict the joints that the first camera sees, with the recorded centre as centre of the crop.

    Args:
        network: f, m and p, in evaluation mode.
        frames: N frames.
        cube_mm: side of the hand cube in mm.
        real: whether m applies.

    Returns:
        Joints in mm, camera coordinates, shape (N, J, 3).
    """
    predictions = []
    for start in range(0, len(frames), BATCH):
        region = frames.regions(np.arange(start, min(start + BATCH, len(frames))))
        samples = to_samples(
            region, still(len(region.depth)), patch_size=network.config.patch_size, cube_mm=cube_mm
        )
        predictions.append(samples.crop.denormalise_joints(network(samples.patch, real=real)).numpy())
    return np.concatenate(predictions)
