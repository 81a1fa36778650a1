"""The layer that ends a head computes in the precision of its weights."""

import torch

from murauer.nets.output_layer import OutputLayer


def test_autocast_rounds_neither_input_nor_result():
    layer = OutputLayer(20, 3)
    features = torch.randn(5, 20, generator=torch.Generator().manual_seed(0))
    exact = layer(features)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer(features), exact)
        half = layer(features.bfloat16())
    assert torch.equal(half, layer(features.bfloat16().float()))


def test_features_may_come_in_half_precision_and_get_their_gradient_in_it():
    layer = OutputLayer(20, 3)
    features = torch.randn(5, 20).bfloat16().requires_grad_()
    layer(features).sum().backward()
    assert features.grad is not None and features.grad.dtype == torch.bfloat16
    assert layer.weight.grad.dtype == torch.float32
