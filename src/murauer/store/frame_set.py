"""Frames on disk, ready for training: windows of depth images around the hand, memory-mapped.

A frame set holds N frames, each seen by V synchronised cameras. Of every depth image only the *region*
that training can ever need is kept: a small window around the hand with intrinsics of its own, so that
offset, rotation and perspective can still be applied exactly later (`murauer.geometry.crop`).
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from murauer.capture.depth import DEPTH_UNIT_MM
from murauer.errors import UserError
from murauer.foreign.arrays import map_array
from murauer.store.manifest import FORMAT_VERSION


@dataclass(frozen=True)
class Region:
    """A batch of depth windows with what is known of them.

    Attributes:
        depth: Depth in mm, 0 = no measurement, shape (B, R, R).
        intrinsics: fx, fy, u0, v0 of each window in its own pixels, shape (B, 4).
        centre: Centre of the hand cube in mm, camera coordinates, shape (B, 3).
        joints: Joint positions in mm, camera coordinates, shape (B, J, 3); NaN where not labelled.
    """

    depth: Tensor
    intrinsics: Tensor
    centre: Tensor
    joints: Tensor

    def mirrored(self, rows: np.ndarray) -> "Region":
        """What a mirror shows of some of the windows, (B,) bool: of left hands right ones, and the reverse.

        Image and camera are mirrored together, so nothing is resampled or rounded but the principal point.
        """
        if not rows.any():
            return self
        chosen = torch.from_numpy(rows)
        intrinsics = self.intrinsics.clone()
        intrinsics[chosen, 2] = self.depth.shape[-1] - 1 - intrinsics[chosen, 2]
        return Region(
            depth=torch.where(chosen[:, None, None], self.depth.flip(-1), self.depth),
            intrinsics=intrinsics,
            centre=mirrored(self.centre, chosen),
            joints=mirrored(self.joints, chosen),
        )


def mirrored(points: Tensor, rows: Tensor) -> Tensor:
    """Reverse the x of points (B, ..., 3) in some of the rows, (B,) bool."""
    sign = torch.ones(len(rows), 3)
    sign[rows, 0] = -1
    return points * sign.view(-1, *(1,) * (points.ndim - 2), 3)


def join_regions(regions: list[Region]) -> Region:
    """One batch of several. Smaller windows are widened to the right and below, where nothing is measured."""
    height, width = (max(region.depth.shape[side] for region in regions) for side in (1, 2))

    def widened(depth: Tensor) -> Tensor:
        right, below = width - depth.shape[2], height - depth.shape[1]
        return functional.pad(depth, (0, right, 0, below)) if right or below else depth

    return Region(
        depth=torch.cat([widened(region.depth) for region in regions]),
        intrinsics=torch.cat([region.intrinsics for region in regions]),
        centre=torch.cat([region.centre for region in regions]),
        joints=torch.cat([region.joints for region in regions]),
    )


SINCE_VERSION = {"valid": 2, "labelled": 2, "confidence": 2, "left": 3}
"""Format version since which stores have these arrays. Without them everything is usable, labelled and sure,
and all hands are right ones."""


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
        "left": ((frames,), "bool"),
        "valid": ((frames, views), "bool"),
        "labelled": ((frames,), "bool"),
        "confidence": ((frames, views), "float32"),
    }


@dataclass(frozen=True)
class FrameSet:
    """N frames seen by V cameras; the arrays may be memory-mapped.

    Attributes:
        depth: Uint16 in steps of `DEPTH_UNIT_MM`, 0 = no measurement, shape (N, V, R, R).
        intrinsics: fx, fy, u0, v0 of each window, shape (N, V, 4).
        centre: Centre of the hand cube in mm in the coordinates of each camera, shape (N, V, 3).
        joints: Joints in mm in the coordinates of each camera, shape (N, V, J, 3); NaN where not labelled.
        person: Who is seen, -1 if unknown, shape (N,).
        left: Whether it is a left hand, bool, shape (N,).
        valid: Whether the image can be used: neither corrupt nor without a hand, bool, shape (N, V). What
            the other arrays hold of an unusable image has no meaning.
        labelled: Whether any joint is known in the frame's first usable image, bool, shape (N,). Those of
            other cameras may be unknown where the poses of the cameras are.
        confidence: How sure the centre is, in [0, 1], 1 where it was given, float32, shape (N, V).
    """

    depth: np.ndarray
    intrinsics: np.ndarray
    centre: np.ndarray
    joints: np.ndarray
    person: np.ndarray
    left: np.ndarray
    valid: np.ndarray
    labelled: np.ndarray
    confidence: np.ndarray

    def __len__(self) -> int:
        return len(self.depth)

    @property
    def views(self) -> int:
        """Number of synchronised cameras V."""
        return self.depth.shape[1]

    def flush(self) -> None:
        """Write what was filled in to disk."""
        for array in vars(self).values():
            array.flush()

    def usable_rows(self, *views: int, labelled: bool = False) -> np.ndarray:
        """Find the frames that can be drawn for training or evaluated.

        Args:
            views: Cameras whose image must be usable; with none, one image of any camera is enough.
            labelled: Whether the joints must be known as well.

        Returns:
            Their indices, ascending, shape (M,).
        """
        usable = self.valid[:, views].all(axis=1) if views else self.valid.any(axis=1)
        return np.flatnonzero(usable & self.labelled if labelled else usable)

    def regions(self, rows: np.ndarray, view: int | np.ndarray = 0) -> Region:
        """Read the windows of some frames as those of right hands, which networks are for: see `windows`.

        Left hands are mirrored, with their cameras, centres and joints.
        """
        return self.windows(rows, view).mirrored(np.asarray(self.left[rows]))

    def poses(self, rows: np.ndarray, view: int | np.ndarray = 0) -> Tensor:
        """Joints about the centre of the cube as those of right hands, mm, shape (B, J, 3)."""
        return self.as_seen(torch.from_numpy(self.joints[rows, view] - self.centre[rows, view, None]), rows)

    def as_seen(self, joints: Tensor, rows: np.ndarray) -> Tensor:
        """Put joints (B, J, 3) predicted of `regions` where the cameras saw them, or the reverse."""
        return mirrored(joints, torch.from_numpy(np.asarray(self.left[rows])))

    def windows(self, rows: np.ndarray, view: int | np.ndarray = 0) -> Region:
        """Read the windows of some frames as the cameras saw them.

        Args:
            rows: Indices of the frames, shape (B,).
            view: The camera, one for all or one per frame, shape (B,).
        """

        def read(array: np.ndarray) -> np.ndarray:
            # np.memmap spends more time on being one than on indexing.
            return np.asarray(array)[rows, view]

        depth = read(self.depth).astype(np.float32)
        depth *= np.float32(DEPTH_UNIT_MM)
        return Region(
            depth=torch.from_numpy(depth),
            intrinsics=torch.from_numpy(read(self.intrinsics)),
            centre=torch.from_numpy(read(self.centre)),
            joints=torch.from_numpy(read(self.joints)),
        )


def create_frame_set(folder: Path, frames: int, views: int, region_size: int, joints: int) -> FrameSet:
    """Make a frame set on disk, to be filled in place: all zeros, nothing valid or labelled.

    Args:
        folder: Where the arrays go.
        frames: Number of frames N.
        views: Number of cameras V.
        region_size: Side R of the windows in pixels.
        joints: Number of joints J.

    Raises:
        UserError: The folder cannot be written or the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {
            name: create_array(folder / f"{name}.npy", dtype, shape)
            for name, (shape, dtype) in array_specs(frames, views, region_size, joints).items()
        }
    except OSError as error:
        raise UserError(
            f"cannot write frames to {folder}: {error.strerror}; free some space or choose another --out "
            "folder"
        ) from error
    return FrameSet(**arrays)


