"""f: depth patch to features, a residual network (Sec. 3.1 and the supplement)."""

from typing import cast

from torch import Tensor, nn

from murauer.nets.config import NetworkConfig
from murauer.nets.fused.normalisation import BatchNorm
from murauer.nets.fused.stem import PooledConvolution
from murauer.nets.projection import Projection


class FeatureExtractor(nn.Module):
    """The function f of Eq. (2): convolution, pooling, residual stages, one fully connected layer.

    The features z' are not rectified, because the mapping m works on them as they are; what the paper
    calls z is made of them in `HandPoseNetwork.align`.

    Args:
        config: Sizes; with the defaults a patch of 128x128 becomes 256 maps of 4x4, then 1024 features.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        block = {"bottleneck": BottleneckBlock, "basic": BasicBlock}[config.block]
        self.stem = PooledConvolution(config.stem_channels, kernel_size=5, stride=config.stem_stride)
        stages = []
        channels = config.stem_channels
        for width in config.stage_widths:
            blocks = [block(channels, width, stride=2)]
            blocks += [block(width, width, stride=1) for _ in range(config.blocks_per_stage - 1)]
            stages.append(nn.Sequential(*blocks))
            channels = width
        self.stages = nn.Sequential(*stages)
        self.norm = BatchNorm(channels)
        self.relu = nn.ReLU()
        map_size = config.patch_size // config.extractor_stride
        self.features = nn.Linear(channels * map_size**2, config.features)
        self._initialise(config.identity_start)

    def _initialise(self, identity_start: bool) -> None:
        """He et al. (2015) for the convolutions."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, ResidualBlock) and identity_start:
                nn.init.zeros_(module.last_norm.weight)
        nn.init.kaiming_normal_(self.features.weight, nonlinearity="linear")
        nn.init.zeros_(self.features.bias)

    def forward(self, patch: Tensor) -> Tensor:
        """Features of patches.

        Args:
            patch: (B, 1, P, P), depth in [-1, 1], background +1.

        Returns:
            z', (B, F), not rectified.
        """
        # Channels last is up to twice as fast on a CPU; the weights keep the plain layout of checkpoints.
        maps = self.relu(self.norm(self.stages(self.stem(patch))))
        features = self.features(maps.flatten(1))
        return cast(Tensor, features.to(self.features.weight.dtype))  # from half precision under autocast


class ResidualBlock(nn.Module):
    """relu(shortcut(x) + branch(x)) on maps, (B, C, H, W) -> (B, width, H / stride, W / stride).

    The shortcut is a strided 1x1 projection where the shape changes, else the identity.
    """

    last_norm: BatchNorm
    """Normalisation that ends the residual branch."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or channels != width:
            self.downsample = nn.Sequential(Projection(channels, width, stride), BatchNorm(width))

    def branch(self, maps: Tensor) -> Tensor:
        """The residual that is added to the shortcut."""
        raise NotImplementedError

    def forward(self, maps: Tensor) -> Tensor:
        """Rectified sum of shortcut and branch."""
        # In place, because the normalisation that ends the branch does not need its own result again.
        return cast(Tensor, self.relu(self.branch(maps).add_(self.downsample(maps))))


class BottleneckBlock(ResidualBlock):
    """Residual block of 1x1, 3x3 and 1x1 convolutions, the 3x3 one at a quarter of the width."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__(channels, width, stride)
        inner = width // 4
        self.conv1 = nn.Conv2d(channels, inner, kernel_size=1, bias=False)
        self.bn1 = BatchNorm(inner)
        self.conv2 = nn.Conv2d(inner, inner, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn2 = BatchNorm(inner)
        self.conv3 = nn.Conv2d(inner, width, kernel_size=1, bias=False)
        self.bn3 = BatchNorm(width)

    @property
    def last_norm(self) -> BatchNorm:  # type: ignore[override]
        """Normalisation that ends the residual branch."""
        return self.bn3

    def branch(self, maps: Tensor) -> Tensor:
        """The residual that is added to the shortcut."""
        maps = self.relu(self.bn1(self.conv1(maps)))
        maps = self.relu(self.bn2(self.conv2(maps)))
        return cast(Tensor, self.bn3(self.conv3(maps)))


class BasicBlock(ResidualBlock):
    """Residual block of two 3x3 convolutions at full width."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__(channels, width, stride)
        self.conv1 = nn.Conv2d(channels, width, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn1 = BatchNorm(width)
        self.conv2 = nn.Conv2d(width, width, kernel_size=3, padding=1, bias=False)
        self.bn2 = BatchNorm(width)

    @property
    def last_norm(self) -> BatchNorm:  # type: ignore[override]
        """Normalisation that ends the residual branch."""
        return self.bn2

    def branch(self, maps: Tensor) -> Tensor:
        """The residual that is added to the shortcut."""
        maps = self.relu(self.bn1(self.conv1(maps)))
        return cast(Tensor, self.bn2(self.conv2(maps)))
