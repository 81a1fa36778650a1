"""Frames as several runs see them, beside the truth (Fig. 1)."""

import textwrap
from collections.abc import Sequence

from matplotlib.figure import Figure

from murauer.evaluation.figures.drawing import new_figure
from murauer.evaluation.figures.pictures import overlays, recorded_samples
from murauer.evaluation.figures.ranked_frames import DISPLAY_SIZE, frame_errors
from murauer.evaluation.runs import Predictions
from murauer.store.store import Store

HEAD_WIDTH = 22
"""Letters that fit above a picture."""


def compared_figure(
    store: Store, split: str, predictions: Sequence[Predictions], chosen: Sequence[int], *, by_gain: bool
) -> Figure:
    """Draw one row a frame: the truth, and what each run predicts, with its error.

    Args:
        store: The data.
        split: Split of the predictions.
        predictions: Of the same frames, by all runs.
        chosen: Which of these frames to show, indices into them.
        by_gain: Whether they were chosen because the last run gains most on them; the title then says so.
    """
    first = predictions[0]
    samples = recorded_samples(store.require(split), first.rows[chosen], 0, DISPLAY_SIZE, store.cube_mm)
    columns = [
        overlays(samples, joints[chosen], store.skeleton)
        for joints in (first.truth, *(each.joints for each in predictions))
    ]
    figure = new_figure(1.9 * len(columns) + 0.3, 2.0 * len(chosen) + 0.9)
    means = ", ".join(f"{each.run.title} {each.metrics.mean_error_mm:.2f} mm" for each in predictions)
    title = f"Mean error of all {len(first.rows):,} {split} frames: {means}"
    if by_gain:
        title += f"; shown: those on which {predictions[-1].run.title} gains most"
    figure.suptitle(textwrap.fill(title, int(13 * figure.get_figwidth())), fontsize=8)
    grid = figure.subplots(len(chosen), len(columns), squeeze=False)
    heads = ["Ground truth", *(textwrap.fill(each.run.title, HEAD_WIDTH) for each in predictions)]
    errors = [frame_errors(each) for each in predictions]
    for axes, head in zip(grid[0], heads, strict=True):
        axes.set_title(head, fontsize=8)
    for row, place in enumerate(chosen):
        texts = [f"frame {first.rows[place]}", *(f"error {float(own[place]):.1f} mm" for own in errors)]
        for axes, pictures, text in zip(grid[row], columns, texts, strict=True):
            axes.imshow(pictures[row])
            axes.set_xlabel(text, fontsize=8)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
    return figure
