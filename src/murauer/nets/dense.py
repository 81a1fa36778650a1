"""f of a dense network: maps of features, from which every place of the image can vote for every joint.

p (`murauer.nets.voting_head`) gives each joint a weight at each place
(their softmax over the places adds up to 1) and an offset from the place to the joint, in the image plane and
in depth; the joint is the weighted mean of the votes, as in A2J (Xiong et al. 2019) and AWR (Huang et al.
2020). Joints are in patch coordinates: column and row as the patch shows them, and depth. They become mm by
back-projection with the camera's intrinsics, so that the network need not know where in the image, and thus
under which perspective, it looks.

The parts of the paper keep their meaning:

* f is the U-shaped residual network; its features z' are maps, (B, C, S, S), and no other way leads from the
  image to the pose.
* m maps features of real images to those of synthetic ones place by place, by residual 1x1 convolutions.
  z = relu(f(x)) of synthetic, relu(m(f(x))) of real images.
* p is the `VotingHead`. Its hidden activations, gathered for each joint with that joint's weights, are what g
  predicts the other view from.
* h judges each place of z by 1x1 convolutions; its score for an image is the mean over the places.
"""

from typing import cast

from torch import Tensor, nn
from torch.nn import functional

from murauer.nets.config import DenseConfig


class DenseExtractor(nn.Module):
    """f: patch (B, 1, P, P) to features z' (B, C, S, S), not rectified."""

    def __init__(self, config: DenseConfig) -> None:
        super().__init__()
        widths = config.widths
        self.stem = nn.Sequential(
            nn.PixelUnshuffle(config.stride),
            *_convolution(config.stride**2, widths[0]),
            nn.ReLU(inplace=True),
        )
        downs, encoders = [], []
        for level, blocks in enumerate(config.encoder_blocks):
            channels = widths[max(level - 1, 0)]
            down = [*_convolution(channels, widths[level], stride=2), nn.ReLU(inplace=True)] if level else []
            downs.append(nn.Sequential(*down))
            encoders.append(_blocks(widths[level], blocks))
        self.downs, self.encoders = nn.ModuleList(downs), nn.ModuleList(encoders)
        lower = range(1, len(widths))
        self.ups = nn.ModuleList(
            nn.Sequential(*_convolution(widths[level], widths[level - 1], kernel=1)) for level in lower
        )
        self.decoders = nn.ModuleList(
            _blocks(widths[level - 1], config.decoder_blocks[level - 1], last=level == 1) for level in lower
        )

    def forward(self, patch: Tensor) -> Tensor:
        """Features of patches with depth in [-1, 1], background +1."""
        maps = self.stem(patch)
        skips = []
        for down, encoder in zip(self.downs, self.encoders, strict=True):
            maps = encoder(down(maps))
            skips.append(maps)
        for level in range(len(self.ups) - 1, -1, -1):
            wide = functional.interpolate(self.ups[level](maps), scale_factor=2.0, mode="nearest")
            maps = self.decoders[level](functional.relu(skips[level] + wide))
        return cast(Tensor, maps)


class ResidualBlock(nn.Module):
    """x + branch(x) of two 3x3 convolutions, rectified unless it is the last of f."""

    def __init__(self, channels: int, rectified: bool = True) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            *_convolution(channels, channels), nn.ReLU(inplace=True), *_convolution(channels, channels)
        )
        self.rectified = rectified
        nn.init.zeros_(cast(nn.BatchNorm2d, self.branch[-1]).weight)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps of the same shape."""
        total = self.branch(maps) + maps
        return functional.relu(total, inplace=True) if self.rectified else total


class PlacewiseLayer(nn.Conv2d):
    """A fully connected layer for each place, its bias 0 at first: (B, C, S, S) -> (B, width, S, S)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__(channels, width, kernel_size=1)
        assert self.bias is not None
        nn.init.zeros_(self.bias)


def _convolution(channels: int, width: int, kernel: int = 3, stride: int = 1) -> tuple[nn.Module, nn.Module]:
    """A convolution and its normalisation, started after He et al. (2015)."""
    convolution = nn.Conv2d(channels, width, kernel, stride=stride, padding=kernel // 2, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return convolution, nn.BatchNorm2d(width)


def _blocks(channels: int, number: int, last: bool = False) -> nn.Sequential:
    """Residual blocks, of which the last of f is not rectified, since m works on features as they are."""
    return nn.Sequential(
        *(ResidualBlock(channels, rectified=not (last and k == number - 1)) for k in range(number))
    )
