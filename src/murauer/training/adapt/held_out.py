"""Labels that an adaptation does not learn from, to say what it is worth."""

import numpy as np

from murauer.nets.dense_network import DenseHandPoseNetwork
from murauer.store.frame_set import Region
from murauer.store.store import Store
from murauer.training.base.testing import error_mm, stored_hands

FEWEST_LABELS = 8
"""Labels from which some are held out; fewer are all needed."""

EVERY = 4
"""Every so many labels one is held out."""


class HeldOut:
    """The labelled validation frames of a store, or some labels of its real frames if it has none.

    Args:
        store: With real frames.
        rows: Labelled real frames, indices, ascending.

    Attributes:
        rows: Those that are left to learn from.
        name: What is held out; empty if nothing is.
    """

    def __init__(self, store: Store, rows: np.ndarray) -> None:
        self.store, self.rows, self.name = store, rows, ""
        self._regions: list[Region] = []
        validation = store.validation
        if validation is not None and len(validation.usable_rows(0, labelled=True)):
            self._regions = stored_hands(store, "validation")
            self.name = "the validation frames"
        elif len(rows) >= FEWEST_LABELS:
            held = rows[EVERY - 1 :: EVERY]
            self.rows = np.setdiff1d(rows, held)
            self._regions = [store.require("real").regions(held)]
            self.name = f"{len(held)} labelled frames that it did not learn from"

    def error(self, network: DenseHandPoseNetwork) -> float | None:
        """Mean error of a network in mm; None if nothing is held out."""
        if not self._regions:
            return None
        store = self.store
        return float(error_mm(network, self._regions, store.skeleton.name, store.cube_mm).nanmean())
