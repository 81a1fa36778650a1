"""Half precision where most of the arithmetic is: in f and g."""

from contextlib import AbstractContextManager
from typing import Literal

import torch

Precision = Literal["float32", "bfloat16"]


def convolutions_in(precision: Precision, device: str) -> AbstractContextManager[object]:
    """Context in which f and g compute with this precision.

    The first convolution of f, which sees the depth, keeps float32, and so do m, p and h, the results of f
    and g, weights, their gradients, the statistics of normalisations and the losses.
    """
    return torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16")
