"""How far estimated joints are from annotated ones, in the field's usual numbers.

Everything derives from one table: the Euclidean distance in mm of every joint in every frame. Its mean is the
number papers compare (the mean over frames and joints). The success curves say which share of frames has all
joints (the worst), or the average joint, under a threshold; and which share of joints is under it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

THRESHOLDS_MM = tuple(range(81))
"""Thresholds of the success curves, 0 to 80 mm in steps of 1 mm, as the literature plots them."""


@dataclass(frozen=True, eq=False)
class SuccessCurve:
    """Share of errors under each threshold.

    Attributes:
        shares: (T,) in [0, 1], one for each of THRESHOLDS_MM.
        area: Area under the curve over 0 to 80 mm as a share of the whole; exact, not a sum over thresholds.
    """

    shares: Tensor
    area: float

    @classmethod
    def of(cls, errors: Tensor) -> "SuccessCurve":
        """Count errors in mm, of any shape, without those that are NaN."""
        flat = errors[~errors.isnan()].sort().values
        thresholds = torch.tensor(THRESHOLDS_MM, dtype=flat.dtype, device=flat.device)
        below = torch.searchsorted(flat, thresholds)  # how many errors are strictly less
        return cls(below.double() / len(flat), float((1 - flat / THRESHOLDS_MM[-1]).clamp(min=0).mean()))

    def at(self, threshold_mm: int) -> float:
        """Return the share of errors under a threshold of 0, 1, ..., 80 mm."""
        return float(self.shares[THRESHOLDS_MM.index(threshold_mm)])


@dataclass(frozen=True, eq=False)
class PoseMetrics:
    """The error statistics of a set of frames; see the module's description.

    Attributes:
        frames: Number of frames.
        mean_error_mm: Mean over frames and joints of the distance in mm.
        median_error_mm: Median over frames and joints.
        max_error_mm: Largest distance of any joint in any frame.
        per_joint_mm: Mean distance of each joint by name; NaN for one that is labelled nowhere.
        frames_worst: Success curve of the worst joint of each frame.
        frames_mean: Success curve of the mean over each frame's joints.
        joints: Success curve of all joints.
        by_person: The same statistics for each person's frames, if the frames were told apart.
    """

    frames: int
    mean_error_mm: float
    median_error_mm: float
    max_error_mm: float
    per_joint_mm: dict[str, float]
    frames_worst: SuccessCurve
    frames_mean: SuccessCurve
    joints: SuccessCurve
    by_person: dict[str, "PoseMetrics"] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers for JSON; curves as lists over `thresholds_mm`."""
        curves = {"frames_worst": self.frames_worst, "frames_mean": self.frames_mean, "joints": self.joints}
        result: dict[str, Any] = {
            "frames": self.frames,
            "mean_error_mm": self.mean_error_mm,
            "median_error_mm": self.median_error_mm,
            "max_error_mm": self.max_error_mm,
            "per_joint_mm": {
                name: None if math.isnan(error) else error for name, error in self.per_joint_mm.items()
            },
            "thresholds_mm": list(THRESHOLDS_MM),
            **{f"{name}_under": curve.shares.tolist() for name, curve in curves.items()},
            **{f"{name}_area_80mm": curve.area for name, curve in curves.items()},
        }
        if self.by_person:
            result["by_person"] = {name: metrics.to_dict() for name, metrics in self.by_person.items()}
        return result

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "PoseMetrics":
        """Read back what `to_dict` returned.

        Raises:
            KeyError: If a number is missing.
        """

        def curve(name: str) -> SuccessCurve:
            return SuccessCurve(
                torch.tensor(values[f"{name}_under"], dtype=torch.float64), values[f"{name}_area_80mm"]
            )

        return cls(
            frames=values["frames"],
            mean_error_mm=values["mean_error_mm"],
            median_error_mm=values["median_error_mm"],
            max_error_mm=values["max_error_mm"],
            per_joint_mm={
                name: math.nan if error is None else error for name, error in values["per_joint_mm"].items()
            },
            frames_worst=curve("frames_worst"),
            frames_mean=curve("frames_mean"),
            joints=curve("joints"),
            by_person={name: cls.from_dict(own) for name, own in values.get("by_person", {}).items()},
        )


