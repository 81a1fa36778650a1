"""The networks as the published code has them; `published_weights` loads its weights.

Its mapping block applies the second layer to the block's input: the first layer has no effect, and m and h
are affine maps.
"""

from typing import cast

from torch import Tensor

from murauer.nets.config import NetworkConfig
from murauer.nets.feature_mapping import FullyConnectedBlock

PUBLISHED = NetworkConfig(published_quirks=True)
"""The paper-size networks with the quirks of the published code."""


class PublishedBlock(FullyConnectedBlock):
    """The block x + W2 x + b2, with a first layer that has parameters and no effect."""

    def forward(self, features: Tensor) -> Tensor:
        """Output of the block, (B, F) -> (B, F)."""
        return features + cast(Tensor, self.second(features))
