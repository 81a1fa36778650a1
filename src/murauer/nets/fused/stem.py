"""The first convolution of f and the pooling after it, without their large map between them.

That map is by far the largest tensor of the network: at the paper's size 2 MB for each image, of which
pooling keeps a quarter. As one layer after the other it goes through main memory six times in a training
step, which takes longer than the rest of f. A few images at a time it stays in the processor's cache.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.nn.grad import conv2d_weight

POOL = 2
"""Side of the pooling windows."""

CACHED_VALUES = 1 << 20
"""Values of the map that are computed at a time: 4 MB, less than a core's share of the cache."""


class PooledConvolution(nn.Conv2d):
    """A convolution of one channel that keeps the size but for its stride, then 2x2 maximum pooling.

    Args:
        channels: C of the result.
        kernel_size: Side K of the kernels, odd.
        stride: Stride of the convolution.
    """

    def __init__(self, channels: int, kernel_size: int, stride: int) -> None:
        super().__init__(1, channels, kernel_size, stride=stride, padding=kernel_size // 2, bias=False)

    def forward(self, patch: Tensor) -> Tensor:
        """Pooled maps; no gradient reaches the patch.

        They are computed in the precision of the patch, since half of it would round depth to a millimetre,
        and under autocast rounded to the precision that the next layer would round them to.

        Args:
            patch: (B, 1, P, P).

        Returns:
            (B, C, P / (2 stride), P / (2 stride)), channels last in memory.
        """
        device = patch.device.type
        precision = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else patch.dtype
        with torch.autocast(device, enabled=False):
            if device == "cpu" and not torch.compiler.is_compiling():  # an exported graph has layers alone
                return cast(
                    Tensor,
                    _PooledConvolution.apply(patch.contiguous(), self.weight, self.stride[0], precision),
                )
            maps = functional.max_pool2d(super().forward(patch), POOL)
            return maps.to(precision, memory_format=torch.channels_last)


class _PooledConvolution(torch.autograd.Function):
    """A few images at a time, forward and backward."""

    @staticmethod
    def forward(ctx: Any, patch: Tensor, weight: Tensor, stride: int, precision: torch.dtype) -> Tensor:
        batch, _, height, width = patch.shape
        shape = (len(weight), height // stride, width // stride)
        ctx.stride, ctx.shape = stride, shape
        ctx.images = max(1, CACHED_VALUES // (shape[0] * shape[1] * shape[2]))
        pooled = _empty(batch, shape[0], shape[1] // POOL, shape[2] // POOL, dtype=precision)
        places = []
        for images, out in zip(patch.split(ctx.images), pooled.split(ctx.images), strict=True):
            maps = functional.conv2d(
                _channels_last(images), weight, stride=stride, padding=weight.shape[-1] // 2
            )
            values, place = functional.max_pool2d(maps, POOL, return_indices=True)
            out.copy_(values)
            places.append(place)
        ctx.save_for_backward(patch, weight, *places)
        return pooled

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor, None, None]:
        patch, weight, *places = ctx.saved_tensors
        total = torch.zeros_like(weight)
        for images, pooled, place in zip(
            patch.split(ctx.images), gradient.split(ctx.images), places, strict=True
        ):
            # Only shape and layout of the maps are looked at.
            maps = _empty(len(images), *ctx.shape, dtype=weight.dtype)
            spread = torch.ops.aten.max_pool2d_with_indices_backward(
                pooled.to(weight), maps, [POOL, POOL], [POOL, POOL], [0, 0], [1, 1], False, place
            )
            total += conv2d_weight(
                _channels_last(images), weight.shape, spread, ctx.stride, weight.shape[-1] // 2
            )
        return None, total, None, None


def _empty(*shape: int, dtype: torch.dtype) -> Tensor:
    return torch.empty(shape, dtype=dtype, memory_format=torch.channels_last)


def _channels_last(patch: Tensor) -> Tensor:
    """Patches of one channel, whose two layouts are the same, so declared that convolutions take the other.

    Args:
        patch: (B, 1, H, W), contiguous.
    """
    height, width = patch.shape[2:]
    return patch.as_strided(patch.shape, (height * width, 1, width, 1))
