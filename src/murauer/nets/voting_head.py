"""p of a dense network: the places of z vote for the joints (Sec. 3.1 of the paper asks for joints alone)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from murauer.nets.config import DenseConfig
from murauer.nets.dense import PlacewiseLayer


class Votes(NamedTuple):
    """What the head gives for a batch.

    Attributes:
        joints: (B, J, 3) as the patch shows them: column and row from border to border, depth in half cubes,
            each in [-1, 1].
        hidden: (B, J H), activations gathered with each joint's weights, from which g predicts the other
            view.
        log_error: (B, J), natural logarithm of the distance in half cubes by which the joint is expected to
            be wrong. Learned beside the joints: no gradient leads from it to them.
    """

    joints: Tensor
    hidden: Tensor
    log_error: Tensor


class VotingHead(nn.Module):
    """p: z to joints in patch coordinates.

    The vote of a place is linear in its hidden activations. The weighted mean of the votes is thus the vote
    of the weighted mean of the activations, which takes a fraction of the memory and of the time.
    """

    grid: Tensor

    def __init__(self, config: DenseConfig) -> None:
        super().__init__()
        self.hidden = PlacewiseLayer(config.latent_channels, config.hidden)
        self.weights = PlacewiseLayer(config.hidden, config.joints)
        self.votes = nn.Parameter(torch.zeros(config.joints, config.hidden, 3))
        self.bias = nn.Parameter(torch.zeros(config.joints, 3))
        self.error = nn.Parameter(torch.zeros(config.joints, config.hidden + 1))
        self.error_bias = nn.Parameter(torch.full((config.joints,), -2.5))
        nn.init.normal_(self.votes, std=0.1 * config.hidden**-0.5)
        nn.init.normal_(self.weights.weight, std=0.1 * config.hidden**-0.5)
        middle = (torch.arange(config.places) + 0.5) * (2 / config.places) - 1
        rows, columns = torch.meshgrid(middle, middle, indexing="ij")
        self.register_buffer("grid", torch.stack([columns.flatten(), rows.flatten()], 1), persistent=False)

    def forward(self, latent: Tensor) -> Votes:
        """Votes of z, (B, C, S, S)."""
        return self.pose(*self.weighted(latent))

    def weighted(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Weights of the places, (B, J, S S), and their hidden activations, (B, H, S S)."""
        hidden = functional.relu(self.hidden(latent))
        return self.weights(hidden).flatten(2).float().softmax(-1), hidden.flatten(2)

    def pose(self, weights: Tensor, hidden: Tensor) -> Votes:
        """Weighted means of the votes, in full precision under autocast as well."""
        with torch.autocast(weights.device.type, enabled=False):
            gathered = (weights.to(hidden.dtype) @ hidden.transpose(1, 2)).float()
            offsets = torch.einsum("bjh,jhc->bjc", gathered, self.votes) + self.bias
            places = weights @ self.grid
            joints = offsets + functional.pad(places, (0, 1))
            return Votes(joints, gathered.flatten(1), self._log_error(weights, gathered))

    def _log_error(self, weights: Tensor, gathered: Tensor) -> Tensor:
        """What the activations and the spread of the weights say of a joint's error."""
        weights, gathered = weights.detach(), gathered.detach()
        places = weights @ self.grid
        spread = (weights @ self.grid.square() - places.square()).sum(-1, keepdim=True)
        signs = torch.cat([gathered, spread.clamp(min=1e-6).log()], -1)
        return (signs * self.error).sum(-1) + self.error_bias

    def votes_at(self, hidden: Tensor, places: Tensor) -> Tensor:
        """What some places vote for.

        Args:
            hidden: activations of these places, (B, N, H).
            places: their numbers, (B, N).

        Returns:
            (B, N, J, 3), in patch coordinates.
        """
        offsets = torch.einsum("bnh,jhc->bnjc", hidden.float(), self.votes) + self.bias
        return offsets + functional.pad(self.grid[places], (0, 1))[:, :, None]
