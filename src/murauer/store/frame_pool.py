"""The usable frames of a set, and how training draws from them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator

from murauer.errors import UserError
from murauer.store.frame_set import FrameSet
from murauer.store.store import Store


@dataclass(frozen=True)
class FramePool:
    """What can be drawn from a set.

    Attributes:
        frames: The set, N frames of V cameras.
        usable: Which images can be drawn, shape (N, V).
        first: Frames that the first camera saw, shape (M,).
        any_camera: Frames that some camera saw, shape (M',).
        pairs: Frames that both cameras of the store's view pair saw; empty without a pair.
    """

    frames: FrameSet
    usable: np.ndarray
    first: np.ndarray
    any_camera: np.ndarray
    pairs: np.ndarray

    @classmethod
    def of(cls, store: Store, name: str, labelled: bool = False) -> "FramePool":
        """Collect the usable frames of a set.

        Args:
            store: The data.
            name: Name of the set.
            labelled: Whether only those with known joints; otherwise labels are not looked at.

        Raises:
            UserError: The set is missing or has no such frame of its first camera.
        """
        pool = cls.among(store.require(name), store.view_pair, labelled)
        if not len(pool.first):
            kind = "usable labelled" if labelled else "usable"
            raise UserError(f"{store.folder / name} has no {kind} frame of its first camera")
        return pool

    @classmethod
    def among(cls, frames: FrameSet, pair: tuple[int, int] | None, labelled: bool = False) -> "FramePool":
        """Collect the usable frames among some, seen by a store with that view pair."""
        usable = frames.valid & frames.labelled[:, None] if labelled else np.array(frames.valid)
        two = pair is not None and max(pair) < frames.views
        return cls(
            frames=frames,
            usable=usable,
            first=np.flatnonzero(usable[:, 0]),
            any_camera=np.flatnonzero(usable.any(axis=1)),
            pairs=np.flatnonzero(usable[:, pair].all(axis=1)) if two else np.zeros(0, int),
        )

    def draw(
        self, size: int, generator: Generator, all_cameras: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw images of the first camera, or of any: frames and cameras, shape (size,) each."""
        rows = draw_rows(self.any_camera if all_cameras else self.first, size, generator)
        views = self.frames.views if all_cameras else 1
        cameras = torch.randint(views, (size,), generator=generator).numpy()
        # In place of an unusable image comes that of the next camera.
        order = (cameras[:, None] + np.arange(views)) % views
        return rows, order[np.arange(size), self.usable[rows[:, None], order].argmax(axis=1)]


def draw_rows(rows: np.ndarray, size: int, generator: Generator) -> np.ndarray:
    """Draw from some indices with replacement, uniformly, shape (size,)."""
    return rows[torch.randint(len(rows), (size,), generator=generator).numpy()]
