"""What the base model learns: joints, votes of single places, and how wrong it will be."""

import torch
from torch import Generator, Tensor
from torch.nn import functional

from murauer.nets.voting_head import Votes, VotingHead
from murauer.training.base.samples import Batch, foreground_places

TURN = 0.02
"""Distance in half cubes where the loss turns from a square to a line: 3 mm."""

PLACES = 24
"""Places whose votes are judged, of each patch."""

REACH = 0.35
"""Distance in half patches at which the vote of a place counts exp(-1/2) times as much as at the joint."""

SMALLEST_ERROR = 0.004
"""In half cubes: errors below 0.6 mm are alike."""


def joint_loss(joints: Tensor, target: Tensor) -> Tensor:
    """Smooth L1 of column, row and depth, (B, J, 3)."""
    return functional.smooth_l1_loss(joints, target, beta=TURN)


def vote_loss(head: VotingHead, hidden: Tensor, batch: Batch, places: int, generator: Generator) -> Tensor:
    """Smooth L1 of the votes of some places that show something, those near a joint above all.

    Args:
        head: p.
        hidden: its activations, (B, H, S S).
        batch: patches and joints.
        places: S.
        generator: draws the places.
    """
    chosen = foreground_places(batch.patch, places, PLACES, generator)
    index = chosen[:, None].expand(-1, hidden.shape[1], -1)
    votes = head.votes_at(hidden.gather(2, index).transpose(1, 2), chosen)
    target = batch.joints[:, None]
    distance = (target[..., :2] - head.grid[chosen][:, :, None]).square().sum(-1, keepdim=True)
    weight = torch.exp(-distance / (2 * REACH**2))
    loss = functional.smooth_l1_loss(votes, target.expand_as(votes), beta=TURN, reduction="none")
    return (weight * loss).sum() / (3 * weight.sum())


def error_loss(votes: Votes, target: Tensor) -> Tensor:
    """Smooth L1 of the logarithm of each joint's distance from the truth, (B, J, 3)."""
    distance = (votes.joints.detach() - target).norm(dim=-1)
    return functional.smooth_l1_loss(votes.log_error, distance.clamp(min=SMALLEST_ERROR).log())
