"""The hand cube in NumPy: what `murauer.geometry.crop` does for training, without PyTorch.

The tests hold the two against each other, to the bit.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from murauer.geometry.camera import uvd_to_xyz, xyz_to_uvd

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

BoxRule = Literal["exact", "published"]
"""How a cube's outline becomes image pixels, see `murauer.geometry.crop`."""

BACKGROUND = np.float32(1.0)
"""Value of patch pixels where nothing was measured inside the cube."""

OUTSIDE = -1e6
"""Image coordinate of patch pixels that are outside of every image, however they are turned."""


@dataclass(frozen=True, eq=False)
class Cubes:
    """Hand cubes in images.

    Attributes:
        centre: Centre of each cube, camera coordinates in mm, (B, 3).
        intrinsics: fx, fy, u0, v0 of the image of each, (B, 4), or of all, (4,), in pixels.
        cube_mm: Side of the cubes; (B,) where each has its own.
        patch_size: Side P of the patches in pixels.
        rotation: In-plane rotation in radians about the centre, counter-clockwise as displayed, (B,); None
            for none.
        box: How the outlines become image pixels.
    """

    centre: Floats
    intrinsics: NDArray[np.floating[Any]]
    cube_mm: float | Floats
    patch_size: int
    rotation: Floats | None = None
    box: BoxRule = "exact"

    def cut(self, depth: NDArray[Any]) -> Floats:
        """Cut the cubes out.

        Args:
            depth: (B, H, W) in mm, 0 = no measurement.

        Returns:
            (B, P, P) in [-1, 1], background +1.
        """
        columns, rows = self._sampled()  # of all pixels of a patch, or of its columns and its rows
        height, width = depth.shape[1:]
        seen = ((columns >= 0) & (columns < width)) & ((rows >= 0) & (rows < height))
        first = np.arange(len(depth))[:, None, None] * (height * width)
        pixels = _within(rows, height) * width + (_within(columns, width) + first)
        measured = depth.reshape(-1).take(pixels).astype(np.float32)
        patch = (measured - self.centre[:, 2, None, None]) / self.half_mm
        visible = (measured > 0) & (np.abs(patch) <= 1)
        visible &= seen
        return np.where(visible, patch, BACKGROUND)

    @cached_property
    def half_mm(self) -> Floats:
        """Half the side of the cubes in mm, (B, 1, 1) or (1, 1, 1)."""
        return (np.asarray(self.cube_mm, np.float64).reshape(-1, 1, 1) / 2).astype(np.float32)

    def depth_mm(self, patches: Floats) -> Floats:
        """Return the depth in mm of patches (B, P, P), with 0 for background."""
        depth = patches * self.half_mm + self.centre[:, 2, None, None]
        return np.where(patches < BACKGROUND, depth, np.float32(0))

    def denormalise_joints(self, joints: Floats) -> Floats:
        """Take joints (B, J, 3) in units of half the cube around its centre to camera coordinates in mm."""
        return joints * self.half_mm + self.centre[:, None]

    def patch_from_xyz(self, xyz: Floats) -> NDArray[np.float64]:
        """Return the patch pixels, (B, J, 2) as column and row, where joints (B, J, 3) in mm appear."""
        low, scale = self._outline
        uv = xyz_to_uvd(xyz.astype(np.float64), self._intrinsics)[..., :2]
        return (self._turned(uv, 1) - low[:, None]) / scale[:, None] - 0.5

    def from_patch(self, joints: Floats) -> Floats:
        """Take joints as the patch shows them to camera coordinates.

        Args:
            joints: Column and row from border to border and depth in half cubes, each in [-1, 1], (B, J, 3).

        Returns:
            (B, J, 3) in mm.
        """
        low, scale = self._outline
        uv = low[:, None] + (joints[..., :2] + 1) * (scale * (self.patch_size / 2))[:, None]
        depth = joints[..., 2:] * self.half_mm + self.centre[:, None, 2:]
        uvd = np.concatenate((self._turned(uv, -1), depth), axis=-1)
        return uvd_to_xyz(uvd, self._intrinsics).astype(np.float32)

    def _turned(self, uv: NDArray[np.float64], sign: int) -> NDArray[np.float64]:
        """Turn image points (B, N, 2) with the patches (1), or back (-1)."""
        if self.rotation is None:
            return uv
        cosine, sine = self._cosine_and_sine
        pivot = self._centre_uv[:, None]
        u, v = np.moveaxis(uv - pivot, -1, 0)
        turned = (cosine * u + sign * sine * v, cosine * v - sign * sine * u)
        return np.stack(turned, axis=-1) + pivot

    @cached_property
    def _cosine_and_sine(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Of the rotation, each (B, 1)."""
        angle = np.asarray(self.rotation, np.float64)[:, None]
        return np.cos(angle), np.sin(angle)

    @cached_property
    def _centre_uv(self) -> NDArray[np.float64]:
        return xyz_to_uvd(self.centre.astype(np.float64), self._intrinsics)[:, :2]

    @cached_property
    def _intrinsics(self) -> NDArray[np.float64]:
        # Rounded to float32, as the tensors of training are.
        return self.intrinsics.astype(np.float32).astype(np.float64)

    @cached_property
    def _corners(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Low and high corners of the cubes' outlines in the image, in whole pixels as published; (B, 2)."""
        intrinsics = self._intrinsics
        cube = np.asarray(self.cube_mm, np.float64).reshape(-1, 1)
        half = intrinsics[..., :2] * (cube / 2) / self.centre[:, 2:].astype(np.float64)
        low, high = self._centre_uv - half, self._centre_uv + half
        return (low, high) if self.box == "exact" else (np.floor(low), np.floor(high))

    @cached_property
    def _outline(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Low corner of the patches in the image, and image pixels per patch pixel; (B, 2)."""
        low, high = self._corners
        if self.box == "exact":
            return low, (high - low) / self.patch_size
        scale = (high - low) / self._patch_sides
        return low - 0.5 - scale / 2, scale

    @cached_property
    def _patch_sides(self) -> NDArray[np.float64]:
        """Patch pixels that an outline as published fills: all of its longer side; (B, 2)."""
        low, high = self._corners
        sides = high - low
        filled = sides * self.patch_size // np.maximum(sides.max(axis=1, keepdims=True), 1)
        if (filled < 1).any():
            raise ValueError("the outline of a cube is less than a pixel of image or patch, as published")
        return filled

    def _grid(self) -> NDArray[np.float64]:
        """Image columns and rows that those of patches show before they are turned, (B, 2, P)."""
        pixel = np.arange(self.patch_size)
        if self.box == "exact":
            low, scale = self._outline
            return (low + scale / 2)[..., None] + scale[..., None] * pixel
        (low, high), filled = self._corners, self._patch_sides[..., None]
        sampled = low[..., None] + pixel * (high - low)[..., None] // filled
        return np.where(pixel < filled, sampled, OUTSIDE)

    def _sampled(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Image columns and rows that patches show: (B, 1, P) and (B, P, 1), or both (B, P, P) if turned."""
        sampled = self._grid()
        if self.rotation is None:
            nearest = np.floor(sampled.astype(np.float32) + np.float32(0.5)).astype(np.int64)
            return nearest[:, 0, None, :], nearest[:, 1, :, None]
        cosine, sine = (value[..., None] for value in self._cosine_and_sine)
        u, v = (self._centre_uv[:, axis, None, None] for axis in (0, 1))
        column, row = sampled[:, 0, None, :] - u, sampled[:, 1, :, None] - v
        turned = (cosine * column - sine * row + u, sine * column + cosine * row + v)
        columns, rows = (
            np.floor(part.astype(np.float32) + np.float32(0.5)).astype(np.int64) for part in turned
        )
        return columns, rows


def _within(index: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """The nearest index that there is; `clip` takes three times as long for so few."""
    return np.minimum(np.maximum(index, 0), size - 1)


def shown(patches: Floats) -> NDArray[np.float64]:
    """Share of patches (B, P, P) that shows something, (B,)."""
    return (patches < BACKGROUND).reshape(len(patches), -1).sum(axis=1) / patches[0].size
