"""Errors of a model on a set of a store, with their conditions: crop centres, cube, frames left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor

from murauer.errors import UserError
from murauer.evaluation.metrics import PoseMetrics, joint_errors, metrics_table, pose_metrics
from murauer.files import file_digest
from murauer.geometry.skeletons import convert, find_skeleton
from murauer.inference.frames import predict_frames
from murauer.nets.deployed import AnyNetwork
from murauer.nets.model_file import load_model, model_path, read_metadata
from murauer.provenance import PROVENANCE, Provenance, decode_provenance, provenance
from murauer.store.manifest import CENTRES, CentreKind, data_digest
from murauer.store.store import Store
from murauer.store.summary import counted, joints_missing
from murauer.training.device import CPU

SMALL_CUBE = 5 / 6
"""Side of the cube that many take for NYU's second, smaller test person, as a share of the usual one."""


@dataclass(frozen=True, eq=False)
class Scores:
    """Predicted joints of M frames of a set, compared with their labels.

    Attributes:
        rows: Indices of the frames in the set, shape (M,).
        joints: Predicted, in mm, camera coordinates, shape (M, J, 3).
        truth: Likewise, as labelled; NaN where not.
        errors: Distances in mm, shape (M, J) float64; NaN where not labelled.
        metrics: Their statistics, also by person.
    """

    rows: np.ndarray
    joints: Tensor
    truth: Tensor
    errors: Tensor
    metrics: PoseMetrics


@dataclass(frozen=True, eq=False)
class SplitResult:
    """What a model achieves on a set, and under which conditions.

    Attributes:
        split: Name of the set.
        metrics: Over its usable labelled frames, also by person.
        centres: Where the crop centres come from, a key of `CENTRES`.
        cube_mm: Side of the hand cube in mm.
        small_cube_person: Whose cube was `SMALL_CUBE` of that; None for nobody's.
        unusable: Frames left out because their image is corrupt or shows no hand.
        unlabelled: Frames left out because none of their joints is known.
        incomplete: How many of the frames in `metrics` lack the label of each joint, by its name.
        made: Where it comes from.
    """

    split: str
    metrics: PoseMetrics
    centres: CentreKind
    cube_mm: float
    small_cube_person: int | None
    unusable: int
    unlabelled: int
    incomplete: dict[str, int]
    made: Provenance

    def to_dict(self) -> dict[str, Any]:
        """Give plain numbers for JSON: those of `PoseMetrics.to_dict`, and the conditions."""
        person = self.small_cube_person
        return self.metrics.to_dict() | {
            "split": self.split,
            "centres": self.centres,
            "cube_mm": self.cube_mm,
            "small_cube": None if person is None else {"person": person, "mm": self.cube_mm * SMALL_CUBE},
            "frames_left_out": {"unusable": self.unusable, "unlabelled": self.unlabelled},
            "frames_without_joint": self.incomplete,
            PROVENANCE: msgspec.to_builtins(self.made),
        }

    def conditions(self) -> str:
        """Say in a line what to compare with equal results only."""
        cube = f"cube {self.cube_mm:g} mm"
        if self.small_cube_person is not None:
            cube += f", {self.cube_mm * SMALL_CUBE:g} mm for person {self.small_cube_person}"
        parts = [f"crop centre: {CENTRES[self.centres]}", cube]
        if self.unusable or self.unlabelled:
            parts.append(
                f"left out: {self.unusable} unusable and {self.unlabelled} unlabelled {self.split} frames"
            )
        if self.incomplete:
            parts.append(f"frames whose label lacks a joint: {counted(self.incomplete)}")
        return "; ".join(parts)

    def table(self) -> str:
        """Lay everything out as text for a terminal."""
        return f"{metrics_table(self.metrics)}\n\n{self.conditions()}"


