"""The assembled dense model: f, m, p and g (Fig. 2 of the paper), and its discriminator h."""

from typing import cast

from torch import Tensor, nn
from torch.nn import functional

from murauer.nets.config import DenseConfig
from murauer.nets.dense import DenseExtractor, PlacewiseLayer
from murauer.nets.domains import mapped
from murauer.nets.view_generator import ViewGenerator
from murauer.nets.voting_head import Votes, VotingHead


class DenseHandPoseNetwork(nn.Module):
    """Pose and view prediction from real or synthetic depth patches, by votes of places.

    It offers what `murauer.nets.network.HandPoseNetwork` offers; features z' and z are maps, (B, C, S, S).

    Args:
        config: Sizes of all parts.
    """

    def __init__(self, config: DenseConfig) -> None:
        super().__init__()
        self.config = config
        self.extractor = DenseExtractor(config)
        self.mapping = PlacewiseMapping(config)
        self.pose_head = VotingHead(config)
        self.view_generator = ViewGenerator(
            config.joints * config.hidden, config.generator_channels, config.patch_size
        )

    def features(self, patch: Tensor) -> Tensor:
        """Features z' = f(x), not rectified: (B, 1, P, P) -> (B, C, S, S)."""
        return cast(Tensor, self.extractor(patch))

    def align(self, features: Tensor, real: Tensor | slice | bool) -> Tensor:
        """Features of both domains to the joint latent space.

        Args:
            features: z', (B, C, S, S).
            real: Which samples are real and thus mapped by m: (B,) bool, a slice, or one bool for all.

        Returns:
            z, (B, C, S, S).
        """
        return functional.relu(mapped(self.mapping, features, real))

    def latent(self, patch: Tensor, real: Tensor | bool) -> Tensor:
        """Latent z of a batch that may mix domains; f runs once, m counts for the real samples only."""
        return self.align(self.features(patch), real)

    def pose(self, latent: Tensor) -> Votes:
        """Joints, activations for `view`, and expected errors, of z; Eq. (3)."""
        return cast(Votes, self.pose_head(latent))

    def view(self, hidden: Tensor, centre_mm: Tensor) -> Tensor:
        """Patch of the other camera (B, 1, P, P) from `Votes.hidden` and the crop centre; Eq. (9)."""
        return cast(Tensor, self.view_generator(hidden, centre_mm))

    def forward(self, patch: Tensor, real: Tensor | bool = True) -> Tensor:
        """Joints (B, J, 3) as the patch shows them: p(m(f(x))), Eq. (7), or p(f(x)) where not real."""
        return self.pose(self.latent(patch, real)).joints


class PlacewiseMapping(nn.Sequential):
    """m: features z' of a real image to those of a synthetic one, place by place; the identity at first."""

    def __init__(self, config: DenseConfig) -> None:
        super().__init__(*(PlacewiseBlock(config.latent_channels) for _ in range(config.mapping_blocks)))


class PlacewiseDiscriminator(nn.Module):
    """h of Eq. (11): the blocks of m and a score for each place, whose mean is that of the image.

    It sees places, not hands: what it asks of m is that the surfaces of a real image, with their noise and
    their ragged edges, have the features of rendered ones.
    """

    def __init__(self, config: DenseConfig) -> None:
        super().__init__()
        self.blocks = PlacewiseMapping(config)
        self.score = PlacewiseLayer(config.latent_channels, 1)
        nn.init.normal_(self.score.weight, std=0.1 * config.latent_channels**-0.5)

    def forward(self, latent: Tensor) -> Tensor:
        """Scores, not squashed, of z: (B, C, S, S) -> (B,)."""
        return cast(Tensor, self.score(self.blocks(latent))).float().mean((1, 2, 3))


class PlacewiseBlock(nn.Module):
    """x + W2 relu(W1 x + b1) + b2 at each place: the block of m and h, (B, C, S, S) -> (B, C, S, S)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = PlacewiseLayer(channels, channels)
        self.second = PlacewiseLayer(channels, channels)
        nn.init.kaiming_normal_(self.first.weight, nonlinearity="relu")
        nn.init.zeros_(self.second.weight)

    def forward(self, maps: Tensor) -> Tensor:
        """Output of the block."""
        return maps + cast(Tensor, self.second(functional.relu(self.first(maps))))
