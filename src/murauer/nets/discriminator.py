"""h: is a latent representation of a real or of a synthetic image? (Sec. 3.3 and the supplement)."""

from collections.abc import Callable

from torch import Tensor, nn

from murauer.nets.feature_mapping import FullyConnectedBlock
from murauer.nets.output_layer import OutputLayer


class Discriminator(nn.Module):
    """The function h of Eq. (11): the residual blocks of m, then one score, 1 for real and 0 for synthetic.

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
        self.score = OutputLayer(features, 1)
        nn.init.normal_(self.score.weight, std=0.1 * features**-0.5)
        nn.init.zeros_(self.score.bias)

    def forward(self, latent: Tensor) -> Tensor:
        """Scores, not squashed, of z: (B, F) -> (B,)."""
        return self.score(self.blocks(latent)).squeeze(1)
