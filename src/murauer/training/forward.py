"""What the networks make of a mini-batch: one pass, from whose results all losses are computed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from murauer.nets.deployed import AnyNetwork
from murauer.nets.pose_head import PoseOutput
from murauer.nets.voting_head import Votes
from murauer.training.batch import INPUT_ROWS, Batch
from murauer.training.config import TrainingConfig
from murauer.training.parallel import processes_joined


@dataclass(frozen=True)
class ForwardPass:
    """A mini-batch, and what f, m and p made of it.

    Attributes:
        batch: The samples.
        latent: z, the joint latent space, of `batch.inputs`, (N, F) or whatever shape the backbone gives it.
        pose: Joints, and the activations that g starts from, of `batch.posed`.
        network: f, m, p and g.
        discriminator: h; None where the variant does not match distributions.
        training: What g learns from.
        pretraining: Whether g only watches: what it learns from has no gradient.
    """

    batch: Batch
    latent: Tensor
    pose: PoseOutput | Votes
    network: AnyNetwork
    discriminator: nn.Module | None
    training: TrainingConfig
    pretraining: bool

    def latent_of(self, name: str) -> Tensor:
        """Z of a set of inputs."""
        return self.latent[self.batch.rows[name]]

    def joints(self) -> Tensor:
        """Joints of `batch.posed`, comparable with those of the batch: in its skeleton."""
        crop = self.batch.crop.part(self.batch.posed)
        return self.network.config.comparable(crop, self.pose.joints, self.batch.skeleton)

    def hidden_of(self, name: str) -> Tensor:
        """Activations that g starts from, of a set that p is shown, (B, F)."""
        rows, first = self.batch.rows[name], self.batch.posed.start
        hidden = self.pose.hidden[rows.start - first : rows.stop - first]
        return hidden.detach() if self.pretraining else hidden

    def compared(self) -> tuple[Tensor, Tensor]:
        """Z of the real and of the synthetic samples that h compares, without a gradient."""
        return self.latent_of("unlabelled_real").detach(), self.latent_of("unlabelled_synthetic").detach()


def forward_pass(
    network: AnyNetwork,
    discriminator: nn.Module | None,
    batch: Batch,
    training: TrainingConfig,
    pretraining: bool = False,
) -> ForwardPass:
    """Show a mini-batch to f, m and p.

    f runs over set after set, or once over the images of all: then BatchNorm sees the same mixture of domains
    in training as its running statistics stand for at test time. m and p run once, over the sets that they
    are for, because a set alone is too small to keep a processor busy.
    To be called where `networks_in` says in which precision.

    Args:
        network: f, m, p and g.
        discriminator: h, if there is one.
        batch: The samples.
        training: What l_m reaches, what g learns from.
        pretraining: Whether g only watches.
    """
    if training.step.batch_norm == "mixed":
        features = network.features(batch.patch[batch.inputs])
    else:
        features = torch.cat([network.features(batch.patch[rows]) for rows in shown_sets(batch)])
    if training.matching_reaches == "mapping" and "unlabelled_real" in batch.rows:
        # l_m is all that the unlabelled real samples are for: it ends before f.
        features = _without_gradient(features, batch.rows["unlabelled_real"])
    latent = network.align(features, batch.real)
    pose = network.pose(latent[batch.posed])
    return ForwardPass(batch, latent, pose, network, discriminator, training, pretraining)


def shown_sets(batch: Batch) -> list[slice]:
    """The rows of each set that f is shown; an empty one counts only if other processes have some of it."""
    sets = [batch.rows[name] for name in INPUT_ROWS if name in batch.rows]
    return [rows for rows in sets if rows.start < rows.stop or processes_joined()]


def _without_gradient(values: Tensor, rows: slice) -> Tensor:
    return torch.cat([values[: rows.start], values[rows].detach(), values[rows.stop :]])


@contextmanager
def constant(*modules: nn.Module) -> Iterator[None]:
    """What is computed through the modules has a gradient, and they have none from it."""
    training = [module.training for module in modules]
    for module in modules:
        module.requires_grad_(False).eval()
    try:
        yield
    finally:
        for module, was in zip(modules, training, strict=True):
            module.requires_grad_(True).train(was)
