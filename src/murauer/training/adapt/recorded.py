"""Frames of a camera, and what is believed of their joints."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from murauer.errors import UserError
from murauer.nets.dense_network import DenseHandPoseNetwork
from murauer.store.frame_set import FrameSet, Region, spread_rows
from murauer.store.store import Store
from murauer.training.adapt.labels import as_hand21
from murauer.training.adapt.pseudo_labels import Belief, believe
from murauer.training.adapt.two_views import agreed, relative_pose
from murauer.training.base.scenes import CENTRE

FEWEST_PAIRS = 30
"""Moments that two cameras must have seen for the pose of one to the other to be estimated."""


@dataclass(frozen=True)
class RecordedFrames:
    """Images of a store's set, with joints to learn.

    Attributes:
        frames: The set.
        rows, views: Which moments and cameras the N images are of, shape (N,).
        joints: Joints of `hand21` in mm as `FrameSet.regions` shows them, of right hands, (N, 21, 3).
        weight: How much each joint is believed, (N, 21).
    """

    frames: FrameSet
    rows: np.ndarray
    views: np.ndarray
    joints: Tensor
    weight: Tensor

    def __len__(self) -> int:
        return len(self.rows)

    def draw(self, size: int, generator: Generator) -> tuple[Region, Tensor]:
        """Draw windows with their joints, and the weights of these."""
        chosen = torch.randint(len(self), (size,), generator=generator)
        index = chosen.numpy()
        seen = self.frames.regions(self.rows[index], self.views[index])
        joints = self.joints[chosen]
        return Region(seen.depth, seen.intrinsics, joints[:, CENTRE], joints), self.weight[chosen]


def believed_frames(
    network: DenseHandPoseNetwork, store: Store, without: np.ndarray, most: int
) -> tuple[RecordedFrames, float | None]:
    """Frames without labels, with what a model believes of them; two cameras agree on one belief.

    Args:
        network: In evaluation mode.
        store: With real frames.
        without: Moments that are left out.
        most: Moments that are looked at, spread evenly.

    Returns:
        The frames, and the mean distance in mm between what two cameras said; None for one camera.

    Raises:
        UserError: No frame is usable.
    """
    frames = store.require("real")
    views = _views(store, frames)
    rows = np.setdiff1d(frames.usable_rows(*views), without)
    if not len(rows):
        raise UserError(f"{store.folder} has no usable real frames without labels to adapt to; record some")
    rows = rows[spread_rows(len(rows), most)]
    beliefs = [believe(network, frames, rows, view, store.cube_mm) for view in views]
    apart = None
    if len(views) == 2:
        first, second = beliefs
        rotation, shift = relative_pose(first.joints, second.joints)
        apart = float(np.linalg.norm(first.joints - second.joints @ rotation.T - shift, axis=-1).mean())
        beliefs = list(agreed(first, second, rotation, shift))
    every = Belief(*(np.concatenate(parts) for parts in zip(*beliefs, strict=True)))
    rows, cameras = np.tile(rows, len(views)), np.repeat(views, len(rows))
    joints = frames.as_seen(torch.from_numpy(every.joints), rows)
    return RecordedFrames(frames, rows, cameras, joints, torch.from_numpy(every.weight())), apart


def labelled_frames(network: DenseHandPoseNetwork, store: Store, rows: np.ndarray) -> RecordedFrames:
    """Labelled moments, as all cameras saw them that know the joints.

    Args:
        network: In evaluation mode; says where joints are that have no label.
        store: With real frames.
        rows: Which of them.

    Raises:
        UserError: There is no conversion of their skeleton.
    """
    frames, parts = store.require("real"), []
    for view in range(frames.views):
        known = frames.valid[rows, view] & ~np.isnan(frames.joints[rows, view]).all((1, 2))
        own = rows[known]
        if len(own):
            believed = believe(network, frames, own, view, store.cube_mm).joints
            labels = np.asarray(frames.joints[own, view])
            exact = torch.from_numpy(as_hand21(labels, store.skeleton.name, believed))
            parts.append((own, np.full(len(own), view), frames.as_seen(exact, own)))
    moments, views, joints = zip(*parts, strict=True)
    every = torch.cat(joints)
    return RecordedFrames(
        frames, np.concatenate(moments), np.concatenate(views), every, torch.ones(every.shape[:2])
    )


def _views(store: Store, frames: FrameSet) -> tuple[int, ...]:
    """The cameras whose frames are learned from: two that saw the same moments, or the first."""
    pair = store.view_pair
    two = pair is not None and max(pair) < frames.views and len(frames.usable_rows(*pair)) >= FEWEST_PAIRS
    return tuple(pair) if two and pair is not None else (0,)
