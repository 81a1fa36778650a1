"""What a model believes of frames without labels: several looks at each, and how far it trusts each joint."""

from typing import NamedTuple

import numpy as np
import torch

from murauer.geometry.patches import Cubes, Floats
from murauer.geometry.skeletons import find_skeleton
from murauer.nets.dense_network import DenseHandPoseNetwork
from murauer.nets.deployed import predicted
from murauer.nets.joints import VIEWS, Dense, predict_joints
from murauer.store.frame_set import FrameSet

BATCH = 64

TRUSTED_MM = 10.0
"""Joints that are expected to be better than this count fully; others less, by the square of the error."""


class Belief(NamedTuple):
    """Joints of N images as the camera saw them, (N, J, 3) in mm, and their expected errors, (N, J)."""

    joints: Floats
    error_mm: Floats

    def weight(self) -> Floats:
        """How much each joint counts, (N, J)."""
        weight: Floats = (TRUSTED_MM / self.error_mm).clip(max=1.0) ** 2
        return weight


@torch.no_grad()
def believe(
    network: DenseHandPoseNetwork, frames: FrameSet, rows: np.ndarray, view: int, cube_mm: float
) -> Belief:
    """Predict the joints of frames as quality "best" does: the mean of turned and scaled views of the hand.

    The mean of the views is a millimetre better than each of them; a network that learns it comes nearer to
    it in a single look.

    Args:
        network: In evaluation mode.
        frames: A store's set.
        rows: Which frames.
        view: Which camera's.
        cube_mm: Side of the cube of a hand of the mean adult's size.
    """
    skeleton = find_skeleton(network.config.skeleton)
    dense = Dense(skeleton.name, cube_mm, VIEWS)

    def run(patches: Floats) -> Floats:
        joints: Floats = predicted(network, torch.from_numpy(patches)[:, None], True).numpy()
        return joints

    beliefs = []
    for start in range(0, len(rows), BATCH):
        some = rows[start : start + BATCH]
        seen = frames.regions(some, view)
        cubes = Cubes(seen.centre.numpy(), seen.intrinsics.numpy(), cube_mm, network.config.patch_size)
        look = predict_joints(
            run, seen.depth.numpy(), cubes, passes=2, centre_joint=skeleton.centre, dense=dense
        )
        assert look.error_mm is not None
        joints = frames.as_seen(torch.from_numpy(look.joints), some).numpy()
        beliefs.append(Belief(joints, look.error_mm))
    return Belief(*(np.concatenate(parts) for parts in zip(*beliefs, strict=True)))
