"""m: features of real images to the feature space of synthetic ones (Sec. 3.2 and the supplement)."""

from typing import cast

from torch import Tensor, nn


class FullyConnectedBlock(nn.Module):
    """Residual block x + W2 relu(W1 x + b1) + b2 on vectors (Rad et al. 2018).

    W2 and b2 start at zero, so that the block starts as the identity: the mapping of a freshly pre-trained
    network changes nothing, and training moves it away from there only as far as the losses ask for.

    Args:
        features: F, width of input, hidden layer and output.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.first = nn.Linear(features, features)
        self.second = nn.Linear(features, features)
        self.relu = nn.ReLU()
        nn.init.kaiming_normal_(self.first.weight, nonlinearity="relu")
        nn.init.zeros_(self.first.bias)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Output of the block, (B, F) -> (B, F)."""
        return features + cast(Tensor, self.second(self.relu(self.first(features))))


class FeatureMapping(nn.Module):
    """The function m of Eq. (6), a chain of residual blocks that starts as the identity.

    Args:
        features: F.
        blocks: Number of residual blocks, 2 in the paper.
        block: Class of the blocks.
    """

    def __init__(
        self, features: int = 1024, blocks: int = 2, block: type[FullyConnectedBlock] = FullyConnectedBlock
    ) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(block(features) for _ in range(blocks)))

    def forward(self, features: Tensor) -> Tensor:
        """Features z' of real samples (B, F), not rectified, to the space of synthetic features (B, F)."""
        return cast(Tensor, self.blocks(features))
