"""A store in which some hands are left ones: the mirror images of another store's right hands."""

import shutil
from pathlib import Path

import numpy as np

from changed_store import resealed
from murauer.store.frame_set import FrameSet, open_frame_set
from murauer.store.store import Store, open_store


def in_whole_steps(store: Store, folder: Path) -> Store:
    """Copy a store with principal points that a mirror takes there and back without rounding."""
    shutil.copytree(store.folder, folder)
    for name in store.sets:
        frames = open_frame_set(folder / name, writable=True)
        frames.intrinsics[..., 2] = np.round(frames.intrinsics[..., 2] * 64) / 64
        frames.flush()
    return open_store(resealed(folder))


def half_left(store: Store, folder: Path) -> Store:
    """Copy a store and mirror every other moment of all its sets, as if left hands had been recorded."""
    shutil.copytree(store.folder, folder)
    for name in store.sets:
        mirror_rows(open_frame_set(folder / name, writable=True), slice(1, None, 2))
    return open_store(resealed(folder))


def mirror_rows(frames: FrameSet, rows: slice) -> None:
    """Put the mirror images of some moments in their places."""
    frames.depth[rows] = frames.depth[rows][..., ::-1]
    frames.intrinsics[rows, :, 2] = frames.depth.shape[-1] - 1 - frames.intrinsics[rows, :, 2]
    frames.centre[rows, ..., 0] *= -1
    frames.joints[rows, ..., 0] *= -1
    frames.left[rows] = True
    frames.flush()
