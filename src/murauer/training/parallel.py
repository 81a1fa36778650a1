"""One training in several processes, which each compute a part of every mini-batch.

    torchrun --nproc-per-node 2 -m murauer train ...

All losses are sums over samples. So the sum of the gradients of the parts is the gradient of the whole, and
processes that start with the same weights and add up their gradients keep the same weights. What is no sum of
parts are the statistics of BatchNorm: they, too, are put together from those of all processes, see
`nets.normalisation`. With that, the processes do what one alone would have done, but for rounding.

Outside of `processes` every function does what is right for a process that is alone. The processes of several
machines need the data, the run folder and the pre-trained network in the same places.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import wraps
from inspect import signature
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

from murauer.errors import UserError
from murauer.locks import locked
from murauer.nets.fused.normalisation import BatchNorm
from murauer.training.device import CPU

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Part:
    """Which part of a mini-batch: number `index` of `count`, of each of its sets."""

    index: int = 0
    count: int = 1

    def rows(self, size: int) -> slice:
        """The samples of a set of this size that belong to the part."""
        return slice(size * self.index // self.count, size * (self.index + 1) // self.count)


WHOLE = Part()

SHARED_AS_WELL = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
"""Layers of PyTorch in whose place `BatchNorm` shares statistics; the last one's own way needs a GPU."""


@contextmanager
def processes(device: torch.device = CPU) -> Iterator[bool]:
    """Join the processes that torchrun started, if it did; yields whether this one leads them.

    The leading one writes everything that is written.

    Args:
        device: Where this process computes.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        yield True
        return
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield leads()
    finally:
        distributed.destroy_process_group()


def leads() -> bool:
    """Whether this process is alone or the first."""
    return not processes_joined() or distributed.get_rank() == 0


def alone_in_folder(train: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Let a function that trains into `out` fail where another process does so already.

    Of several processes that share a training the leading one locks the folder for all.
    """

    @wraps(train)
    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        out = signature(train).bind(*args, **kwargs).arguments["out"]
        with locked(out) if leads() else nullcontext():
            return train(*args, **kwargs)

    return call


def own_parts(accumulation: int, smallest_set: int) -> list[Part]:
    """The parts of each mini-batch that this process computes, one after the other.

    Args:
        accumulation: Number of parts of a mini-batch.
        smallest_set: Samples in the smallest set of the mini-batch.

    Raises:
        UserError: A part of a set would be empty.
    """
    rank, size = (distributed.get_rank(), distributed.get_world_size()) if processes_joined() else (0, 1)
    if smallest_set < size * accumulation:
        raise UserError(
            f"a set of {smallest_set} samples cannot be shared by {size} processes with accumulation "
            f"{accumulation}; use fewer, or a larger set_size or pretraining_batch"
        )
    return [Part(rank * accumulation + index, size * accumulation) for index in range(accumulation)]


def wait_for_all() -> None:
    """Wait until every process has come this far."""
    if processes_joined():
        distributed.barrier()


def add_up(tensor: Tensor) -> Tensor:
    """Sum of a tensor over all processes, in its place."""
    distributed.all_reduce(tensor)
    return tensor


@torch.no_grad()
def add_up_all(tensors: list[Tensor]) -> None:
    """Put into each tensor its sum over all processes; they travel as one."""
    if processes_joined():
        sums = add_up(torch.cat([tensor.flatten() for tensor in tensors]))
        parts = sums.split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))


def share_statistics(network: nn.Module) -> None:
    """Let BatchNorm, PyTorch's own layers too, have the statistics of the whole mini-batch.

    Raises:
        UserError: A layer of another class derives from BatchNorm, and what it does is not known.
    """
    if not processes_joined():
        return
    shared: dict[nn.Module, BatchNorm] = {}
    for module in list(network.modules()):
        for name, layer in list(module._modules.items()):
            if isinstance(layer, BatchNorm):
                layer.add_up = add_up
            elif type(layer) in SHARED_AS_WELL:
                own = shared.setdefault(layer, BatchNorm.like(layer))  # type: ignore[arg-type]
                own.add_up = add_up
                setattr(module, name, own)
            elif isinstance(layer, _BatchNorm):
                raise UserError(
                    f"a layer {type(layer).__name__} cannot have the statistics of several processes; use "
                    "torch.nn.BatchNorm2d in its place, or one process"
                )


def processes_joined() -> bool:
    """Whether this process shares mini-batches with others."""
    return distributed.is_available() and distributed.is_initialized()
