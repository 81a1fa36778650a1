"""Best and worst frames of a run, beside the nearest poses that it was trained with (Figs. S3 to S5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL.Image import Image
from torch import Tensor

from murauer.errors import UserError
from murauer.evaluation.figures.drawing import new_figure
from murauer.evaluation.figures.pictures import overlays, recorded_samples
from murauer.evaluation.runs import Predictions, Run
from murauer.evaluation.split import Scores
from murauer.store.store import Store

Measure = Literal["mean", "max"]
"""What frames are ranked by: the mean error of their joints, or that of the worst joint."""

DISPLAY_SIZE = 96
"""Side of the patches that pictures are made from, in pixels."""


@dataclass(frozen=True)
class TrainingPose:
    """A pose that a training had the label of.

    Attributes:
        split: "real" or "synthetic".
        row: Row of the frame in that set.
        view: The camera.
        distance_mm: Mean distance of its joints from those it was searched for, both about their centres.
    """

    split: str
    row: int
    view: int
    distance_mm: float


@dataclass(frozen=True, eq=False)
class RankedFrame:
    """One frame with pictures of what is true, what is predicted and what training knew.

    Attributes:
        row: Row of the frame in its split.
        error_mm: What it is ranked by.
        truth, prediction: Skeletons over its depth.
        nearest: The nearest training poses, the nearest first.
        nearest_pictures: These poses over the depth they were trained with.
    """

    row: int
    error_mm: float
    truth: Image
    prediction: Image
    nearest: Sequence[TrainingPose]
    nearest_pictures: Sequence[Image]


def frame_errors(scores: Scores, by: Measure = "mean") -> Tensor:
    """Error of each frame in mm, (M,), over its joints with a label."""
    return scores.errors.nanmean(dim=1) if by == "mean" else scores.errors.nan_to_num(-1.0).amax(dim=1)


def ranked_frames(
    run: Run,
    store: Store,
    split: str,
    predictions: Predictions,
    places: Sequence[int],
    *,
    by: Measure = "mean",
    neighbours: int = 1,
) -> list[RankedFrame]:
    """Make the pictures of the frames at some places of a ranking.

    Args:
        run: Whose predictions and training.
        store: The data.
        split: Split of the predictions.
        predictions: What the run predicts there.
        places: Places from 0, the best; negative ones from the worst, -1.
        by: What frames are ranked by.
        neighbours: How many of the nearest training poses are shown.
    """
    errors = frame_errors(predictions, by)
    chosen = errors.argsort(stable=True)[list(places)]
    rows = predictions.rows[chosen.numpy()]
    frames = store.require(split)
    samples = recorded_samples(frames, rows, 0, DISPLAY_SIZE, store.cube_mm)
    truth, predicted = predictions.truth[chosen], predictions.joints[chosen]
    poses = nearest_training_poses(run, store, frames.poses(rows), neighbours)
    pictures = [[_picture_of(pose, store) for pose in own] for own in poses]
    return [
        RankedFrame(int(row), float(error), *images)
        for row, error, *images in zip(
            rows,
            errors[chosen],
            overlays(samples, truth, store.skeleton),
            overlays(samples, predicted, store.skeleton),
            poses,
            pictures,
            strict=True,
        )
    ]


def nearest_training_poses(run: Run, store: Store, poses: Tensor, count: int = 1) -> list[list[TrainingPose]]:
    """Find, for each pose, the nearest of those whose labels a training used, the nearest first.

    Args:
        run: The training.
        store: What it was trained on.
        poses: Joints of right hands about their crop centre in mm, (K, J, 3).
        count: How many for each, as far as there are so many.

    Raises:
        UserError: The store has no frame that the training could have used.
    """
    sets: list[tuple[str, np.ndarray, int]] = []
    if run.variant.real and store.real is not None:
        sets.append(("real", run.labelled_rows(store), 0))
    if run.variant.synthetic and store.synthetic is not None:
        synthetic = store.synthetic
        sets += [
            ("synthetic", synthetic.usable_rows(view, labelled=True), view) for view in range(synthetic.views)
        ]
    best: list[list[TrainingPose]] = [[] for _ in poses]
    for split, rows, view in sets:
        frames = store.require(split)
        if not len(rows):
            continue
        known = frames.poses(rows, view)
        for index, pose in enumerate(poses):
            apart = (known - pose).norm(dim=-1).nanmean(dim=-1)  # over the joints that both have
            distances, places = apart.nan_to_num(torch.inf).topk(min(count, len(apart)), largest=False)
            found = [
                TrainingPose(split, int(rows[place]), view, distance)
                for place, distance in zip(places.tolist(), distances.tolist(), strict=True)
            ]
            best[index] = sorted(best[index] + found, key=lambda pose: pose.distance_mm)[:count]
    if not all(best):
        raise UserError(
            f"{store.folder} has none of the frames that {run.folder} was trained with; name its own "
            "store with --data"
        )
    return best


def ranked_figure(title: str, best: Sequence[RankedFrame], worst: Sequence[RankedFrame]) -> Figure:
    """Draw the best and the worst frames: truth, prediction, nearest training poses, a frame a column."""
    count = max(len(best), len(worst))
    neighbours = max(len(frame.nearest) for frame in (*best, *worst))
    # Several neighbours make columns so long that the two parts stand side by side.
    rows, columns = (2, 1) if neighbours == 1 else (1, 2)
    figure = new_figure(columns * (1.3 * count + 0.5), rows * 1.55 * (2 + neighbours))
    figure.suptitle(title, fontsize=10)
    parts = figure.subfigures(rows, columns, hspace=0.02, squeeze=False).flat
    for part, name, frames in zip(parts, ("best", "worst"), (best, worst), strict=True):
        grid = part.subplots(2 + neighbours, count, squeeze=False)
        for axes in grid.flat:
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        heads = [f"Ground truth\n({name} frames)", "Prediction", "Nearest\ntraining pose"]
        heads += [f"Neighbour {place}" for place in range(2, neighbours + 1)]
        for axes, head in zip(grid[:, 0], heads, strict=True):
            axes.set_ylabel(head, fontsize=8)
        for column, frame in zip(grid.T, frames, strict=False):
            images = (frame.truth, frame.prediction, *frame.nearest_pictures)
            for axes, image in zip(column, images, strict=False):
                axes.imshow(image)
            column[0].set_title(f"frame {frame.row}", fontsize=8)
            column[1].set_xlabel(f"error {frame.error_mm:.1f} mm", fontsize=8)
            for axes, pose in zip(column[2:], frame.nearest, strict=False):
                axes.set_xlabel(f"{pose.split}, {pose.distance_mm:.1f} mm", fontsize=8)
    return figure


def _picture_of(pose: TrainingPose, store: Store) -> Image:
    frames = store.require(pose.split)
    rows = np.array([pose.row])
    joints = torch.from_numpy(frames.joints[rows, pose.view])
    samples = recorded_samples(frames, rows, pose.view, DISPLAY_SIZE, store.cube_mm)
    (picture,) = overlays(samples, joints, store.skeleton)
    return picture
