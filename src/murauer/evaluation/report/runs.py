"""The finished trainings that a report is about."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from murauer.config import Config
from murauer.data.recording import Recording
from murauer.errors import UserError
from murauer.evaluation.frames import predict_frames
from murauer.evaluation.metrics import PoseMetrics, joint_errors
from murauer.nets.network import HandPoseNetwork
from murauer.training.checkpoint import load_model
from murauer.training.sweep import METRICS_FILE
from murauer.training.variants import Variant, find_variant

BASELINE, FULL = "real_and_synth", "full"
"""The two variants that the paper's figures put side by side."""

AGREEMENT_MM = 0.05
"""Difference between a stored mean error and the model's own that arithmetic on another machine explains."""


@dataclass(frozen=True, eq=False)
class Run:
    """One trained model with the result that was measured for it.

    Attributes:
        name: of the variant.
        variant: what it was trained with.
        labels: number n of labelled real frames.
        seed: of the training.
        metrics: errors on the test split.
        network: in evaluation mode.
        config: of the training.
    """

    name: str
    variant: Variant
    labels: int
    seed: int
    metrics: PoseMetrics
    network: HandPoseNetwork
    config: Config

    @property
    def title(self) -> str:
        """Name in tables and figures."""
        return self.variant.title


def load_runs(folders: Mapping[str, Path]) -> list[Run]:
    """Load models and their metrics.

    Args:
        folders: run folder by name of the variant.

    Raises:
        UserError: there is no run, or a file is missing, damaged or of another variant.
    """
    if not folders:
        raise UserError("a report needs at least one finished training; give a run folder")
    return [_load_run(name, folder) for name, folder in folders.items()]


def compared_runs(runs: Sequence[Run]) -> list[Run]:
    """Choose the runs to show side by side: Real&Synth and Full where both are there, else at most two."""
    chosen = [run for run in runs if run.name in (BASELINE, FULL)]
    chosen.sort(key=lambda run: run.name == FULL)
    return chosen if len(chosen) == 2 else list(runs[-2:])


def predict_test(run: Run, recording: Recording) -> np.ndarray:
    """Predict the test split, and make sure that this is the model whose metrics are reported.

    Returns:
        Joints in mm, shape (N, J, 3).

    Raises:
        UserError: the metrics are those of another model or recording.
    """
    predicted = predict_frames(run.network, recording.need("test"), recording.cube_mm)
    truth = torch.from_numpy(np.array(recording.need("test").joints[:, 0]))
    error = float(joint_errors(torch.from_numpy(predicted), truth).mean())
    if abs(error - run.metrics.mean_error_mm) > AGREEMENT_MM:
        raise UserError(
            f"{METRICS_FILE} of {run.name} says {run.metrics.mean_error_mm:.2f} mm but its model has "
            f"{error:.2f} mm on {recording.folder}; delete that file and evaluate again"
        )
    return predicted


def _load_run(name: str, folder: Path) -> Run:
    path = folder / METRICS_FILE
    try:
        stored = json.loads(path.read_text())
        variant, labels, seed = str(stored["variant"]), int(stored["n_labelled"]), int(stored["seed"])
        metrics = PoseMetrics.from_dict(stored["test"])
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; evaluate that run first") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged ({error!r}); delete it and evaluate that run again") from error
    if variant != name:
        raise UserError(f"{path} is of variant '{variant}', not '{name}'; give the folder of a {name} run")
    network, config = load_model(folder)
    return Run(name, find_variant(name), labels, seed, metrics, network, config)
