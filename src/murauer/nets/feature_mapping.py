"""m: features of real images to the feature space of synthetic ones (Sec. 3.2 and the supplement)."""

from collections.abc import Callable
from typing import cast

from torch import Tensor, nn


class FullyConnectedBlock(nn.Module):
    """Residual block x + W2 relu(W1 x + b1) + b2 on vectors (Rad et al. 2018).

    Args:
        features: F, width of input, hidden layer and output.
        identity_start: Start W2 and b2 at zero. Then the mapping of a freshly pre-trained network changes
            nothing, and training moves it away from there only as far as the losses ask for.
    """

    def __init__(self, features: int, identity_start: bool = False) -> None:
        super().__init__()
        self.first = nn.Linear(features, features)
        self.second = nn.Linear(features, features)
        self.relu = nn.ReLU()
        nn.init.kaiming_normal_(self.first.weight, nonlinearity="relu")
        nn.init.zeros_(self.first.bias)
        if identity_start:
            nn.init.zeros_(self.second.weight)
            nn.init.zeros_(self.second.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Output of the block, (B, F) -> (B, F)."""
        return features + cast(Tensor, self.second(self.relu(self.first(features))))


class FeatureMapping(nn.Module):
    """The function m of Eq. (6), a chain of residual blocks.

    Args:
        features: F.
        blocks: Number of residual blocks, 2 in the paper.
        block: Makes a block for so many features.
    """

    def __init__(
        self,
        features: int = 1024,
        blocks: int = 2,
        block: Callable[[int], FullyConnectedBlock] = FullyConnectedBlock,
    ) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(block(features) for _ in range(blocks)))

    def forward(self, features: Tensor) -> Tensor:
        """Features z' of real samples (B, F), not rectified, to the space of synthetic features (B, F)."""
        return cast(Tensor, self.blocks(features))
