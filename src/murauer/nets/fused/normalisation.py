"""Batch normalisation whose statistics are exact, and may be those of a batch spread over several processes.

PyTorch adds up a channels-last batch value after value in float32. Of the half a million values that a
channel of a batch of the paper has, mean and variance are then wrong by 1e-5 to 2e-4 of their size, and by
more where most pixels are background: adding one value again and again rounds to the same side. Here a
hundred values are added up at a time and the sums are put together in float64, at little cost.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.modules.batchnorm import _BatchNorm

TERMS = 1 << 7
"""Values that are added up in float32, one after the other."""

FEW = 8 * TERMS
"""Values of a channel of channels-last maps that PyTorch's own layer may add up, which is faster."""


class BatchNorm(_BatchNorm):
    """`torch.nn.BatchNorm2d` with exact statistics (Ioffe and Szegedy 2015), for any shape (B, C, ...).

    Attributes:
        add_up: Sums a tensor over the processes that each hold a part of the batch; None where one process
            holds all of it. Every process gets the statistics of the whole batch, and gradients of its own
            part, which together are those of the whole.
    """

    add_up: Callable[[Tensor], Tensor] | None = None

    @classmethod
    def like(cls, layer: _BatchNorm) -> "BatchNorm":
        """A layer that does what one of PyTorch's does, with its parameters and running statistics."""
        own = cls(layer.num_features, layer.eps, layer.momentum, layer.affine, layer.track_running_stats)
        own._parameters, own._buffers, own.training = layer._parameters, layer._buffers, layer.training
        return own

    def forward(self, maps: Tensor) -> Tensor:
        """Normalised values, (B, C, ...) -> (B, C, ...)."""
        of_batch = self.training or self.running_mean is None
        if not of_batch or torch.compiler.is_compiling():
            return super().forward(maps)
        if self.add_up is None and _is_exact(maps):
            return super().forward(maps)
        if maps.dim() != 4:
            return self.forward(maps.reshape(*maps.shape[:2], -1, 1)).reshape(maps.shape)
        sums = batch_sums(maps)
        if self.add_up is not None:
            sums = self.add_up(sums)
        count = sums[0]  # stays a tensor: a GPU would be waited for
        mean, square = (sums[1:] / count.clamp(min=1)).chunk(2)
        variance = (square - mean.square()).clamp_(min=0)
        self._follow(mean, variance, count)
        # Without parameters of its own a layer neither scales nor shifts.
        plain = mean.new_ones(len(mean), dtype=torch.promote_types(maps.dtype, torch.float32))
        weight = plain if self.weight is None else self.weight
        bias = torch.zeros_like(weight) if self.bias is None else self.bias
        arguments = mean.to(weight), variance.to(weight), self.eps, count, self.add_up
        return cast(Tensor, _Normalise.apply(maps, weight, bias, *arguments))

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        """Move the running statistics, if any, towards those of the batch, of `count` values a channel."""
        if self.running_mean is None or self.running_var is None or not self.training:
            return
        assert self.num_batches_tracked is not None
        there = count.sign()  # 0 for a set of which no process has any
        self.num_batches_tracked.add_(there.to(self.num_batches_tracked))
        share: float | Tensor = self.momentum or 0.0
        if self.momentum is None:
            share = self.num_batches_tracked.to(self.running_mean).reciprocal()
        if self.add_up is not None:
            share = share * there.to(self.running_mean)
        unbiased = variance.to(self.running_var) * (count / (count - 1))
        # Unseen by autograd: a pass over fewer values, by PyTorch's layer, has kept them without any use.
        self.running_mean.data.lerp_(mean.to(self.running_mean), share)
        self.running_var.data.lerp_(unbiased, share)

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected (B, C, ...), got {tuple(input.shape)}")


def _is_exact(maps: Tensor) -> bool:
    """Whether PyTorch's statistics of these maps are as exact as the maps."""
    few = maps.numel() <= FEW * maps.shape[1]
    # It adds up other layouts in float64.
    return few or maps.is_contiguous() or maps.device.type != "cpu" or maps.dtype == torch.bfloat16


@torch.no_grad()
def batch_sums(maps: Tensor) -> Tensor:
    """Number of values of a channel, sum of each channel and sum of its squares.

    Args:
        maps: (B, C, H, W).

    Returns:
        (1 + 2 C,) in float64, where the variance survives the difference of sums.
    """
    if not len(maps):
        return maps.new_zeros(1 + 2 * maps.shape[1], dtype=torch.float64)
    parts = (maps,)  # which a GPU adds up in a tree, and PyTorch in float64 where it is not channels-last
    if maps.device.type == "cpu" and maps.is_contiguous(memory_format=torch.channels_last):
        # Columns are summed apart, as if they were channels, and so many rows of all images at a time.
        rows = maps.permute(0, 2, 3, 1).flatten(2).flatten(0, 1)
        parts = tuple(part.t()[None, :, :, None] for part in rows.split(TERMS))
    # Statistics have the precision of buffers that they could go to, not that of the maps.
    precision = torch.promote_types(maps.dtype, torch.float32)
    mean, variance = maps.new_zeros(2, parts[0].shape[1], dtype=precision)
    statistics = [torch.batch_norm_update_stats(part, mean, variance, 0.0) for part in parts]
    mean, variance = (torch.stack(of_parts).double() for of_parts in zip(*statistics, strict=True))
    counts = mean.new_full((len(parts),), parts[0].numel() // parts[0].shape[1])
    counts[-1:].fill_(parts[-1].numel() // parts[-1].shape[1])
    sums = counts @ mean, counts @ variance.add_(mean.square())
    count = mean.new_full((1,), maps.numel() // maps.shape[1])
    return torch.cat([count, *(of_columns.view(-1, maps.shape[1]).sum(0) for of_columns in sums)])


class _Normalise(torch.autograd.Function):
    """Maps with the statistics of the batch, which they are a part of."""

    @staticmethod
    def forward(
        ctx: Any,
        maps: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        variance: Tensor,
        eps: float,
        count: Tensor,
        add_up: Callable[[Tensor], Tensor] | None,
    ) -> Tensor:
        ctx.save_for_backward(maps, weight, mean, (variance + eps).rsqrt())
        ctx.eps, ctx.count, ctx.add_up = eps, count, add_up
        return torch.native_batch_norm(maps, weight, bias, mean, variance, False, 0.0, eps)[0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        maps, weight, mean, scale = ctx.saved_tensors
        whole = ctx.add_up is None
        if len(maps):
            own, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
                gradient, maps, weight, mean, scale.pow(-2) - ctx.eps, mean, scale, whole, ctx.eps, [True] * 3
            )
        else:  # which PyTorch divides by
            own, of_weight, of_bias = gradient.clone(), torch.zeros_like(weight), torch.zeros_like(weight)
        if not whole:
            # What the own part of the batch does to all others through mean and variance, and they to it.
            bias, slope = ctx.add_up(torch.stack([of_bias, of_weight])) / ctx.count
            slope = slope * scale
            shift = (weight * scale * (slope * mean - bias))[:, None, None]
            own = own.add_(maps * (-weight * scale * slope)[:, None, None]).add_(shift)
        return own, of_weight, of_bias, *[None] * 5
