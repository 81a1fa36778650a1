"""Exponential moving average of the weights, which takes the noise of the last steps out of the result."""

from itertools import chain
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

Model = TypeVar("Model", bound=nn.Module)


class WeightAverage(AveragedModel, Generic[Model]):
    """A copy of a model, `module`, that follows it with a moving average of parameters and buffers.

    The buffers are the running statistics of BatchNorm, which fit the averaged weights only when they are
    averaged alike. In update n the decay is at most (1 + n) / (10 + n), so that a short run forgets its
    initial weights as well.

    Args:
        model: Model to follow; copied.
        decay: Share of the old average that an update keeps, in [0, 1); with 0 the copy equals the model.
    """

    module: Model

    def __init__(self, model: Model, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay {decay} is not in [0, 1)")

        super().__init__(model, use_buffers=True)
        self.decay = decay

    @torch.no_grad()
    def update(self, model: Model) -> None:
        """Move the average towards the model's current weights; the first time, to them."""
        updates = int(self.n_averaged)
        share = min(self.decay, (1 + updates) / (10 + updates)) if updates else 0.0
        moving: tuple[list[Tensor], list[Tensor]] = ([], [])
        counters: tuple[list[Tensor], list[Tensor]] = ([], [])
        for old, new in zip(_tensors(self.module), _tensors(model), strict=True):
            averaged, current = moving if old.is_floating_point() else counters
            averaged.append(old)
            current.append(new)
        # For all tensors at once: of a small network, one by one costs as much as the optimiser.
        torch._foreach_lerp_(moving[0], moving[1], 1 - share)
        if counters[0]:
            torch._foreach_copy_(counters[0], counters[1])
        self.n_averaged += 1


def _tensors(model: nn.Module) -> "chain[Tensor]":
    return chain(model.parameters(), model.buffers())


def average_of(model: Model, decay: float) -> WeightAverage[Model]:
    """A moving average that starts at the model's weights."""
    return WeightAverage(model, decay)
