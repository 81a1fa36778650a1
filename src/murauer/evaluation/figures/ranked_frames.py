"""Best and worst frames of a run, beside the nearest pose that it was trained with (Figs. 1, S3 to S5)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL.Image import Image
from torch import Tensor

from murauer.errors import UserError
from murauer.evaluation.figures.drawing import new_figure
from murauer.evaluation.figures.pictures import overlays, recorded_samples
from murauer.evaluation.runs import Predictions, Run
from murauer.store.store import Store

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
        error_mm: Mean over its joints.
        truth, prediction: Skeletons over its depth.
        nearest: The nearest training pose.
        nearest_picture: That pose over the depth it was trained with.
    """

    row: int
    error_mm: float
    truth: Image
    prediction: Image
    nearest: TrainingPose
    nearest_picture: Image


def ranked_frames(
    run: Run, store: Store, split: str, predictions: Predictions, places: Sequence[int]
) -> list[RankedFrame]:
    """Make the pictures of the frames at some places of the ranking by mean error.

    Args:
        run: Whose predictions and training.
        store: The data.
        split: Split of the predictions.
        predictions: What the run predicts there.
        places: Places from 0, the best; negative ones from the worst, -1.
    """
    frame_errors = predictions.errors.nanmean(dim=1)
    chosen = frame_errors.argsort(stable=True)[list(places)]
    rows = predictions.rows[chosen.numpy()]
    frames = store.require(split)
    samples = recorded_samples(frames, rows, 0, DISPLAY_SIZE, store.cube_mm)
    truth, predicted = predictions.truth[chosen], predictions.joints[chosen]
    poses = nearest_training_poses(run, store, frames.poses(rows))
    pictures = [_picture_of(pose, store) for pose in poses]
    return [
        RankedFrame(int(row), float(error), *images)
        for row, error, *images in zip(
            rows,
            frame_errors[chosen],
            overlays(samples, truth, store.skeleton),
            overlays(samples, predicted, store.skeleton),
            poses,
            pictures,
            strict=True,
        )
    ]


def nearest_training_poses(run: Run, store: Store, poses: Tensor) -> list[TrainingPose]:
    """Find, for each pose, the nearest of those whose labels a training used.

    Args:
        run: The training.
        store: What it was trained on.
        poses: Joints of right hands about their crop centre in mm, (K, J, 3).

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
    best: list[TrainingPose | None] = [None] * len(poses)
    for split, rows, view in sets:
        frames = store.require(split)
        if not len(rows):
            continue
        known = frames.poses(rows, view)
        for index, pose in enumerate(poses):
            apart = (known - pose).norm(dim=-1).nanmean(dim=-1)  # over the joints that both have
            distance, place = apart.nan_to_num(torch.inf).min(dim=0)
            found = best[index]
            if found is None or distance < found.distance_mm:
                best[index] = TrainingPose(split, int(rows[int(place)]), view, float(distance))
    if None in best:
        raise UserError(
            f"{store.folder} has none of the frames that {run.folder} was trained with; name its own "
            "store with --data"
        )
    return [pose for pose in best if pose is not None]


def ranked_figure(title: str, best: Sequence[RankedFrame], worst: Sequence[RankedFrame]) -> Figure:
    """Draw the best frames above the worst: truth, prediction, nearest training pose, one frame a column."""
    count = max(len(best), len(worst))
    figure = new_figure(1.3 * count + 0.5, 9.3)
    figure.suptitle(title, fontsize=10)
    parts = figure.subfigures(2, 1, hspace=0.02, squeeze=False)[:, 0]
    for part, name, frames in zip(parts, ("best", "worst"), (best, worst), strict=True):
        grid = part.subplots(3, count, squeeze=False)
        for axes in grid.flat:
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        heads = (f"Ground truth\n({name} frames)", "Prediction", "Nearest\ntraining pose")
        for axes, head in zip(grid[:, 0], heads, strict=True):
            axes.set_ylabel(head, fontsize=8)
        for column, frame in zip(grid.T, frames, strict=False):
            images = (frame.truth, frame.prediction, frame.nearest_picture)
            for axes, image in zip(column, images, strict=True):
                axes.imshow(image)
            column[0].set_title(f"frame {frame.row}", fontsize=8)
            column[1].set_xlabel(f"error {frame.error_mm:.1f} mm", fontsize=8)
            column[2].set_xlabel(f"{frame.nearest.split}, {frame.nearest.distance_mm:.1f} mm", fontsize=8)
    return figure


def _picture_of(pose: TrainingPose, store: Store) -> Image:
    frames = store.require(pose.split)
    rows = np.array([pose.row])
    joints = torch.from_numpy(frames.joints[rows, pose.view])
    samples = recorded_samples(frames, rows, pose.view, DISPLAY_SIZE, store.cube_mm)
    (picture,) = overlays(samples, joints, store.skeleton)
    return picture
