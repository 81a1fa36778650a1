"""The hand cube in NumPy: what `murauer.geometry.crop` does for training, without PyTorch.

It does not rotate. The tests hold the two against each other, to the bit.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from murauer.geometry.camera import Camera, xyz_to_uvd

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

BACKGROUND = np.float32(1.0)
"""Value of patch pixels where nothing was measured inside the cube."""


@dataclass(frozen=True, eq=False)
class Cubes:
    """Hand cubes in images of one camera.

    Attributes:
        centre: of each, camera coordinates in mm, (B, 3).
        camera: that took the images.
        cube_mm: side of the cubes.
        patch_size: side P of the patches in pixels.
    """

    centre: Floats
    camera: Camera
    cube_mm: float
    patch_size: int

    def cut(self, depth: NDArray[Any]) -> Floats:
        """Cut the cubes out.

        Args:
            depth: (B, H, W) in mm, 0 = no measurement.

        Returns:
            (B, P, P) in [-1, 1], background +1.
        """
        columns, rows = self._sampled()
        height, width = depth.shape[1:]
        seen_columns, seen_rows = (columns >= 0) & (columns < width), (rows >= 0) & (rows < height)
        first = np.arange(len(depth))[:, None, None] * (height * width)
        pixels = _within(rows, height)[:, :, None] * width + (_within(columns, width)[:, None] + first)
        measured = depth.reshape(-1).take(pixels).astype(np.float32)
        patch = (measured - self.centre[:, 2, None, None]) / np.float32(self.cube_mm / 2)
        visible = (measured > 0) & (np.abs(patch) <= 1)
        visible &= seen_rows[:, :, None] & seen_columns[:, None]
        return np.where(visible, patch, BACKGROUND)

    def depth_mm(self, patches: Floats) -> Floats:
        """Return the depth in mm of patches (B, P, P), with 0 for background."""
        depth = patches * np.float32(self.cube_mm / 2) + self.centre[:, 2, None, None]
        return np.where(patches < BACKGROUND, depth, np.float32(0))

    def denormalise_joints(self, joints: Floats) -> Floats:
        """Take joints (B, J, 3) in units of half the cube around its centre to camera coordinates in mm."""
        return joints * np.float32(self.cube_mm / 2) + self.centre[:, None]

    def patch_from_xyz(self, xyz: Floats) -> NDArray[np.float64]:
        """Return the patch pixels, (B, J, 2) as column and row, where joints (B, J, 3) in mm appear."""
        low, scale = self._box
        uvd = xyz_to_uvd(xyz.astype(np.float64), self._intrinsics)
        return (uvd[..., :2] - low[:, None]) / scale[:, None] - 0.5

    @cached_property
    def _intrinsics(self) -> NDArray[np.float64]:
        # Rounded to float32, as the tensors of training are.
        return self.camera.intrinsics_array().astype(np.float32).astype(np.float64)

    @cached_property
    def _box(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Low corner of the cubes' outlines in the image, and image pixels per patch pixel; (B, 2)."""
        intrinsics = self._intrinsics
        uvd = xyz_to_uvd(self.centre.astype(np.float64), intrinsics)
        half = intrinsics[:2] * (self.cube_mm / 2) / uvd[:, 2:]
        low, high = uvd[:, :2] - half, uvd[:, :2] + half
        return low, (high - low) / self.patch_size

    def _sampled(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Image column and row, each (B, P), that patch columns and rows show."""
        low, scale = self._box
        sampled = (low + scale / 2)[..., None] + scale[..., None] * np.arange(self.patch_size)
        nearest = np.floor(sampled.astype(np.float32) + np.float32(0.5)).astype(np.int64)
        return nearest[:, 0], nearest[:, 1]


def _within(index: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """The nearest index that there is; `clip` takes three times as long for so few."""
    return np.minimum(np.maximum(index, 0), size - 1)


def shown(patches: Floats) -> NDArray[np.float64]:
    """Share of patches (B, P, P) that shows something, (B,)."""
    return (patches < BACKGROUND).reshape(len(patches), -1).sum(axis=1) / patches[0].size
