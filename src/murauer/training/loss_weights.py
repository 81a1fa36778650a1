"""The factors of Eq. (1), tied to the scale of what they weigh."""

from typing import Literal

import msgspec

from murauer.errors import UserError
from murauer.foreign.ranges import Count, NotNegative, Size
from murauer.nets.config import DenseConfig, NetworkConfig

OWN_FACTORS = ("correspondence", "view", "mapping")
"""Losses of the paper that have a factor."""


class LossWeights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """lambda_c, lambda_g and lambda_m, and the network size that they were chosen for.

    The losses are sums, so a factor means something only together with the number of terms: l_c is a sum over
    the features, l_g over the pixels of a patch, l_p over the coordinates of the joints, l_m one number a
    sample. `scaled` gives the factors that keep the balance of the four in a network of another size. The
    number of samples needs no correction as long as all sets of a mini-batch are equally large.

    Sizes alone do not say how large a feature is. In an unnormalised latent space that follows from training,
    in a normalised one the mean square of z is 1, and lambda_c of one is no use in the other: the factors
    name the kind of latent space that they are for, and `scaled` refuses the other.

    The defaults are those of the supplement. Weights that held for a small normalised network:
    `LossWeights(correspondence=0.002, view=4.5e-3, mapping=0.3, features=256, patch_size=64,
    latent_normalisation="layer")`.

    Raises:
        UserError: A weight is negative or a size not positive.
    """

    correspondence: NotNegative = 0.2
    """lambda_c of l_c, Eq. (8)."""

    view: NotNegative = 1e-4
    """lambda_g of l_g, Eq. (10)."""

    mapping: NotNegative = 1e-5
    """lambda_m of l_m, Eq. (13)."""

    others: dict[str, NotNegative] = {}
    """Factors of losses that were added to the table, by name, see `loss_terms`; without one they are off."""

    features: Count = 1024
    """F, width of the latent space that the weights were chosen for."""

    patch_size: Size = 128
    """P, side of the patch that the weights were chosen for, in pixels."""

    joints: Size = 14
    """J, number of joints that the weights were chosen for."""

    latent_normalisation: Literal["none", "layer"] = "none"
    """Kind of latent space that the weights were chosen for, see `NetworkConfig`."""

    def __post_init__(self) -> None:
        if not all(0 <= factor < float("inf") for factor in self.factors().values()):
            raise UserError(f"loss weights must be finite and not negative, which is not so in {self}")
        if own := self.others.keys() & {"pose", *OWN_FACTORS}:
            raise UserError(f"loss_weights.others has '{min(own)}'; the factor of that loss is no other's")
        if min(self.features, self.patch_size, self.joints) < 1:
            raise UserError(
                f"the sizes that loss weights are for must be at least 1, which is not so in {self}"
            )

    def factors(self) -> dict[str, float]:
        """The factor of each loss in Eq. (1), by its name in the table of losses."""
        return {"pose": 1.0, **{name: getattr(self, name) for name in OWN_FACTORS}, **self.others}

    def scaled(self, network: NetworkConfig | DenseConfig) -> "LossWeights":
        """The same balance of the losses for a network of another size.

        Each factor shrinks as the number of terms of its own loss grows, and grows with the number of terms
        of the pose loss, which has no factor. Of `others` only the latter is known.

        Args:
            network: The network to train.

        Returns:
            Weights for the sizes of `network`, which they name.

        Raises:
            UserError: The weights were chosen for another normalisation of the latent space.
        """
        if network.latent_normalisation != self.latent_normalisation:
            raise UserError(
                f'the loss weights are for latent_normalisation "{self.latent_normalisation}", the network '
                f'has "{network.latent_normalisation}"; choose weights for it and set their '
                f"latent_normalisation"
            )
        pose = network.joints / self.joints
        return LossWeights(
            correspondence=self.correspondence * pose * self.features / network.features,
            view=self.view * pose * (self.patch_size / network.patch_size) ** 2,
            mapping=self.mapping * pose,
            others={name: factor * pose for name, factor in self.others.items()},
            features=network.features,
            patch_size=network.patch_size,
            joints=network.joints,
            latent_normalisation=network.latent_normalisation,
        )
