"""A step back towards the model that was started from, if it has unlearned too much."""

import copy
from collections.abc import Callable

import torch

from murauer.nets.dense_network import DenseHandPoseNetwork

LARGEST_RISE = 1.07
"""By which the error on frames of the base's training may rise; promised are 10 %."""

SHARES = tuple(tenths / 10 for tenths in range(10, 0, -1))
"""Of the way from the first weights to the adapted ones, that are tried; none of it if none will do."""


def between(first: DenseHandPoseNetwork, last: DenseHandPoseNetwork, share: float) -> DenseHandPoseNetwork:
    """The network whose weights lie between those of two others (Wortsman et al. 2022).

    Args:
        first: What was trained on.
        last: What came of it.
        share: 0 for the first, 1 for the last.
    """
    network = copy.deepcopy(last)
    ends = zip(network.state_dict().values(), first.state_dict().values(), strict=True)
    for weights, other in ends:
        if weights.is_floating_point():
            weights.copy_(torch.lerp(other, weights, share))
    return network


def keep_skill(
    first: DenseHandPoseNetwork, last: DenseHandPoseNetwork, error: Callable[[DenseHandPoseNetwork], float]
) -> DenseHandPoseNetwork:
    """The network farthest from the first one that is hardly worse where the first one comes from.

    Args:
        first: What the adaptation started from.
        last: What it came to.
        error: On frames of the first one's training, in mm.
    """
    limit = LARGEST_RISE * error(first)
    for share in SHARES:
        network = between(first, last, share)
        if error(network) <= limit:
            return network
    return copy.deepcopy(first)
