"""Frame sets through a network, without augmentation."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch

from murauer.geometry.patches import Cubes, Floats
from murauer.inference.joints import predict_joints
from murauer.nets.network import HandPoseNetwork
from murauer.store.augmentation import Samples, still, to_samples
from murauer.store.frame_set import FrameSet

BATCH = 256


def batches(
    frames: FrameSet, patch_size: int, cube_mm: float, rows: np.ndarray | None = None, view: int = 0
) -> Iterator[Samples]:
    """Cut frames into patches of right hands around the recorded centre, a batch at a time.

    Args:
        frames: N frames.
        patch_size: Side of the patches in pixels.
        cube_mm: Side of the hand cube in mm.
        rows: Which frames, in this order; all by default.
        view: The camera.
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

    Left hands are predicted from their mirror images, and their joints mirrored back.

    Args:
        network: f, m and p, in evaluation mode.
        frames: N frames.
        cube_mm: Side of the hand cube in mm.
        real: Whether m applies.
        rows: Which frames, in this order; all by default.

    Returns:
        Joints in mm, camera coordinates, shape (N, J, 3), or as many as there are rows.
    """
    rows = np.arange(len(frames)) if rows is None else rows
    joints = []
    for start in range(0, len(rows), BATCH):
        region = frames.regions(rows[start : start + BATCH], 0)
        cubes = Cubes(region.centre.numpy(), region.intrinsics.numpy(), cube_mm, network.config.patch_size)
        joints.append(predict_joints(partial(_run, network, real), region.depth.numpy(), cubes).joints)
    return frames.as_seen(torch.from_numpy(np.concatenate(joints)), rows).numpy()


def _run(network: HandPoseNetwork, real: bool, patches: Floats) -> Floats:
    """Patches in, joints out."""
    joints: Floats = network(torch.from_numpy(patches)[:, None], real=real).numpy()
    return joints
