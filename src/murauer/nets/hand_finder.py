"""Two small networks that find hands: one looks at the whole frame, one at the cube around a place.

The first proposes places. It is fully convolutional, in the manner of CenterNet (Zhou, Wang and Krähenbühl
2019): a heat map of hand centres with their place inside the cell and their depth. The judge sees each place
as the pose network would, at one scale in mm whatever the distance: it moves the centre (as DeepPrior++ and
V2V-PoseNet do), and says whether it is a hand, and which.
"""

import torch
from torch import Tensor, nn

STRIDE = 8
"""Input pixels a side of a cell of the proposal network's heat map."""

MULTIPLE = 16
"""Sides of the proposal network's input are multiples of this."""

FAR_MM = 1000.0
"""Unit of the proposed depth."""


def _convolution(inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class _Residual(nn.Module):
    """Two convolutions beside a short cut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _convolution(channels, channels)
        self.second = nn.Sequential(
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        return torch.relu(x + self.second(self.first(x)))


class ProposalNetwork(nn.Module):
    """Finds places that may be hands in a whole frame of 160 pixels a radian."""

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(
            _convolution(2, 12, 2, kernel=5), _convolution(12, 24, 2), _convolution(24, 48, 2), _Residual(48)
        )
        self.coarse = nn.Sequential(_convolution(48, 80, 2), _Residual(80), _Residual(80))
        self.down = nn.Conv2d(80, 48, 1)
        self.head = nn.Sequential(_convolution(48, 48), nn.Conv2d(48, 4, 1))

    def forward(self, depth: Tensor) -> Tensor:
        """Look for hands.

        Args:
            depth: (B, H, W) in mm, 0 = no measurement; H and W multiples of `MULTIPLE`.

        Returns:
            (B, 4, H / 8, W / 8): log-odds that a hand's centre is in the cell; its column and row relative to
            the cell's middle in cells, and its depth, in m.
        """
        z = (depth / FAR_MM).clamp(max=4.0)
        fine = self.fine(torch.stack([z, (depth > 0).to(z.dtype)], 1))
        coarse = nn.functional.interpolate(self.down(self.coarse(fine)), scale_factor=2.0, mode="nearest")
        found: Tensor = self.head(fine + coarse)
        return found


class JudgeNetwork(nn.Module):
    """Judges patches around places that may be hands; patches as for the pose network."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _convolution(1, 24, 2, kernel=5),
            _convolution(24, 48, 2), _Residual(48),
            _convolution(48, 80, 2), _Residual(80),
            _convolution(80, 128, 2), _Residual(128),
        )  # fmt: skip
        self.head = nn.Sequential(
            nn.Flatten(), nn.Dropout(0.2), nn.Linear(128 * 16, 96), nn.ReLU(), nn.Linear(96, 5)
        )

    def forward(self, patch: Tensor) -> Tensor:
        """Judge.

        Args:
            patch: (B, 1, 64, 64) in [-1, 1], background 1.

        Returns:
            (B, 5): log-odds that a hand's centre is near; where it is relative to the cube's, x, y, z, in
            half cubes; log-odds that it is a right hand.
        """
        judged: Tensor = self.head(self.features(patch))
        return judged
