"""The optimiser of all networks, and the sums that a step needs where a mini-batch is computed in parts."""

from collections.abc import Iterable
from functools import reduce

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from murauer.training.config import Config
from murauer.training.parallel import add_up_all


def add_up(losses: list[dict[str, Tensor]], module: nn.Module) -> dict[str, Tensor]:
    """Sums of the losses over all parts and, of them and of the gradients, over all processes."""
    sums = {name: reduce(torch.add, [own[name].detach() for own in losses]) for name in losses[0]}
    gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
    add_up_all([*sums.values(), *gradients])
    return sums


def adam(parameters: Iterable[nn.Parameter], rate: float, config: Config) -> Adam:
    """The optimiser of all networks; one kernel a tensor in place of a dozen."""
    return Adam(parameters, lr=rate, weight_decay=config.training.weight_decay, fused=True)


def set_rate(optimisers: Iterable[Optimizer], rate: float) -> None:
    """Let all parameters learn at a rate."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = rate
