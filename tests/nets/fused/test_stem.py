"""Convolution and pooling in one, a few images at a time, are what they are one after the other."""

import pytest
import torch
from torch.nn import functional

from murauer.nets.fused import stem
from murauer.nets.fused.stem import PooledConvolution


def patches(batch: int, side: int) -> torch.Tensor:
    """Noise beside a background of equal values, in which every window is a tie."""
    patch = torch.rand(batch, 1, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1
    patch[:, :, : side // 2] = 1.0
    return patch


@pytest.mark.parametrize(("batch", "side", "stride"), [(7, 32, 1), (5, 64, 2), (1, 32, 2)])
@pytest.mark.parametrize("values", [1, 20_000, 1 << 30])
def test_values_and_gradient_are_those_of_the_two_layers(monkeypatch, batch, side, stride, values):
    monkeypatch.setattr(stem, "CACHED_VALUES", values)  # one image at a time, some, all
    layer, patch = PooledConvolution(8, 5, stride), patches(batch, side)
    weight = layer.weight.detach().double().requires_grad_()
    maps = functional.conv2d(patch.double(), weight, stride=stride, padding=2)
    expected = functional.max_pool2d(maps, 2)
    gradient = torch.randn(expected.shape, generator=torch.Generator().manual_seed(1))
    expected.backward(gradient.double())
    pooled = layer(patch)
    pooled.backward(gradient)
    assert pooled.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(pooled, expected.float(), rtol=1e-5, atol=1e-5)
    # Where a tie is broken makes no difference to it: the image is the same around both.
    torch.testing.assert_close(layer.weight.grad, weight.grad.float(), rtol=1e-4, atol=1e-3)


def test_any_layout_of_the_patches_will_do():
    layer, patch = PooledConvolution(4, 5, 1), torch.rand(3, 1, 32, 64)
    turned = patch.transpose(2, 3).contiguous().transpose(2, 3)
    assert torch.equal(layer(turned), layer(patch))


def test_depth_keeps_its_precision_under_autocast():
    """Only the result is rounded: the next layer would do that to it."""
    layer, patch = PooledConvolution(4, 5, 1), patches(2, 32)
    exact = layer(patch)
    exact.backward(torch.ones_like(exact))
    gradient = layer.weight.grad.clone()
    layer.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        rounded = layer(patch)
    assert torch.equal(rounded, exact.to(torch.bfloat16))
    rounded.backward(torch.ones_like(rounded))
    assert torch.equal(layer.weight.grad, gradient)
