"""Joint training with synthetic, labelled real and unlabelled real data (eq. 1)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from murauer.data.augmentation import Samples
from murauer.nets.discriminator import Discriminator
from murauer.nets.network import HandPoseNetwork
from murauer.training.batches import MiniBatch
from murauer.training.loss_weights import LossWeights
from murauer.training.losses import (
    correspondence_loss,
    discriminator_loss,
    mapping_adversarial_loss,
    pose_loss,
    total_loss,
    view_loss,
)


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
        return discriminator_loss(discriminator(self.real_latent), discriminator(self.synthetic_latent))


@dataclass(frozen=True)
class Latent:
    """Features z' = f(x) and latent representation z of one set, (B, F) each."""

    features: Tensor
    z: Tensor


def encode(network: HandPoseNetwork, sets: dict[str, tuple[Samples, bool]]) -> dict[str, Latent]:
    """Run f once over the images of all sets, m over the real ones, and cut the result up again by set.

    One pass, because BatchNorm then sees the same mixture of domains in training as its running statistics
    stand for at test time.
    """
    features = network.features(torch.cat([samples.patch for samples, _ in sets.values()]))
    sizes = [len(samples.patch) for samples, _ in sets.values()]
    return {
        name: Latent(part, network.align(part, real))
        for (name, (_, real)), part in zip(sets.items(), features.split(sizes), strict=True)
    }


def joint_losses(
    network: HandPoseNetwork, discriminator: Discriminator | None, batch: MiniBatch, weights: LossWeights
) -> JointLosses:
    """All losses of one mini-batch.

    Args:
        network: f, m, p and g.
        discriminator: h; None where the variant does not match distributions.
        batch: the four sets.
        weights: lambda_c, lambda_g and lambda_m for this network's size.
    """
    sets: dict[str, tuple[Samples, bool]] = {}
    if batch.corresponding:
        sets["corresponding_real"] = (batch.corresponding.real, True)
        if batch.corresponding.synthetic:
            sets["corresponding_synthetic"] = (batch.corresponding.synthetic, False)
    if batch.synthetic:
        sets["synthetic"] = (batch.synthetic, False)
    views = {"real_views": batch.real_views, "synthetic_views": batch.synthetic_views}
    shown = {name: pairs for name, pairs in views.items() if pairs}
    sets |= {name: (pairs.input, name == "real_views") for name, pairs in shown.items()}
    if batch.unlabelled:
        sets["unlabelled_real"] = (batch.unlabelled.real, True)
        sets["unlabelled_synthetic"] = (batch.unlabelled.synthetic, False)
    latents = encode(network, sets)
    poses = {name: network.pose(latent.z) for name, latent in latents.items()}
    zero = torch.zeros(())

    labelled = {name: torch.ones(len(samples.patch), dtype=torch.bool) for name, (samples, _) in sets.items()}
    if batch.real_views:
        labelled["real_views"] = batch.real_views.labelled
    labelled.pop("unlabelled_real", None)
    pose = sum(
        (pose_loss(poses[name].joints[rows], sets[name][0].joints[rows]) for name, rows in labelled.items()),
        zero,
    )

    correspondence = zero
    if "corresponding_synthetic" in sets:
        # The synthetic side is the target and stays constant, as in the published implementation.
        target = latents["corresponding_synthetic"].z.detach()
        assert batch.corresponding is not None
        mapped = latents["corresponding_real"].z[batch.corresponding.paired]
        correspondence = correspondence_loss(target, mapped)

    view = zero
    if shown:
        hidden = torch.cat([poses[name].hidden for name in shown])
        condition = torch.cat([pairs.condition for pairs in shown.values()])
        target = torch.cat([pairs.target for pairs in shown.values()])
        view = view_loss(network.view(hidden, condition), target)

    mapping = zero
    real_latent = synthetic_latent = None
    if discriminator is not None:
        # Detached before m: the adversarial gradient trains m alone, never f (published implementation).
        aligned = network.align(latents["unlabelled_real"].features.detach(), True)
        mapping = mapping_adversarial_loss(discriminator(aligned))
        real_latent = latents["unlabelled_real"].z.detach()
        synthetic_latent = latents["unlabelled_synthetic"].z.detach()

    total = total_loss(pose, correspondence, view, mapping, weights)
    return JointLosses(pose, correspondence, view, mapping, total, real_latent, synthetic_latent)
