"""Where a training computes: the processor, or a GPU that is fed ahead of time and not waited for."""

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Literal, TypeVar

import torch
from torch import Tensor

from murauer.errors import UserError

Batch = TypeVar("Batch")

CPU = torch.device("cpu")

PROCESSOR = Path("/proc/cpuinfo")
"""Where Linux says what the processor can do."""

BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}
"""Linux's names of instructions that multiply in bfloat16: two of x86, and that of ARM."""

STEPS_AHEAD = 4
"""Steps whose batches are made while a GPU computes; as many threads draw and read them."""


def open_device(name: str) -> torch.device:
    """The device of that name, ready for batches that are always equally large.

    Args:
        name: "cpu", "cuda" or "cuda:N"; with torchrun, "cuda" is another GPU in each process of a machine.

    Raises:
        UserError: There is no such device.
    """
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda") or (index and not (kind == "cuda" and index.isdecimal())):
        raise UserError(f"unknown device '{name}'; choose cpu, cuda or cuda:N")
    if kind == "cpu":
        return CPU
    number, there = int(index or os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if not torch.cuda.is_available() or number >= there:
        raise UserError(
            f"there is no device {kind}:{number}: PyTorch {torch.__version__} finds "
            f"{there if torch.cuda.is_available() else 'no'} GPU here; use --device cpu"
        )
    torch.cuda.set_device(number)
    torch.backends.cudnn.benchmark = True
    return torch.device(kind, number)


def workers_for(name: str) -> int | None:
    """How many processes to compute in where none is asked for: one for a GPU; None for one for each core."""
    return None if name == "cpu" else 1


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Copy a tensor of the processor to a device, without waiting for the copy if it is a GPU."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


@contextmanager
def prefetched(make: Callable[[int], Batch], steps: int, ahead: int) -> Iterator[Callable[[int], Batch]]:
    """Yield a function that gives the batch of a step, while threads make those of the next steps.

    Args:
        make: Makes the batch of a step, which depends on the step alone.
        steps: Number of steps of the training.
        ahead: How many batches are made ahead of their step; 0 to make each when it is due, without threads.
    """
    if not ahead:
        yield make
        return
    coming: dict[int, Future[Batch]] = {}

    def batch(step: int) -> Batch:
        for later in range(step, min(step + ahead + 1, steps)):
            if later not in coming:
                coming[later] = pool.submit(make, later)
        return coming.pop(step).result()

    with ThreadPoolExecutor(ahead) as pool:
        try:
            yield batch
        finally:
            pool.shutdown(cancel_futures=True)


def steps_ahead(device: torch.device) -> int:
    """How many batches to make ahead: none on the processor, which the step itself keeps busy."""
    return STEPS_AHEAD if device.type == "cuda" else 0


Precision = Literal["float32", "bfloat16"]


def networks_in(precision: Precision, device: str) -> AbstractContextManager[object]:
    """Context in which the networks compute with this precision.

    The first convolution of f, which sees the depth, and the last layers of p and h keep float32, and so do
    the results of all networks, weights, their gradients, the statistics of normalisations and the losses.
    """
    return torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16")


def fastest_precision() -> Precision:
    """The precision in which networks are fastest on this processor."""
    return "bfloat16" if _has_bfloat16() else "float32"


def _has_bfloat16() -> bool:
    """Whether the system says that the processor multiplies in bfloat16."""
    return PROCESSOR.exists() and bool(BFLOAT16_FLAGS.intersection(PROCESSOR.read_text().split()))


def slowness(precision: Precision, device: str) -> str | None:
    """Say that a precision is slower here than float32, in one sentence, if it is.

    Args:
        precision: Precision of the networks.
        device: Kind of device that they are on.

    Returns:
        None also where the system does not tell what its processor can do.
    """
    if precision != "bfloat16" or device != "cpu" or not PROCESSOR.exists() or _has_bfloat16():
        return None
    return (
        "this processor has no bfloat16 instructions, so training.precision bfloat16 is slower here than "
        "float32; set training.precision to float32"
    )


_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # parameters of mallopt(3)


def keep_freed_memory() -> None:
    """Let the process keep freed memory for itself; does nothing where the allocator is not glibc's."""
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        # No block is large enough to be mapped by itself, which would give it back when it is freed.
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_TOP_PAD, 64 << 20)
