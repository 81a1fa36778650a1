"""Frames on disk, ready for training: windows of depth images around the hand, memory-mapped.

A frame set holds N moments, each seen by V synchronised cameras. Of every depth image only the *region*
that training can ever need is kept: a small window around the hand with intrinsics of its own, so that
offset, rotation and perspective can still be applied exactly later (`murauer.crop`).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from murauer.errors import UserError

DEPTH_UNIT_MM = 0.1
"""One step of the stored 16-bit depth, in mm: range 6.5 m, finer than any sensor's noise."""


@dataclass(frozen=True)
class Region:
    """A batch of depth windows with what is known of them.

    Attributes:
        depth: depth in mm, 0 = no measurement, shape (B, R, R).
        intrinsics: fx, fy, u0, v0 of each window in its own pixels, shape (B, 4).
        centre: centre of the hand cube in mm, camera coordinates, shape (B, 3).
        joints: joint positions in mm, camera coordinates, shape (B, J, 3).
    """

    depth: Tensor
    intrinsics: Tensor
    centre: Tensor
    joints: Tensor


def array_specs(
    frames: int, views: int, region_size: int, joints: int
) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shape and dtype of every array of a frame set, by name."""
    return {
        "depth": ((frames, views, region_size, region_size), "uint16"),
        "intrinsics": ((frames, views, 4), "float32"),
        "centre": ((frames, views, 3), "float32"),
        "joints": ((frames, views, joints, 3), "float32"),
        "person": ((frames,), "int16"),
    }


@dataclass(frozen=True)
class FrameSet:
    """N moments seen by V cameras; the arrays may be memory-mapped.

    Attributes:
        depth: uint16 in steps of `DEPTH_UNIT_MM`, 0 = no measurement, shape (N, V, R, R).
        intrinsics: fx, fy, u0, v0 of each window, shape (N, V, 4).
        centre: centre of the hand cube in mm in the coordinates of each camera, shape (N, V, 3).
        joints: joints in mm in the coordinates of each camera, shape (N, V, J, 3).
        person: who is seen, shape (N,).
    """

    depth: np.ndarray
    intrinsics: np.ndarray
    centre: np.ndarray
    joints: np.ndarray
    person: np.ndarray

    def __len__(self) -> int:
        return len(self.depth)

    @property
    def views(self) -> int:
        """Number of synchronised cameras V."""
        return self.depth.shape[1]

    def regions(self, rows: np.ndarray, view: int | np.ndarray = 0) -> Region:
        """Read the windows of some frames.

        Args:
            rows: indices of the frames, shape (B,).
            view: the camera, one for all or one per frame, shape (B,).
        """
        depth = self.depth[rows, view].astype(np.float32) * np.float32(DEPTH_UNIT_MM)
        return Region(
            depth=torch.from_numpy(depth),
            intrinsics=torch.from_numpy(self.intrinsics[rows, view]),
            centre=torch.from_numpy(self.centre[rows, view]),
            joints=torch.from_numpy(self.joints[rows, view]),
        )


def create_frame_set(folder: Path, frames: int, views: int, region_size: int, joints: int) -> FrameSet:
    """Make an empty frame set on disk, to be filled in place.

    Args:
        folder: where the arrays go.
        frames: number of moments N.
        views: number of cameras V.
        region_size: side R of the windows in pixels.
        joints: number of joints J.

    Raises:
        UserError: the folder cannot be written or the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {
            name: np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=dtype, shape=shape)
            for name, (shape, dtype) in array_specs(frames, views, region_size, joints).items()
        }
    except OSError as error:
        raise UserError(
            f"cannot write frames to {folder}: {error.strerror}; choose another --out folder"
        ) from error
    return FrameSet(**arrays)


def open_frame_set(folder: Path, writable: bool = False) -> FrameSet:
    """Open a frame set that `create_frame_set` made.

    Raises:
        UserError: an array is missing or unreadable.
    """
    # "c" (copy on write) gives torch a writable buffer while the file stays as it is.
    mode: Literal["r+", "c"] = "r+" if writable else "c"
    arrays = {}
    for name in array_specs(0, 0, 0, 0):
        path = folder / f"{name}.npy"
        try:
            arrays[name] = np.load(path, mmap_mode=mode)
        except (OSError, ValueError, EOFError) as error:
            raise UserError(f"cannot read {path} ({error}); make the recording again") from error
    return FrameSet(**arrays)