def evaluate_split(
    model: Path,
    store: Store,
    split: str,
    small_cube_person: int | None = None,
    device: torch.device = CPU,
) -> SplitResult:
    """Predict the first camera's frames of a set around the recorded centres, and compare with the labels.

    Args:
        model: File or run folder.
        store: The data.
        split: Name of a set of real frames.
        small_cube_person: Number of a person whose cube is `SMALL_CUBE` of the store's.
        device: Where the network computes.

    Raises:
        UserError: The model cannot be loaded, or as for `score_network`.
    """
    network, config = load_model(model, device)
    scores = score_network(network, config.skeleton, store, split, small_cube_person)
    frames, usable = store.require(split), store.require(split).usable_rows(0)
    return SplitResult(
        split=split,
        metrics=scores.metrics,
        centres=store.centre_kind(split),
        cube_mm=store.cube_mm,
        small_cube_person=small_cube_person,
        unusable=len(frames) - len(usable),
        unlabelled=len(usable) - len(scores.rows),
        incomplete=joints_missing(scores.truth.numpy(), store.skeleton),
        made=made_from(store, {"model": model_path(model)}, device),
    )


def made_from(store: Store, models: Mapping[str, Path], device: torch.device = CPU) -> Provenance:
    """The provenance of what is measured of models on a store, with the seeds and configs of their trainings.

    Args:
        store: The data.
        models: Files of the models by what they are called.
        device: Where their networks compute.

    Raises:
        UserError: A model is damaged.
    """
    told = {name: read_metadata(path) for name, path in models.items()}
    trained = {
        name: decode_provenance(own.get(PROVENANCE), models[name]) or Provenance()
        for name, own in told.items()
    }
    return provenance(
        device,
        data=data_digest(store.folder),
        inputs={name: file_digest(path) for name, path in models.items()},
        seed={name: own.seed if isinstance(own.seed, int) else None for name, own in trained.items()},
        config={name: own.config for name, own in trained.items()},
    )


def score_network(
    network: AnyNetwork, skeleton: str, store: Store, split: str, small_cube_person: int | None = None
) -> Scores:
    """Predict the labelled frames of a set, and compare; arguments as for `evaluate_split`.

    Args:
        network: f, m and p, in evaluation mode.
        skeleton: Name of the joints that it predicts.
        store: The data.
        split: Name of the set.
        small_cube_person: See `evaluate_split`.

    Raises:
        UserError: The joints cannot be converted to the store's, there is no such set, none of its frames
            has a label, or it does not show that person.
    """
    frames, rows = store.require(split), scored_rows(store, split)
    person = frames.person[rows]
    small = np.zeros(len(rows), bool) if small_cube_person is None else person == small_cube_person
    if small_cube_person is not None and not small.any():
        seen = ", ".join(map(str, np.unique(person).tolist()))
        raise UserError(
            f"person {small_cube_person} is not in the {split} frames of {store.folder}; there are {seen}"
        )
    predicted = np.empty((len(rows), len(find_skeleton(skeleton)), 3), np.float32)
    for chosen, scale in ((~small, 1.0), (small, SMALL_CUBE)):
        if chosen.any():
            cube_mm = scale * store.cube_mm
            predicted[chosen] = predict_frames(network, frames, cube_mm, rows=rows[chosen])
    return score(store, split, rows, torch.from_numpy(convert(predicted, skeleton, store.skeleton.name)))


def scored_rows(store: Store, split: str) -> np.ndarray:
    """The usable frames of a set that have labels.

    Raises:
        UserError: There is no such set, or it has none.
    """
    rows = store.require(split).usable_rows(0, labelled=True)
    if not len(rows):
        raise UserError(
            f"the {split} frames of {store.folder} have no labels to compare with; choose another "
            "--split, or let 'murauer predict' find their joints"
        )
    return rows


def score(store: Store, split: str, rows: np.ndarray, joints: Tensor) -> Scores:
    """Compare joints (M, J, 3) in mm, of the store's skeleton, with the labels of some frames of a set."""
    frames = store.require(split)
    truth = torch.from_numpy(np.array(frames.joints[rows, 0]))
    errors = joint_errors(joints, truth)
    metrics = pose_metrics(errors, store.skeleton.joints, person_names(store, frames.person[rows]))
    return Scores(rows, joints, truth, errors, metrics)


def person_names(store: Store, persons: np.ndarray) -> list[str] | None:
    """Name the person in each frame: by whether training has seen them, or by number; None if unknown.

    Args:
        store: Tells which persons training has not seen.
        persons: Number of the person in each frame, -1 where unknown, shape (N,).
    """
    if (persons < 0).any():
        return None
    if store.unseen_persons:
        return ["unseen" if person in store.unseen_persons else "seen" for person in persons.tolist()]
    return [f"person {person}" for person in persons.tolist()] if len(np.unique(persons)) > 1 else None
