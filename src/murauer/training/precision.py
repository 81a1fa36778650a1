"""Half precision where most of the arithmetic is: in the products of convolutions and layers."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

import torch

Precision = Literal["float32", "bfloat16"]

PROCESSOR = Path("/proc/cpuinfo")
"""Where Linux says what the processor can do."""

BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}
"""Linux's names of instructions that multiply in bfloat16: two of x86, and that of ARM."""


def networks_in(precision: Precision, device: str) -> AbstractContextManager[object]:
    """Context in which the networks compute with this precision.

    The first convolution of f, which sees the depth, and the last layers of p and h keep float32, and so do
    the results of all networks, weights, their gradients, the statistics of normalisations and the losses.
    """
    return torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16")


def slowness(precision: Precision, device: str) -> str | None:
    """Say that a precision is slower here than float32, in one sentence, if it is.

    Args:
        precision: of the networks.
        device: kind of device that they are on.

    Returns:
        None also where the system does not tell what its processor can do.
    """
    if precision != "bfloat16" or device != "cpu" or not PROCESSOR.exists():
        return None
    if BFLOAT16_FLAGS.intersection(PROCESSOR.read_text().split()):
        return None
    return (
        "this processor has no bfloat16 instructions, so training.precision bfloat16 is slower here than "
        "float32; set training.precision to float32"
    )