def joint_errors(predicted: Tensor, truth: Tensor) -> Tensor:
    """Return the Euclidean distances in mm, (N, J) float64, between joints (N, J, 3) in mm.

    Args:
        predicted: All of them finite.
        truth: NaN for joints without a label, whose distances are NaN.

    Raises:
        ValueError: If the shapes differ or are not (N, J, 3), or a prediction is not finite.
    """
    if predicted.shape != truth.shape or predicted.ndim != 3 or predicted.shape[-1] != 3:
        raise ValueError(
            f"expected predicted and true joints of one shape (N, J, 3), got {tuple(predicted.shape)} and "
            f"{tuple(truth.shape)}"
        )
    if not bool(torch.isfinite(predicted).all()) or bool(torch.isinf(truth).any()):
        raise ValueError("joints must be finite")
    return (predicted.double() - truth.double()).norm(dim=-1)


def pose_metrics(
    errors: Tensor, joint_names: Sequence[str] | None = None, persons: Sequence[str] | None = None
) -> PoseMetrics:
    """Summarise distances in mm.

    Args:
        errors: (N, J) as from `joint_errors`, at least one frame, and one joint that is not NaN in each.
        joint_names: J names; "0", "1", ... by default.
        persons: Name of the person in each of the N frames, to report each person as well.

    Raises:
        ValueError: If there is no frame, one without any label, or the numbers of names do not match.
    """
    frames, joints = errors.shape
    known = ~errors.isnan()
    names = [str(index) for index in range(joints)] if joint_names is None else list(joint_names)
    if frames == 0 or len(names) != joints or (persons is not None and len(persons) != frames):
        raise ValueError(
            f"expected errors of at least one frame with a name per joint and a person per frame, got "
            f"{frames} frames of {joints} joints, {len(names)} names and persons for "
            f"{'none' if persons is None else len(persons)}"
        )
    if not bool(known.any(dim=1).all()):
        raise ValueError("a frame has no labelled joint")
    indices: dict[str, list[int]] = {}
    for index, person in enumerate(persons or ()):
        indices.setdefault(person, []).append(index)
    return PoseMetrics(
        frames=frames,
        mean_error_mm=float(errors.nanmean()),
        median_error_mm=float(np.median(errors[known].cpu().numpy())),  # tensors take the lower of two
        max_error_mm=float(errors[known].max()),
        per_joint_mm=dict(zip(names, errors.nanmean(dim=0).tolist(), strict=True)),
        frames_worst=SuccessCurve.of(errors.nan_to_num(-1.0).amax(dim=1)),
        frames_mean=SuccessCurve.of(errors.nanmean(dim=1)),
        joints=SuccessCurve.of(errors),
        by_person={name: pose_metrics(errors[index], names) for name, index in indices.items()},
    )


def metrics_table(metrics: PoseMetrics) -> str:
    """Lay the statistics out as text for a terminal."""
    columns = {"all": metrics, **metrics.by_person}
    width = max(10, *(len(name) + 2 for name in columns))
    label_width = max(28, *(len(name) + 2 for name in metrics.per_joint_mm))

    def row(label: str, cells: Sequence[str]) -> str:
        return label.ljust(label_width) + "".join(cell.rjust(width) for cell in cells)

    def share_row(label: str, curves: Sequence[SuccessCurve], threshold: int) -> str:
        return row(label, [f"{100 * curve.at(threshold):.2f}" for curve in curves])

    every = list(columns.values())
    lines = [
        row("", list(columns)),
        row("frames", [str(m.frames) for m in every]),
        row("mean error (mm)", [f"{m.mean_error_mm:.3f}" for m in every]),
        row("median error (mm)", [f"{m.median_error_mm:.3f}" for m in every]),
        row("largest error (mm)", [f"{m.max_error_mm:.1f}" for m in every]),
        row("area under curve to 80 mm", [f"{m.frames_worst.area:.3f}" for m in every]),
        "",
        "frames (%) with the worst joint under",
        *(
            share_row(f"  {threshold} mm", [m.frames_worst for m in every], threshold)
            for threshold in (10, 20, 30, 40, 50)
        ),
        "",
        "mean error of each joint (mm)",
        *(
            row(f"  {name}", [_two_decimals(m.per_joint_mm[name]) for m in every])
            for name in metrics.per_joint_mm
        ),
    ]
    return "\n".join(lines)


def _two_decimals(error: float) -> str:
    return "–" if math.isnan(error) else f"{error:.2f}"
