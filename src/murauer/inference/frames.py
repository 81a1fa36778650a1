"""Frame sets through a network, without augmentation."""

from collections.abc import Iterator

import numpy as np
import torch

from murauer.nets.dense_network import DenseHandPoseNetwork
from murauer.nets.deployed import AnyNetwork
from murauer.nets.look_twice import look_twice
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
    network: AnyNetwork,
    frames: FrameSet,
    cube_mm: float,
    real: bool = True,
    rows: np.ndarray | None = None,
) -> np.ndarray:
    """Predict the joints that the first camera sees, with the recorded centre as centre of the crop.

    A dense network looks twice, the second time around what it predicted, in a cube as large as the hand asks
    for.

    Args:
        network: f, m and p, in evaluation mode.
        frames: N frames.
        cube_mm: side of the hand cube in mm; for a dense network, of a hand of the mean adult's size.
        real: whether m applies.
        rows: which frames, in this order; all by default.

    Returns:
        Joints in mm, camera coordinates, shape (N, J, 3), or as many as there are rows.
    """
    if isinstance(network, DenseHandPoseNetwork):
        every = np.arange(len(frames)) if rows is None else rows
        regions = [frames.regions(every[start : start + BATCH]) for start in range(0, len(every), BATCH)]
        looks = [look_twice(network, r.depth, r.intrinsics, r.centre, cube_mm, real) for r in regions]
        return torch.cat(looks).numpy()
    predictions = [
        samples.crop.denormalise_joints(network(samples.patch, real=real)).numpy()
        for samples in batches(frames, network.config.patch_size, cube_mm, rows)
    ]
    return np.concatenate(predictions)
