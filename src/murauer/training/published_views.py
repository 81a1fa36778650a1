"""What the view-prediction set of the published code shows, see `StepConfig.views`."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from murauer.errors import UserError
from murauer.store.frame_pool import FramePool, draw_rows
from murauer.store.store import Store

LABELLED_VIEWS = 0.3
"""Probability with which a sample is drawn from the labelled frames alone."""


@dataclass(frozen=True)
class PublishedViews:
    """Real frames that both cameras of the view pair saw, and whose pairs they saw where those are drawn.

    Attributes:
        moments: Their indices, shape (M,).
        labelled: Those of labelled ones, shape (L,).
        coordinates: Coordinates of a label, 3 J.
    """

    moments: np.ndarray
    labelled: np.ndarray
    coordinates: int

    @classmethod
    def of(
        cls, store: Store, real: FramePool, labelled_rows: np.ndarray, synthetic: bool
    ) -> "PublishedViews":
        """Find them.

        Args:
            store: The data.
            real: Its real frames.
            labelled_rows: Indices of the real frames whose labels may be used, shape (n,).
            synthetic: Whether synthetic pairs are drawn beside the real frames.

        Raises:
            UserError: There are none.
        """
        moments, pairs = real.pairs, store.pairs
        if synthetic and pairs is not None:
            moments = np.intersect1d(moments, FramePool.among(pairs, store.view_pair, labelled=True).pairs)
        if synthetic and (pairs is None or not len(moments)):
            raise UserError(
                f"{store.folder} has no synthetic pairs that two cameras saw, which training.step.views "
                '"published" is drawn from; set it to "paper"'
            )
        return cls(moments, np.intersect1d(moments, labelled_rows), 3 * len(store.skeleton))

    def draw(self, size: int, generator: Generator) -> tuple[np.ndarray, Tensor]:
        """Draw frames, shape (size,), and how much the label of each counts.

        The pose loss of the set is the mean of squares of its labelled frames times the size of the set.
        """
        moments = draw_rows(self.moments, size, generator)
        if len(self.labelled):
            chosen = torch.rand(size, generator=generator).numpy() < LABELLED_VIEWS
            moments = np.where(chosen, draw_rows(self.labelled, size, generator), moments)
        known = np.isin(moments, self.labelled)
        return moments, torch.from_numpy(known * (size / (max(known.sum(), 1) * self.coordinates))).float()
