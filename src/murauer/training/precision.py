"""Half precision where most of the arithmetic is: in the convolutions."""

from contextlib import AbstractContextManager
from typing import Literal

import torch

Precision = Literal["float32", "bfloat16"]


def convolutions_in(precision: Precision, device: str = "cpu") -> AbstractContextManager[object]:
    """Context in which f and g compute their maps with this precision.

    The first convolution of f, which sees the depth, and all fully connected layers keep float32, as do
    weights, their gradients, normalisation statistics and losses.
    """
    return torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16")
