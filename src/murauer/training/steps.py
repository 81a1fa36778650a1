"""One step of either stage: losses of a batch, gradients, optimisers, moving average."""

import operator
from collections.abc import Iterable
from contextlib import AbstractContextManager
from functools import reduce

import torch
from torch import Tensor, nn
from torch.optim import Adam

from murauer.config import Config
from murauer.nets.discriminator import Discriminator
from murauer.nets.network import HandPoseNetwork
from murauer.training.ema import average_of
from murauer.training.joint import joint_losses
from murauer.training.losses import pose_loss, view_loss
from murauer.training.mini_batch import MiniBatch, PretrainingBatch
from murauer.training.parallel import add_up_all, share_statistics
from murauer.training.precision import networks_in

TERMS = ("total", "pose", "correspondence", "view", "mapping")
"""Losses of joint training, all but that of h."""


class PretrainingStep:
    """Trains f and p on synthetic samples, and g on the side.

    Args:
        network: to train, with the sizes of `config`.
        config: learning rate, decays, loss weights and precision.

    Attributes:
        network: f, p and g.
        average: moving average of the network.
        optimiser: of the network.
    """

    def __init__(self, network: HandPoseNetwork, config: Config) -> None:
        self.network = network.train()
        share_statistics(network)
        self.average = average_of(network, config.training.ema_decay)
        self.optimiser = adam(network.parameters(), config.training.pretraining_learning_rate, config)
        self.precision = config.training.precision
        self.weights = config.loss_weights.scaled(config.network)

    def losses(self, batch: PretrainingBatch) -> dict[str, Tensor]:
        """l_p, l_g and their weighted sum "total"."""
        network = self.network
        parts = [batch.samples, *([batch.views.input] if batch.views else [])]
        device = batch.samples.patch.device.type
        with networks_in(self.precision, device):
            features = network.features(torch.cat([part.patch for part in parts]))
            output = network.pose(network.align(features, False))
        pose = pose_loss(output.joints, torch.cat([part.joints for part in parts]))
        view = pose.new_zeros(())
        if batch.views:
            # g only watches: its gradient stops before p.
            hidden = output.hidden[-len(batch.views.target) :].detach()
            with networks_in(self.precision, device):
                views = network.view(hidden, batch.views.condition)
            view = view_loss(views, batch.views.target)
        return {"total": pose + self.weights.view * view, "pose": pose, "view": view}

    def __call__(self, *parts: PretrainingBatch) -> dict[str, Tensor]:
        """Make the step with all parts of a batch; returns the losses before it."""
        self.optimiser.zero_grad()
        losses = [_backward(self.losses(part)) for part in parts]
        sums = _add_up(losses, self.network)
        self.optimiser.step()
        self.average.update(self.network)
        return sums


class JointStep:
    """Trains f, m, p and g with eq. (1), then h with eq. (12).

    Args:
        network: to train, with the sizes of `config`.
        discriminator: h; None where the variant does not match distributions.
        config: learning rate, decays, loss weights and precision.

    Attributes:
        network: f, m, p and g.
        discriminator: h, or None.
        average: moving average of the network.
        optimiser: of the network.
        discriminator_optimiser: of h, or None.
    """

    def __init__(self, network: HandPoseNetwork, discriminator: Discriminator | None, config: Config) -> None:
        rate = config.training.learning_rate
        self.network, self.discriminator = network.train(), discriminator
        share_statistics(network)
        self.average = average_of(network, config.training.ema_decay)
        self.optimiser = adam(network.parameters(), rate, config)
        self.discriminator_optimiser = (
            None if discriminator is None else adam(discriminator.parameters(), rate, config)
        )
        self.training = config.training
        self.device = next(network.parameters()).device.type
        self.weights = config.loss_weights.scaled(config.network)

    def __call__(self, *parts: MiniBatch) -> dict[str, Tensor]:
        """Make the step with all parts of a mini-batch; returns the losses before it."""
        self.optimiser.zero_grad()
        losses, latents = [], []
        for part in parts:
            with self._precision():
                own = joint_losses(self.network, self.discriminator, part, self.weights, self.training)
            losses.append(_backward({name: getattr(own, name) for name in TERMS}))
            latents.append(own)
        sums = _add_up(losses, self.network)
        self.optimiser.step()
        self.average.update(self.network)
        if self.discriminator is not None and self.discriminator_optimiser is not None:
            self.discriminator_optimiser.zero_grad()
            scores = []
            for own in latents:
                with self._precision():
                    score = own.discriminator(self.discriminator)
                scores.append(_backward({"total": score}))
            sums["discriminator"] = _add_up(scores, self.discriminator)["total"]
            self.discriminator_optimiser.step()
        return sums

    def _precision(self) -> AbstractContextManager[object]:
        return networks_in(self.training.precision, self.device)


def _backward(losses: dict[str, Tensor]) -> dict[str, Tensor]:
    """Add the gradient of "total" to that of the parts before; returns the losses as plain numbers."""
    losses["total"].backward()
    return {name: loss.detach() for name, loss in losses.items()}


def _add_up(losses: list[dict[str, Tensor]], module: nn.Module) -> dict[str, Tensor]:
    """Sums of the losses over all parts and, of them and of the gradients, over all processes."""
    sums = {name: reduce(operator.add, [own[name] for own in losses]) for name in losses[0]}
    gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
    add_up_all([*sums.values(), *gradients])
    return sums


def adam(parameters: Iterable[nn.Parameter], rate: float, config: Config) -> Adam:
    """The optimiser of all networks; one kernel a tensor in place of a dozen."""
    return Adam(parameters, lr=rate, weight_decay=config.training.weight_decay, fused=True)
