import copy

import pytest
import torch
from torch import nn

from murauer.training.ema import average_of


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def steps(network: nn.Module, n: int):
    """States of a network whose weights and running statistics keep changing."""
    generator = torch.Generator().manual_seed(1)
    for _ in range(n):
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(torch.randn(parameter.shape, generator=generator))
        network(torch.randn(8, 3, generator=generator))
        yield {name: value.clone() for name, value in network.state_dict().items()}


@pytest.mark.parametrize("decay", [0.0, 0.2, 0.99])
def test_average_follows_the_recursion(decay):
    network = model()
    average = average_of(network, decay)
    reference: dict[str, torch.Tensor] = {}
    for n, state in enumerate(steps(network, 15)):
        average.update(network)
        share = min(decay, (1 + n) / (10 + n))
        reference = {
            name: value
            if n == 0 or not value.is_floating_point()
            else share * reference[name] + (1 - share) * value
            for name, value in state.items()
        }
    for name, value in average.module.state_dict().items():
        torch.testing.assert_close(value, reference[name], rtol=1e-5, atol=1e-6)


def test_without_decay_the_average_is_the_model():
    network = model()
    average = average_of(network, 0.0)
    for state in steps(network, 3):
        average.update(network)
        assert all(torch.equal(value, state[name]) for name, value in average.module.state_dict().items())


def test_model_is_left_alone():
    network = model()
    average = average_of(network, 0.9)
    for _ in steps(network, 3):
        before = copy.deepcopy(network.state_dict())
        average.update(network)
        assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_state_restores_the_course_exactly():
    network = model()
    average, resumed = average_of(network, 0.9), average_of(network, 0.9)
    for n, _ in enumerate(steps(network, 6)):
        if n == 3:
            resumed.load_state_dict(copy.deepcopy(average.state_dict()))
        average.update(network)
        if n >= 3:
            resumed.update(network)
    assert all(torch.equal(value, average.state_dict()[name]) for name, value in resumed.state_dict().items())


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_impossible_decay(decay):
    with pytest.raises(ValueError, match="decay"):
        average_of(model(), decay)
