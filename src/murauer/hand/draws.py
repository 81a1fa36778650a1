"""Random numbers for a batch: of its own for each hand, room or thing."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor


@dataclass(frozen=True)
class Draws:
    """Draws numbers for N things, on the device of the generator.

    Attributes:
        n: N.
        generator: Source of randomness.
    """

    n: int
    generator: Generator

    def between(self, low: float, high: float, *shape: int) -> Tensor:
        """Uniform numbers, (N, *shape)."""
        return low + (high - low) * self._uniform(*shape)

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers, (N, *shape)."""
        return torch.randn(self.n, *shape, generator=self.generator, device=self.generator.device)

    def chance(self, share: float) -> Tensor:
        """Which of the things have something that a share of all has, bool (N,)."""
        return self._uniform() < share

    def rows(self, share: float) -> Tensor:
        """The indices of those that `chance` draws."""
        return self.chance(share).nonzero()[:, 0]

    def whole(self, below: int) -> Tensor:
        """Whole numbers from 0, (N,)."""
        return torch.randint(below, (self.n,), generator=self.generator, device=self.generator.device)

    def kinds(self, shares: Sequence[float]) -> Tensor:
        """Numbers of some kinds, (N,), that are as frequent as their shares, which add up to 1."""
        limits = torch.tensor(shares).cumsum(0)[:-1]
        return torch.bucketize(self._uniform(), limits, right=True)

    def rotations(self) -> Tensor:
        """Uniformly random rotations, (N, 3, 3), from normalised Gaussian quaternions."""
        w, x, y, z = torch.nn.functional.normalize(self.normal(4), dim=1).unbind(1)
        rows = [
            torch.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], 1),
            torch.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], 1),
            torch.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], 1),
        ]
        return torch.stack(rows, 1)

    def _uniform(self, *shape: int) -> Tensor:
        return torch.rand(self.n, *shape, generator=self.generator, device=self.generator.device)
