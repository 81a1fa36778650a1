"""The mini-batch, one set of tensors whose rows have names."""

from dataclasses import dataclass

from torch import Tensor

from murauer.geometry.crop import CropGeometry

REAL_ROWS = ("unlabelled_real", "labelled_real", "views_real")
"""Sets of real samples, which the mapping m is for."""

SYNTHETIC_ROWS = ("pairs", "synthetic", "views_synthetic", "unlabelled_synthetic")
"""Sets of synthetic samples; "pairs" show the poses of labelled real ones."""

INPUT_ROWS = (*REAL_ROWS, *SYNTHETIC_ROWS)
"""Sets that f is shown."""

POSED_ROWS = INPUT_ROWS[1:]
"""Sets that p is shown: all but the unlabelled real one, of which no loss needs the pose."""

TARGETS = {"views_real": "targets_real", "views_synthetic": "targets_synthetic"}
"""Sets of inputs of g, and those of what the other camera saw, which no other network is shown."""

ROW_ORDER = (*INPUT_ROWS, *TARGETS.values())
"""The order of all sets. Nothing relies on it but this module; all else asks for rows by name."""


@dataclass(frozen=True)
class Batch:
    """All samples of a mini-batch, or of a part of it.

    The sets are the paper's four (supplement), each with its two domains apart. Those of `rows` are the ones
    that the variant draws. "pairs" may be empty: not every labelled frame has a usable pair.

    Attributes:
        patch: Depth in [-1, 1], background +1, shape (N, 1, P, P).
        joints: Joints as the network is to predict them, in the frame of the patch, shape (N, J, 3).
        skeleton: Names them: the skeleton of the store.
        crop: Geometry that leads from the patches back to the camera.
        condition: Crop centre in mm as told to g, jittered for its inputs, shape (N, 3).
        rows: Which of the N samples are what, by the names in `ROW_ORDER`.
        labelled: Which of the rows `posed` have labels that count, indices, ascending, shape (n,). A mask
            would make the processor wait until a GPU has counted it.
        label_weight: How much each of those counts in the pose loss, shape (n,); None where all are alike.
        paired: Which of the rows "labelled_real" have a pair, in the order of the pairs, likewise.
        paired_views: Which of the rows "views_real" are labelled and shown by the same ones of
            "views_synthetic"; none but with the published code's views.
    """

    patch: Tensor
    joints: Tensor
    skeleton: str
    crop: CropGeometry
    condition: Tensor
    rows: dict[str, slice]
    labelled: Tensor
    label_weight: Tensor | None
    paired: Tensor
    paired_views: Tensor

    @property
    def centre(self) -> Tensor:
        """Crop centre in mm, camera coordinates, shape (N, 3)."""
        return self.crop.centre

    @property
    def inputs(self) -> slice:
        """The rows of `INPUT_ROWS`."""
        return span(self.rows, INPUT_ROWS)

    @property
    def real(self) -> slice:
        """The rows of `REAL_ROWS`."""
        return span(self.rows, REAL_ROWS)

    @property
    def posed(self) -> slice:
        """The rows of `POSED_ROWS`."""
        return span(self.rows, POSED_ROWS)


def span(rows: dict[str, slice], names: tuple[str, ...]) -> slice:
    """The rows from the first to the last of some sets that follow each other in `ROW_ORDER`."""
    own = [rows[name] for name in names if name in rows]
    return slice(own[0].start, own[-1].stop) if own else slice(0, 0)
