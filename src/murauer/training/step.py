"""One step of either stage: losses of a batch (eq. 1), gradients, optimisers, moving average."""

import operator
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.optim import Adam

from murauer.nets.discriminator import Discriminator
from murauer.nets.network import HandPoseNetwork
from murauer.store.augmentation import Samples
from murauer.training.batch import MiniBatch, PretrainingBatch, ViewPairs
from murauer.training.config import Config, TrainingConfig
from murauer.training.device import networks_in
from murauer.training.ema import average_of
from murauer.training.loss_weights import LossWeights
from murauer.training.losses import (
    correspondence_loss,
    discriminator_loss,
    mapping_adversarial_loss,
    pose_loss,
    total_loss,
    view_loss,
)
from murauer.training.parallel import add_up_all, share_statistics


@dataclass(frozen=True)
class JointLosses:
    """The terms of eq. (1), their sum, and the latent features that the discriminator h learns from.

    Attributes:
        pose, correspondence, view, mapping: l_p, l_c, l_g and l_m, scalars; zero where the variant has none.
        total: l, eq. (1).
        real_latent, synthetic_latent: z of the sets that h compares, detached, (B, F); None without h.
    """

    pose: Tensor
    correspondence: Tensor
    view: Tensor
    mapping: Tensor
    total: Tensor
    real_latent: Tensor | None
    synthetic_latent: Tensor | None

    def discriminator(self, discriminator: Discriminator) -> Tensor:
        """l_h, eq. (12)."""
        assert self.real_latent is not None and self.synthetic_latent is not None
        scores = discriminator(torch.cat([self.real_latent, self.synthetic_latent]))
        return discriminator_loss(*scores.split([len(self.real_latent), len(self.synthetic_latent)]))


def joint_losses(
    network: HandPoseNetwork,
    discriminator: Discriminator | None,
    batch: MiniBatch,
    weights: LossWeights,
    training: TrainingConfig,
) -> JointLosses:
    """All losses of one mini-batch.

    f runs once over the images of all sets: BatchNorm then sees the same mixture of domains in training as
    its running statistics stand for at test time. m and p run once as well, over the sets that they are for,
    because a set alone is too small to keep a processor busy; so does g where it learns from both domains.
    To be called where `networks_in` says in which precision.

    Args:
        network: f, m, p and g.
        discriminator: h; None where the variant does not match distributions.
        batch: the four sets.
        weights: lambda_c, lambda_g and lambda_m for this network's size.
        training: what g learns from, and what l_m reaches.
    """
    sets = _ordered_sets(batch)
    real = sum(len(samples.patch) for name, samples in sets.items() if name in REAL_SETS)
    sizes = [len(samples.patch) for samples in sets.values()]
    patches = torch.cat([samples.patch for samples in sets.values()])
    features = network.features(patches)
    # The first set is the one without labels, if there is one: l_m is all that its real half learns from.
    first = len(batch.unlabelled.real.patch) if batch.unlabelled else 0
    matched = features[:first] if training.matching_reaches == "extractor" else features[:first].detach()
    mapped = network.align(torch.cat([matched, features[first:real]]), True)
    z = torch.cat([mapped, network.align(features[real:], False)])
    latent = dict(zip(sets, z.split(sizes), strict=True))
    zero = z.new_zeros(())

    predicted = network.pose(z[first:])  # of all sets but that one
    joints = torch.cat([samples.joints for samples in sets.values()])[first:]
    labelled = torch.arange(len(joints), device=joints.device)
    if batch.real_views:
        start = dict(zip(sets, accumulate([-first, *sizes]), strict=False))["real_views"]
        end = start + len(batch.real_views.input.patch)
        labelled = torch.cat([labelled[:start], start + batch.real_views.labelled, labelled[end:]])
    pose = pose_loss(predicted.joints[labelled], joints[labelled])

    correspondence = zero
    if batch.corresponding and batch.corresponding.synthetic:
        # The synthetic side is the target and stays constant, as in the published implementation.
        target = latent["corresponding_synthetic"].detach()
        correspondence = correspondence_loss(target, latent["corresponding_real"][batch.corresponding.paired])

    shown = {"real_views": batch.real_views, "synthetic_views": batch.synthetic_views}
    views = {name: pairs for name, pairs in shown.items() if pairs}
    seen = [name for name in sets if name != "unlabelled_real"]
    hidden = dict(zip(seen, predicted.hidden.split([len(sets[name].patch) for name in seen]), strict=True))
    view = _view_loss(network, views, latent, hidden, training) if views else zero

    mapping = zero
    real_latent = synthetic_latent = None
    if discriminator is not None:
        with _constant(discriminator):
            mapping = mapping_adversarial_loss(discriminator(latent["unlabelled_real"]))
        real_latent = latent["unlabelled_real"].detach()
        synthetic_latent = latent["unlabelled_synthetic"].detach()

    total = total_loss(pose, correspondence, view, mapping, weights)
    return JointLosses(pose, correspondence, view, mapping, total, real_latent, synthetic_latent)


def _view_loss(
    network: HandPoseNetwork,
    pairs: dict[str, ViewPairs],
    latent: dict[str, Tensor],
    hidden: dict[str, Tensor],
    training: TrainingConfig,
) -> Tensor:
    """l_g, eq. (10), of the view pairs of both domains; pairs, z and `PoseOutput.hidden` by set."""

    def loss(hidden: dict[str, Tensor]) -> Tensor:
        condition = torch.cat([pairs[name].condition for name in hidden])
        views = network.view(torch.cat(list(hidden.values())), condition)
        return view_loss(views, torch.cat([pairs[name].target for name in hidden]))

    if training.generator_learns_from == "both" or len(pairs) < 2:
        return loss({name: hidden[name] for name in pairs})
    # Were g free to learn from real features, it would follow them to wherever f and m put them, and p would
    # not. As a renderer that only knows synthetic ones, it draws the real view from those that p can read.
    with _constant(network.pose_head, network.view_generator):
        real = loss({"real_views": network.pose(latent["real_views"]).hidden})
    return real + loss({"synthetic_views": hidden["synthetic_views"]})


REAL_SETS = ("unlabelled_real", "corresponding_real", "real_views")
"""Names of the sets that m is for, and the order in which they come before all others."""


def _ordered_sets(batch: MiniBatch) -> dict[str, Samples]:
    """Samples of the sets that there are, by name: the real ones first, of these the one without labels."""
    sets = {
        "unlabelled_real": batch.unlabelled and batch.unlabelled.real,
        "corresponding_real": batch.corresponding and batch.corresponding.real,
        "real_views": batch.real_views and batch.real_views.input,
        "corresponding_synthetic": batch.corresponding and batch.corresponding.synthetic,
        "synthetic": batch.synthetic,
        "synthetic_views": batch.synthetic_views and batch.synthetic_views.input,
        "unlabelled_synthetic": batch.unlabelled and batch.unlabelled.synthetic,
    }
    return {name: samples for name, samples in sets.items() if samples}


@contextmanager
def _constant(*modules: nn.Module) -> Iterator[None]:
    """What is computed through the modules has a gradient, and they have none from it."""
    training = [module.training for module in modules]
    for module in modules:
        module.requires_grad_(False).eval()
    try:
        yield
    finally:
        for module, was in zip(modules, training, strict=True):
            module.requires_grad_(True).train(was)


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
