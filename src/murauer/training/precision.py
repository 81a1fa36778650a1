"""Half precision where most of the arithmetic is: in the products of convolutions and layers."""

from contextlib import AbstractContextManager
from typing import Literal

import torch

Precision = Literal["float32", "bfloat16"]


def networks_in(precision: Precision, device: str) -> AbstractContextManager[object]:
    """Context in which the networks compute with this precision.

    The first convolution of f, which sees the depth, and the last layers of p and h keep float32, and so do
    the results of all networks, weights, their gradients, the statistics of normalisations and the losses.
    """
    return torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16")
