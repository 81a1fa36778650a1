"""Two small networks that find hands: one looks at the whole frame, one at the cube around a place.

The first proposes places. It is fully convolutional, in the manner of CenterNet (Zhou, Wang and Krähenbühl
2019): a heat map of hand centres with their place inside the cell and their depth. The refinement network
sees each place as the pose network would, at one scale in mm whatever the distance: it moves the centre (as
DeepPrior++ and V2V-PoseNet do), and says whether it is a hand, and which. Where the joints are it learns for
the sake of this: the joints of a hand tell a right one from a left one.
"""

import torch
from torch import Tensor, nn

from murauer.geometry.skeletons import SKELETONS

STRIDE = 8
"""Input pixels a side of a cell of the proposal network's heat map."""

MULTIPLE = 16
"""Sides of the proposal network's input are multiples of this."""

FAR_MM = 1000.0
"""Unit of the proposed depth."""

JOINTS = len(SKELETONS["nyu14"].joints)
"""Of the skeleton "nyu14"."""


def _convolution(inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class _Residual(nn.Module):
    """Two convolutions beside a short cut; the second looks `dilation` times as far around."""

    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = _convolution(channels, channels)
        self.second = nn.Sequential(
            nn.Conv2d(channels, channels, 3, 1, dilation, dilation, bias=False), nn.BatchNorm2d(channels)
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
        self.coarse = nn.Sequential(
            _convolution(48, 80, 2), _Residual(80), _Residual(80, dilation=2), _Residual(80, dilation=2)
        )
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


class RefinementNetwork(nn.Module):
    """Looks closely at places that may be hands; patches as for the pose network."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _convolution(1, 24, 2, kernel=5),
            _convolution(24, 64, 2), _Residual(64),
            _convolution(64, 96, 2), _Residual(96),
            _convolution(96, 160, 2), _Residual(160),
        )  # fmt: skip
        self.hidden = nn.Sequential(nn.Flatten(), nn.Dropout(0.1), nn.Linear(160 * 16, 256), nn.ReLU())
        self.joints = nn.Linear(256, 3 * JOINTS)
        self.head = nn.Sequential(nn.Linear(256 + 3 * JOINTS, 64), nn.ReLU(), nn.Linear(64, 2))

    def forward(self, patch: Tensor) -> Tensor:
        """Tell hand from none, right from left, and where the joints are.

        Args:
            patch: (B, 1, 64, 64) in [-1, 1], background 1.

        Returns:
            (B, 2 + 3 * JOINTS): log-odds that this is a hand; log-odds that it is a right one; x, y, z of
            each joint relative to the cube's centre, in half cubes.
        """
        hidden = self.hidden(self.features(patch))
        joints = self.joints(hidden)
        return torch.cat([self.head(torch.cat([hidden, joints], 1)), joints], 1)


class MirroredRefinement(nn.Module):
    """Means of two looks, at the patch and at its mirror image, where right hands are left ones.

    Args:
        refinement: That looks.
    """

    mirrored: Tensor

    def __init__(self, refinement: RefinementNetwork) -> None:
        super().__init__()
        self.refinement = refinement
        self.register_buffer("mirrored", torch.tensor([1.0, -1.0] + JOINTS * [-1.0, 1.0, 1.0]))

    def forward(self, patch: Tensor) -> Tensor:
        """See `RefinementNetwork`."""
        mean: Tensor = (self.refinement(patch) + self.mirrored * self.refinement(patch.flip(-1))) / 2
        return mean
