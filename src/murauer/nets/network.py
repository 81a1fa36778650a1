"""The assembled model: f, m, p and g (Fig. 2)."""

from typing import cast

from torch import Tensor, nn
from torch.nn import functional

from murauer.nets.backbone import find_backbone
from murauer.nets.config import DenseConfig, NetworkConfig
from murauer.nets.dense_network import DenseHandPoseNetwork, PlacewiseDiscriminator
from murauer.nets.domains import mapped
from murauer.nets.pose_head import PoseOutput


class HandPoseNetwork(nn.Module):
    """Pose and view prediction from real or synthetic depth patches.

    z, the joint latent space, is rectified: relu(f(x)) of a synthetic image and relu(m(f(x))) of a real one.
    With `latent_normalisation` "layer" a LayerNorm without parameters follows, which fixes the norm of z at
    sqrt(F). Nothing in the losses does: without labels for most real images, lambda_c and h pull on z as a
    whole, and its scale can run away from the one that the loss weights were set for.

    Args:
        config: Backbone and sizes of all parts.

    Raises:
        UserError: There is no such backbone.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        backbone = find_backbone(config)
        self.extractor = backbone.extractor(config)
        self.mapping = backbone.mapping(config)
        self.pose_head = backbone.pose_head(config)
        self.view_generator = backbone.view_generator(config)

    def features(self, patch: Tensor) -> Tensor:
        """Features z' = f(x), not rectified: (B, 1, P, P) -> (B, F)."""
        return cast(Tensor, self.extractor(patch))

    def align(self, features: Tensor, real: Tensor | slice | bool) -> Tensor:
        """Features of both domains to the joint latent space.

        Apart from `latent`, because the adversarial loss of Eq. (13) is meant for m alone and needs
        `align(features.detach(), True)`.

        Args:
            features: z', (B, F) or another shape that the backbone gives.
            real: Which samples are real and thus mapped by m: (B,) bool, a slice, or one bool for all.

        Returns:
            z, of the same shape.
        """
        latent = functional.relu(mapped(self.mapping, features, real))
        if self.config.latent_normalisation == "layer":
            latent = functional.layer_norm(latent, latent.shape[1:])
        return latent

    def latent(self, patch: Tensor, real: Tensor | bool) -> Tensor:
        """Latent z of a batch that may mix domains; f runs once, m counts for the real samples only.

        Args:
            patch: (B, 1, P, P), depth in [-1, 1], background +1.
            real: (B,) bool, which samples are real; or one bool for all of them.

        Returns:
            z, (B, F).
        """
        return self.align(self.features(patch), real)

    def pose(self, latent: Tensor) -> PoseOutput:
        """Joints (B, J, 3), and hidden activations (B, F) for `view`, of z (B, F); Eq. (3)."""
        return cast(PoseOutput, self.pose_head(latent))

    def view(self, hidden: Tensor, centre_mm: Tensor) -> Tensor:
        """Patch of the other camera (B, 1, P, P) from `PoseOutput.hidden` and the crop centre; Eq. (9)."""
        return cast(Tensor, self.view_generator(hidden, centre_mm))

    def forward(self, patch: Tensor, real: Tensor | bool = True) -> Tensor:
        """Joints (B, J, 3) in units of half the cube: p(m(f(x))), Eq. (7), or p(f(x)) where not real."""
        return self.pose(self.latent(patch, real)).joints


def make_discriminator(config: NetworkConfig | DenseConfig) -> nn.Module:
    """The discriminator h that fits a network of this configuration, from z to scores (B,)."""
    if isinstance(config, DenseConfig):
        return PlacewiseDiscriminator(config)
    return find_backbone(config).discriminator(config)


def parameter_counts(
    network: HandPoseNetwork | DenseHandPoseNetwork, discriminator: nn.Module
) -> dict[str, int]:
    """Number of parameters of each part, by the paper's letters f, m, p, g and h."""
    parts: dict[str, nn.Module] = {
        "f": network.extractor,
        "m": network.mapping,
        "p": network.pose_head,
        "g": network.view_generator,
        "h": discriminator,
    }
    return {letter: sum(p.numel() for p in part.parameters()) for letter, part in parts.items()}
