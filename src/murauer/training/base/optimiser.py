"""The optimiser and the learning rate of dense networks, in the base's training and in adapting."""

import math
from collections.abc import Iterable
from typing import Any

from torch import Tensor
from torch.optim import AdamW

LARGEST_GRADIENT = 1.0
"""Norm that gradients are clipped to."""


def dense_optimiser(parameters: Iterable[Tensor], weight_decay: float) -> AdamW:
    """AdamW that decays matrices and kernels, not biases and factors."""
    parameters = list(parameters)
    matrices = [parameter for parameter in parameters if parameter.ndim > 1]
    vectors = [parameter for parameter in parameters if parameter.ndim <= 1]
    groups: list[dict[str, Any]] = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
    return AdamW(groups, weight_decay=weight_decay, fused=True)


def rise_and_fall(share: float, rise: float) -> float:
    """Share of the highest learning rate after a share of the way: a line up, then a cosine to zero."""
    return min(share / rise, 0.5 * (1 + math.cos(math.pi * share)))
