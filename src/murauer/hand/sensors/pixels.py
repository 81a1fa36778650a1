"""Pixels of a device seen through an image of another resolution: random patches and offsets."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from murauer.hand.kernel_launch import launch
from murauer.hand.sensors.kernels import facing_kernel

SURFACE_STEP_MM = 15.0
"""Neighbouring pixels that differ by more lie on different surfaces.

A finger is about as thick; at 45 degrees and 4 mm a pixel a single surface steps by 4 mm.
"""


@dataclass(frozen=True, eq=False)
class Patches:
    """Squares that cover images: what is within one shares its error, as within a matcher's window.

    Random numbers are drawn for squares, of which there are fewer than pixels; kernels find a pixel's square.

    Attributes:
        per_pixel: Squares a pixel, (B,).
        phase: Where in the first square of rows and of columns the images begin, in squares, (2, B).
        rows: Rows of squares that are enough for every image.
        columns: Likewise.
    """

    per_pixel: Tensor
    phase: Tensor
    rows: int
    columns: int

    @classmethod
    def over(cls, depth: Tensor, side_px: Tensor, generator: Generator) -> "Patches":
        """Lay squares in random positions.

        Args:
            depth: Images (B, H, W).
            side_px: Side of the squares in image pixels, (B,); less than a pixel gives single pixels.
            generator: Source of randomness.
        """
        batch, height, width = depth.shape
        side = side_px.clamp(min=1.0)
        smallest = float(side.min()) if batch else 1.0
        phase = torch.rand(2, batch, generator=generator, device=depth.device)
        return cls(1 / side, phase, int(height / smallest) + 2, int(width / smallest) + 2)

    def apply(self, kernel: Any, depth: Tensor, *inputs: Tensor | float) -> Tensor:
        """Run a kernel that takes images, where their patches are, and these inputs; see `by_rows`."""
        return by_rows(kernel, depth, self.per_pixel, self.phase, *inputs)

    def uniform(self, channels: int, generator: Generator) -> Tensor:
        """Independent numbers in [0, 1) for the squares, (channels, B, rows, columns)."""
        shape = (channels, len(self.per_pixel), self.rows, self.columns)
        return torch.rand(shape, generator=generator, device=self.phase.device)

    def normal(self, channels: int, generator: Generator) -> Tensor:
        """Independent standard normal numbers for the squares, (channels, B, rows, columns)."""
        shape = (channels, len(self.per_pixel), self.rows, self.columns)
        return torch.randn(shape, generator=generator, device=self.phase.device)


def by_rows(kernel: Any, depth: Tensor, *inputs: Tensor | float) -> Tensor:
    """Run a kernel that takes images (B, H, W) and these inputs, a thread a row; returns what it writes."""
    written = torch.empty_like(depth)
    launch(kernel, tuple(depth.shape[:2]), [depth, *inputs, written])
    return written


def round_randomly(offset: Tensor, uniform: Tensor) -> Tensor:
    """Round offsets up or down with the probabilities that keep their mean, to int32.

    An edge lies anywhere between two pixel centres, so a look-up that is displaced by 0.3 pixels crosses it
    in 30 % of the cases: exact in the mean at every resolution.
    """
    return (offset + uniform).floor_().int()


def image_seeds(depth: Tensor, generator: Generator) -> Tensor:
    """Seeds for the random numbers that kernels draw themselves, one an image, int32 (B,)."""
    return torch.randint(
        2**31 - 1, depth.shape[:1], generator=generator, device=depth.device, dtype=torch.int32
    )


def incidence_cosine(depth: Tensor, intrinsics: Tensor) -> Tensor:
    """Cosine of the angle between surface normal and viewing ray, (B, H, W); 1 where there is no surface.

    In each direction the smaller of the two one-sided differences is used: next to an edge it is the one that
    stays on the surface. At the border of the image there is one only.
    """
    return by_rows(facing_kernel, depth, intrinsics.contiguous())
