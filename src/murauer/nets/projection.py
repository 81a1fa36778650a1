"""The 1x1 convolution beside a residual branch that halves the resolution, right on every processor."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Projection(nn.Conv2d):
    """A strided 1x1 convolution without bias, of channels-last maps on a CPU as well.

    With fewer than 8 channels of a channels-last map, the gradient of oneDNN's strided 1x1 convolution is
    written past its end on processors without AVX-512 (oneDNN 3.12, PyTorch 2.13). So on a CPU the map is
    thinned out first: the same function of the same weights, in the same time.

    Args:
        channels: C of the map.
        width: C of the result.
        stride: Distance between the pixels that are kept.
    """

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__(channels, width, kernel_size=1, stride=stride, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Projected maps, (B, C, H, W) -> (B, width, H / stride, W / stride), rounded up."""
        if maps.device.type != "cpu" or torch.compiler.is_exporting():  # exported graphs are not for oneDNN
            return super().forward(maps)
        # Pooling windows of one pixel: unlike slicing, this keeps maps and gradients channels-last.
        kept = functional.avg_pool2d(maps, kernel_size=1, stride=self.stride)
        return functional.conv2d(kept, self.weight)
