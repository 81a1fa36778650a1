"""The error of a dense network on a store."""

import torch
from torch import Tensor

from murauer.geometry.skeletons import convert
from murauer.nets.dense_network import DenseHandPoseNetwork
from murauer.nets.deployed import joints_around
from murauer.store.frame_set import Region
from murauer.store.store import Store

FRAMES = 100
"""Looked at together."""


def stored_hands(store: Store, name: str) -> list[Region]:
    """All labelled hands that the first camera of a store's set sees, some at a time."""
    frames = store.require(name)
    rows = frames.usable_rows(0, labelled=True)
    return [frames.regions(rows[start : start + FRAMES]) for start in range(0, len(rows), FRAMES)]


def error_mm(network: DenseHandPoseNetwork, regions: list[Region], skeleton: str, cube_mm: float) -> Tensor:
    """Distance of each joint from where a store of some skeleton has it, (N, J) in mm; m applies."""
    network.eval()
    looks = [joints_around(network, r.depth, r.intrinsics, r.centre, cube_mm, True) for r in regions]
    predicted = convert(torch.cat(looks), network.config.skeleton, skeleton)
    return (predicted - torch.cat([region.joints for region in regions])).norm(dim=-1)
