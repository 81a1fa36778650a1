"""The base model's losses against loops over joints and places, in float64."""

import math

import pytest
import torch

from murauer.nets.config import DenseConfig
from murauer.nets.voting_head import Votes, VotingHead
from murauer.training.base.losses import (
    PLACES,
    REACH,
    SMALLEST_ERROR,
    TURN,
    error_loss,
    joint_loss,
    vote_loss,
)
from murauer.training.base.samples import Batch, foreground_places


def smooth(difference: float, turn: float) -> float:
    """A parabola that becomes a line of slope 1."""
    far = abs(difference)
    return far - turn / 2 if far > turn else far**2 / (2 * turn)


def some(*shape: int, seed: int = 0, size: float = 1.0) -> torch.Tensor:
    return size * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_lengths_are_those_of_a_cube_of_300_mm() -> None:
    turn_mm, smallest_mm = 150 * TURN, 150 * SMALLEST_ERROR
    assert (turn_mm, smallest_mm) == pytest.approx((3.0, 0.6))


@pytest.mark.parametrize("size", [1e-4, 0.01, 0.03, 1.0, 100.0])
def test_joint_loss(size: float) -> None:
    joints, target = some(3, 5, 3, size=size), some(3, 5, 3, seed=1, size=size)
    pairs = zip(joints.flatten().tolist(), target.flatten().tolist(), strict=True)
    expected = sum(smooth(a - b, TURN) for a, b in pairs) / 45
    assert joint_loss(joints, target).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("size", [1e-4, 0.1, 3.0])
def test_error_loss(size: float) -> None:
    joints, target = some(2, 5, 3, size=size).requires_grad_(), some(2, 5, 3, seed=1, size=size)
    log_error = some(2, 5, seed=2)
    expected = 0.0
    for frame in range(2):
        for joint in range(5):
            far = math.dist(joints[frame, joint].tolist(), target[frame, joint].tolist())
            expected += smooth(float(log_error[frame, joint]) - math.log(max(far, SMALLEST_ERROR)), 1.0)
    log_error.requires_grad_()
    loss = error_loss(Votes(joints, torch.zeros(2, 1), log_error), target)
    assert loss.item() == pytest.approx(expected / 10, rel=1e-4)
    loss.backward()
    assert joints.grad is None and log_error.grad is not None and log_error.grad.abs().min() > 0


@pytest.mark.parametrize("far", [1.0, 4.0])
def test_vote_loss(far: float) -> None:
    """Votes are drawn places' linear forms of their activations; near a joint they count most."""
    config = DenseConfig(patch_size=32, widths=(8, 8), encoder_blocks=(0, 0), decoder_blocks=(1,), hidden=4)
    head = VotingHead(config)
    joints_number, places = config.joints, config.places
    with torch.no_grad():
        head.votes += some(*head.votes.shape, seed=5, size=0.1)
        head.bias += some(*head.bias.shape, seed=6, size=0.1)
    patch = torch.where(torch.rand(2, 32, 32, generator=torch.Generator().manual_seed(7)) < 0.5, 0.1, 1.0)
    batch = Batch(patch, some(2, joints_number, 3, seed=8, size=0.5 * far), torch.full((2,), 150.0))
    hidden = some(2, 4, places**2, seed=9)
    found = vote_loss(head, hidden, batch, places, torch.Generator().manual_seed(10)).item()
    votes, bias = head.votes.detach().double(), head.bias.detach().double()
    drawn = foreground_places(patch, places, PLACES, torch.Generator().manual_seed(10))
    assert drawn.shape == (2, PLACES)
    total = weights = 0.0
    for sample in range(2):
        for place in drawn[sample].tolist():
            row, column = divmod(place, places)
            at = [(2 * column + 1) / places - 1, (2 * row + 1) / places - 1, 0.0]
            activations = hidden[sample, :, place].double()
            for joint in range(joints_number):
                offset = activations @ votes[joint] + bias[joint]
                target = batch.joints[sample, joint].tolist()
                weight = math.exp(-((target[0] - at[0]) ** 2 + (target[1] - at[1]) ** 2) / (2 * REACH**2))
                differences = [a + float(o) - t for a, o, t in zip(at, offset, target, strict=True)]
                total += weight * sum(smooth(difference, TURN) for difference in differences)
                weights += weight
    assert found == pytest.approx(total / (3 * weights), rel=1e-4)
