"""Batch normalisation is PyTorch's with exact statistics."""

import copy

import pytest
import torch
from torch import nn

from murauer.nets.fused import normalisation
from murauer.nets.fused.normalisation import BatchNorm


def channels_last(*shape: int) -> torch.Tensor:
    maps = 3.0 + torch.randn(shape, generator=torch.Generator().manual_seed(0))
    return maps.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("terms", [1, 200, 1 << 30])
def test_values_gradients_and_running_statistics_are_those_in_float64(monkeypatch, terms, layout):
    monkeypatch.setattr(normalisation, "TERMS", terms)  # a row of all images at a time, some, all
    monkeypatch.setattr(normalisation, "FEW", terms)
    layer = BatchNorm(5, momentum=0.3)
    with torch.no_grad():
        layer.weight.uniform_(0.5, 2.0)
        layer.bias.normal_()
    reference = nn.BatchNorm2d(5, momentum=0.3).double()
    reference.load_state_dict(layer.state_dict())
    for seed in range(2):
        maps = channels_last(7, 5, 6, 8).contiguous(memory_format=layout).requires_grad_()
        exact = maps.detach().double().requires_grad_()
        gradient = torch.randn(maps.shape, generator=torch.Generator().manual_seed(seed))
        for norm, values, own in ((layer, maps, gradient), (reference, exact, gradient.double())):
            norm.zero_grad()
            (norm(values) * own).sum().backward()
        torch.testing.assert_close(layer(maps).double(), reference(exact), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(maps.grad.double(), exact.grad, rtol=1e-4, atol=1e-5)
        for own, other in zip(layer.parameters(), reference.parameters(), strict=True):
            torch.testing.assert_close(own.grad.double(), other.grad, rtol=1e-4, atol=1e-4)
    for name, value in layer.state_dict().items():
        exact = reference.state_dict()[name]
        torch.testing.assert_close(value.to(exact), exact, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.BatchNorm1d(4), (6, 4)),
        (nn.BatchNorm1d(4, momentum=None), (6, 4, 5)),
        (nn.BatchNorm2d(4, affine=False), (6, 4, 3, 5)),
        (nn.BatchNorm2d(4, track_running_stats=False), (6, 4, 3, 5)),
        (nn.BatchNorm3d(4, eps=0.1), (6, 4, 2, 3, 2)),
        (nn.SyncBatchNorm(4), (6, 4, 3, 5)),
    ],
)
def test_a_layer_like_one_of_pytorchs_does_what_that_does(layer, shape):
    reference, alone = copy.deepcopy(layer).double(), layer.double()
    own = BatchNorm.like(alone)
    own.add_up = lambda sums: sums  # as of a process whose others have nothing
    assert own.state_dict().keys() == reference.state_dict().keys()
    for seed in range(2):
        generator = torch.Generator().manual_seed(seed)
        values, gradient = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
        gradients = []
        for norm in (own, reference):
            inputs = values.clone().requires_grad_()
            norm.zero_grad()
            (norm(inputs) * gradient).sum().backward()
            gradients.append([inputs.grad, *(parameter.grad for parameter in norm.parameters())])
        torch.testing.assert_close(*gradients)
    torch.testing.assert_close(own.state_dict(), reference.state_dict())
    torch.testing.assert_close(own.eval()(values), reference.eval()(values))


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("side", [16, 32, 64])
def test_statistics_of_sets_of_the_paper_are_exact(layout, side):
    """Of 11 images, mostly background and channels-last, PyTorch's own layer is wrong by 2e-4 to 4e-3."""
    maps = channels_last(11, 16, side, side).contiguous(memory_format=layout)
    maps[:, :, side // 4 :] = 2.7
    exact = maps.double()
    variance, mean = torch.var_mean(exact, dim=(0, 2, 3), correction=0, keepdim=True)
    with torch.no_grad():
        error = (BatchNorm(16)(maps) - (exact - mean) / (variance + 1e-5).sqrt()).abs().max()
    assert error < 1e-5


def test_passes_of_few_and_of_many_values_have_gradients_of_one_step():
    layer = BatchNorm(4)
    few, many = channels_last(2, 4, 8, 8).requires_grad_(), channels_last(33, 4, 32, 32)
    (layer(few).square().sum() + layer(many).square().sum() + layer(few).sum()).backward()
    assert layer.num_batches_tracked == 3 and few.grad is not None


def test_statistics_of_many_values_are_exact():
    """PyTorch's own are wrong by more than a hundred times as much."""
    maps = channels_last(64, 8, 96, 96)
    variance, mean = torch.var_mean(maps.double(), dim=(0, 2, 3), correction=0)
    count, *rest = normalisation.batch_sums(maps).split([1, 8, 8])
    own = rest[0] / count, rest[1] / count - (rest[0] / count).square()
    plain = torch.batch_norm_update_stats(maps, None, None, 0.0)
    errors = [
        max(float((one / exact - 1).abs().max()) for one, exact in zip(found, (mean, variance), strict=True))
        for found in (own, plain)
    ]
    assert errors[0] < 5e-6 and errors[1] > 20 * errors[0]


def test_evaluation_and_half_precision_are_pytorchs():
    layer, maps = BatchNorm(4), channels_last(33, 4, 32, 32)
    layer(maps)
    plain = copy.deepcopy(layer)
    plain.__class__ = nn.BatchNorm2d
    assert torch.equal(layer(maps.bfloat16()), plain(maps.bfloat16()))
    assert torch.equal(layer.eval()(maps), plain.eval()(maps))
