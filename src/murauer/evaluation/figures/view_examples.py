"""What the view generator g makes of real and of synthetic input (Eq. 9, Fig. 7)."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from murauer.errors import UserError
from murauer.evaluation.figures.drawing import REAL_COLOUR, SYNTHETIC_COLOUR, new_figure, tidy
from murauer.evaluation.figures.pictures import patch_picture
from murauer.inference.frames import patches_for
from murauer.nets.deployed import AnyNetwork
from murauer.store.frame_set import FrameSet, spread_rows
from murauer.store.store import Store

HEAD_WIDTH = 18
"""Letters that fit above a picture."""


@dataclass(frozen=True, eq=False)
class ViewPredictions:
    """Patches of N frames, depth in [-1, 1] with background +1, shape (N, P, P) each.

    Attributes:
        input: What the first camera saw.
        predicted: What g says the other camera saw.
        truth: What the other camera saw; None where there was none.
    """

    input: Tensor
    predicted: Tensor
    truth: Tensor | None

    def errors(self) -> Tensor:
        """Mean absolute error of each prediction over its pixels, (N,), in units of half the cube.

        Raises:
            ValueError: The other camera's view is not known.
        """
        if self.truth is None:
            raise ValueError("there is no other camera to compare with")
        return (self.predicted - self.truth).abs().mean(dim=(1, 2))

    def constant_error(self) -> float:
        """Mean absolute error of the best picture that is the same for all frames: the pixelwise median.

        Raises:
            ValueError: The other camera's view is not known.
        """
        if self.truth is None:
            raise ValueError("there is no other camera to compare with")
        return float((self.truth - self.truth.median(dim=0).values).abs().mean())


@torch.no_grad()
def predict_views(
    network: AnyNetwork,
    frames: FrameSet,
    store: Store,
    rows: np.ndarray,
    *,
    real: bool,
) -> ViewPredictions:
    """Predict the other camera's view of some frames, told the unjittered crop centre.

    Args:
        network: A network trained with view prediction, in evaluation mode.
        frames: Frames of the store; the truth is known where they have the store's other view.
        store: Which camera is input and which is to be predicted, and the side of the cube.
        rows: Which frames.
        real: Whether m applies.
    """
    assert store.view_pair is not None, "see held_out_rows"
    first, second = store.view_pair
    inputs, predicted = [], []
    for patch, centre in patches_for(network, frames, store.cube_mm, rows, first):
        hidden = network.pose(network.latent(patch, real=real)).hidden
        inputs.append(patch[:, 0].cpu())
        predicted.append(network.view(hidden, centre)[:, 0].cpu())
    truth = None
    if frames.views > second:
        seen = patches_for(network, frames, store.cube_mm, rows, second)
        truth = torch.cat([patch[:, 0].cpu() for patch, _ in seen])
    return ViewPredictions(torch.cat(inputs), torch.cat(predicted), truth)


def held_out_rows(store: Store, limit: int) -> np.ndarray:
    """Validation frames seen by the first camera and by the one whose view is predicted, spread evenly.

    No training has seen them. Of NYU they are the test recording's, where camera 2 stands about where camera
    3 stood. Frames with a synthetic pair, if the store has any.

    Args:
        store: The data.
        limit: How many at most.

    Raises:
        UserError: The store has no such frame.
    """
    validation = store.require("validation")
    if store.view_pair is None or validation.views <= max(store.view_pair):
        raise UserError(
            f"the validation frames of {store.folder} are of one camera, so there is no other view to "
            "predict; use a store of two, or make it again if it was simulated by a former version"
        )
    rows = validation.usable_rows(*store.view_pair)
    if store.validation_pairs is not None:
        paired = np.intersect1d(rows, store.validation_pairs.usable_rows(store.view_pair[0]))
        rows = paired if len(paired) else rows
    if not len(rows):
        raise UserError(f"{store.folder} has no validation frame with two usable views")
    return rows[spread_rows(len(rows), limit)]


@dataclass(frozen=True, eq=False)
class ViewComparison:
    """What a network predicts for the same frames from real and from synthetic input.

    Attributes:
        real: From real input.
        synthetic: From the synthetic pairs; None where these frames have none.
    """

    real: ViewPredictions
    synthetic: ViewPredictions | None

    def known(self) -> dict[str, ViewPredictions]:
        """Of the two domains those whose true view is known, by name."""
        both = {"real": self.real, "synthetic": self.synthetic}
        return {name: views for name, views in both.items() if views is not None and views.truth is not None}

    def difference(self) -> Tensor | None:
        """Mean absolute difference of the two predictions of each frame, (N,); None without pairs."""
        if self.synthetic is None:
            return None
        return (self.real.predicted - self.synthetic.predicted).abs().mean(dim=(1, 2))


def compare_views(network: AnyNetwork, store: Store, rows: np.ndarray) -> ViewComparison:
    """Predict the other view of validation frames, and of their synthetic pairs where all have one."""
    real = predict_views(network, store.require("validation"), store, rows, real=True)
    pair, synthetic = store.validation_pairs, None
    assert store.view_pair is not None, "see held_out_rows"
    if pair is not None and pair.valid[rows, store.view_pair[0]].all():
        synthetic = predict_views(network, pair, store, rows, real=False)
    return ViewComparison(real, synthetic)


def view_figure(comparisons: Mapping[str, ViewComparison], examples: np.ndarray) -> Figure:
    """Draw inputs, the other camera's view, and what each network predicts of it (Fig. 7).

    Args:
        comparisons: By name of the network, of the same frames.
        examples: Which of these frames to show, indices into them.
    """
    columns = list(_columns(comparisons))
    figure = new_figure(1.15 * len(columns), 1.13 * len(examples) + 0.45)
    grid = figure.subplots(len(examples), len(columns), squeeze=False)
    for column, (heading, colour, patches) in enumerate(columns):
        grid[0, column].set_title(heading, fontsize=8)
        for axes, example in zip(grid[:, column], examples, strict=True):
            axes.imshow(patch_picture(patches[example]), interpolation="nearest")
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set(color=colour, linewidth=2)
    return figure


def view_error_figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw errors of predicted views as bars, one a run and domain of the input.

    Args:
        rows: `run`, `input`, `mean_absolute_error` and, where it was measured here, `best_constant_picture`,
            the error of the best picture that is the same for all frames; in the order to show them.
    """
    figure = new_figure(6.0, 0.32 * len(rows) + 1.2)
    axes = figure.add_subplot()
    for place, row in enumerate(rows):
        error, constant = row["mean_absolute_error"], row.get("best_constant_picture")
        colour = REAL_COLOUR if row["input"] == "real" else SYNTHETIC_COLOUR
        shown: dict[str, Any] = (
            {"color": colour} if constant is not None else {"color": "white", "edgecolor": "0.35"}
        )
        axes.barh(place, error, 0.7, **shown)
        axes.annotate(
            f"{error:.3f}", (error, place), (4, 0), textcoords="offset points", va="center", fontsize=8
        )
        if constant is not None:
            axes.plot([constant], [place], "|", color="#000000", markersize=14, mew=1.5)
    kinds = ["published" if row.get("best_constant_picture") is None else row["input"] for row in rows]
    texts = [f"{row['run']}, {kind}" for row, kind in zip(rows, kinds, strict=True)]
    axes.set_yticks(range(len(rows)), texts, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel(
        "Mean absolute error, depth in [-1, 1]\n(bars: predicted views; lines: best constant picture)"
    )
    tidy(axes)
    axes.grid(axis="y", visible=False)
    return figure


def _columns(comparisons: Mapping[str, ViewComparison]) -> Iterator[tuple[str, str, Tensor]]:
    """Give heading, colour of the domain and patches of each column."""
    first = next(iter(comparisons.values()))
    if first.synthetic is not None:
        yield "Synthetic\ninput", SYNTHETIC_COLOUR, first.synthetic.input
    yield "Real\ninput", REAL_COLOUR, first.real.input
    if first.real.truth is not None:
        yield "Real, other\ncamera", REAL_COLOUR, first.real.truth
    for name, comparison in comparisons.items():
        short = textwrap.fill(name, HEAD_WIDTH) if len(comparisons) > 1 else "Prediction"
        if comparison.synthetic is not None:
            yield f"{short}\nfrom synthetic", SYNTHETIC_COLOUR, comparison.synthetic.predicted
        yield f"{short}\nfrom real", REAL_COLOUR, comparison.real.predicted
