"""Exponential moving average of the weights, which takes the noise of the last steps out of the result."""

from collections.abc import Sequence
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

        @torch.no_grad()
        def average(averaged: Sequence[Tensor], current: Sequence[Tensor], updates: Tensor | int) -> None:
            share = min(decay, (1 + int(updates)) / (10 + int(updates)))
            for old, new in zip(averaged, current, strict=True):
                if old.is_floating_point():
                    old.lerp_(new, 1 - share)
                else:
                    old.copy_(new)

        super().__init__(model, multi_avg_fn=average, use_buffers=True)

    def update(self, model: Model) -> None:
        """Move the average towards the model's current weights; the first time, to them."""
        self.update_parameters(model)


def average_of(model: Model, decay: float) -> WeightAverage[Model]:
    """A moving average that starts at the model's weights."""
    return WeightAverage(model, decay)