def create_array(path: Path, dtype: str, shape: tuple[int, ...]) -> np.memmap[Any, Any]:
    """Make an array of zeros on disk, to be filled in place; its space is reserved.

    On a full disk, what is written to memory-mapped pages without space ends a process (SIGBUS).

    Raises:
        OSError: It cannot be written.
    """
    array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    if hasattr(os, "posix_fallocate"):  # not on macOS
        with open(path, "rb+") as file:
            os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)
    return array


def open_frame_set(folder: Path, writable: bool = False, version: int = FORMAT_VERSION) -> FrameSet:
    """Open a frame set that `create_frame_set` made, perhaps that of an older store.

    Args:
        folder: Folder of the arrays.
        writable: Whether what is written to them goes to the files.
        version: Format version of the store; what came later may be missing, see `SINCE_VERSION`.

    Raises:
        UserError: An array is missing, unreadable, or does not fit the others.
    """
    # "c" (copy on write) gives torch a writable buffer while the file stays as it is.
    mode: Literal["r+", "c"] = "r+" if writable else "c"
    arrays: dict[str, np.ndarray] = {}
    for name in array_specs(0, 0, 0, 0):
        path = folder / f"{name}.npy"
        if SINCE_VERSION.get(name, 1) > version and not path.exists():
            frames, views = arrays["depth"].shape[:2]
            shape, dtype = array_specs(frames, views, 0, 0)[name]
            arrays[name] = np.full(shape, name != "left", dtype)
            continue
        try:
            arrays[name] = map_array(path, mode)
        except UserError as error:
            raise UserError(f"{error}; or make the store again") from error
    _check_shapes(folder, arrays)
    return FrameSet(**arrays)


def _check_shapes(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    """Refuse arrays of different frame sets in one folder."""
    depth, joints = arrays["depth"], arrays["joints"]
    if depth.ndim == 4 and joints.ndim == 4:
        specs = array_specs(len(depth), depth.shape[1], depth.shape[2], joints.shape[2])
        wrong = [
            name for name, (shape, dtype) in specs.items()
            if (arrays[name].shape, arrays[name].dtype) != (shape, np.dtype(dtype))
        ]  # fmt: skip
        if not wrong:
            return
        name = wrong[0]
    else:
        name = "depth" if depth.ndim != 4 else "joints"
    raise UserError(
        f"{folder / name}.npy has shape {arrays[name].shape} of {arrays[name].dtype}, which does not fit the "
        "arrays beside it; make the store again"
    )


def spread_rows(count: int, limit: int) -> np.ndarray:
    """Choose at most `limit` of `count` frames, spread evenly."""
    return np.arange(limit) * count // limit if limit < count else np.arange(count)
