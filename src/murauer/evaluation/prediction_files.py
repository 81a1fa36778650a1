"""The text files in which researchers exchange predictions and annotations: read and compare two of them.

Such a file has one line a frame with the coordinates of all its joints, separated by blanks or commas. Some
have the frame's file name in front. Three coordinate formats are in use:

* "uvd": pixel, pixel, mm; needs the camera.
* "xyz": camera coordinates in mm, y down.
* "xyz-y-up": camera coordinates in mm, y up, as the NYU dataset defines them.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor

from murauer.camera import CAMERAS, Camera, uvd_to_xyz
from murauer.errors import UserError
from murauer.evaluation.metrics import PoseMetrics, joint_errors, pose_metrics
from murauer.skeletons import SKELETONS, find_skeleton

JointFormat = Literal["uvd", "xyz", "xyz-y-up"]

NYU_TEST_FRAMES = 8252
NYU_SECOND_PERSON_FROM = 2440
"""Index of the first of NYU's test frames, counted from 0, that shows the second of its two persons."""


@dataclass(frozen=True, eq=False)
class JointFile:
    """What a text file of joints holds.

    Attributes:
        joints: camera coordinates in mm, y down, shape (N, J, 3) float64.
        names: file name of each frame; None if the lines have none.
    """

    joints: Tensor
    names: tuple[str, ...] | None


def evaluate_prediction_file(
    predictions: str | Path,
    ground_truth: str | Path,
    format: JointFormat = "uvd",
    camera: Camera | None = None,
    *,
    ground_truth_format: JointFormat | None = None,
    skeleton: str | None = None,
) -> PoseMetrics:
    """Compare a file of predicted joints with a file of annotated ones.

    The two persons of NYU's test set are reported apart when the files are recognised as that set (NYU's
    camera, its number of test frames and 14 joints).

    Args:
        predictions: Text file, one frame a line.
        ground_truth: Text file with the same frames and joints.
        format: How the coordinates of the predictions are meant.
        camera: The camera that took the frames; needed for "uvd".
        ground_truth_format: How those of the annotations are meant; as the predictions' by default.
        skeleton: Name of the skeleton for the names of the joints. By default the one with that many joints,
            and numbers where several have.

    Raises:
        UserError: If a file cannot be read, is empty or malformed, holds a number that is not finite, or the
            two do not have the same frames and joints.
    """
    predicted = read_joint_file(predictions, format, camera)
    truth = read_joint_file(ground_truth, ground_truth_format or format, camera)
    for what, axis in (("joints a frame", 1), ("frames", 0)):
        have, want = predicted.joints.shape[axis], truth.joints.shape[axis]
        if have != want:
            raise UserError(
                f"{predictions} has {have} {what} but {ground_truth} has {want}; both must describe the same "
                f"frames and joints in the same order"
            )
    for number, (name, other) in enumerate(zip(predicted.names or (), truth.names or (), strict=False)):
        if name != other:
            raise UserError(
                f"frame {number} is {name} in {predictions} but {other} in {ground_truth}; both must "
                f"describe the same frames in the same order"
            )
    return compare_joints(predicted.joints, truth.joints, camera, skeleton=skeleton)


def compare_joints(
    predicted: Tensor, truth: Tensor, camera: Camera | None = None, *, skeleton: str | None = None
) -> PoseMetrics:
    """Compare predicted joints with annotated ones as `evaluate_prediction_file` does.

    Args:
        predicted: (N, J, 3) in mm.
        truth: likewise.
        camera: The camera that took the frames, by which NYU's test set is recognised.
        skeleton: Name of the skeleton for the names of the joints.

    Raises:
        UserError: If the skeleton has another number of joints.
    """
    frames, joints = truth.shape[:2]
    persons = None
    if is_nyu_test_set(frames, joints, camera):
        persons = ["first" if frame < NYU_SECOND_PERSON_FROM else "second" for frame in range(frames)]
    return pose_metrics(joint_errors(predicted, truth), _joint_names(joints, skeleton), persons)


def is_nyu_test_set(frames: int, joints: int, camera: Camera | None) -> bool:
    """Recognise NYU's test set by its camera, its number of frames and the 14 evaluated joints."""
    return camera == CAMERAS["nyu"] and (frames, joints) == (NYU_TEST_FRAMES, 14)


def read_joints(path: str | Path, format: JointFormat, camera: Camera | None = None) -> Tensor:
    """Read a text file of joints as camera coordinates.

    Args:
        path: Text file, one frame a line.
        format: How its coordinates are meant.
        camera: Needed for "uvd".

    Returns:
        (N, J, 3) float64 in mm, y down.

    Raises:
        UserError: If the file cannot be read, is empty or malformed, or holds a number that is not finite.
    """
    return read_joint_file(path, format, camera).joints


def read_joint_file(path: str | Path, format: JointFormat, camera: Camera | None = None) -> JointFile:
    """Read a text file of joints with the frames' names, if it has them; see `read_joints`."""
    _check_format(path, format, camera)
    table, names = _parse_table(path)
    joints = table.unflatten(1, (-1, 3))
    if format == "uvd":
        assert camera is not None
        joints = uvd_to_xyz(joints, camera.intrinsics().double())
    elif format == "xyz-y-up":
        joints = joints * joints.new_tensor([1, -1, 1])
    return JointFile(joints, names)


def _check_format(path: str | Path, format: JointFormat, camera: Camera | None) -> None:
    if format not in get_args(JointFormat):
        raise UserError(f"unknown joint format {format!r}; use one of {', '.join(get_args(JointFormat))}")
    if format == "uvd" and camera is None:
        raise UserError(f"{path} in uvd coordinates needs a camera; name one (such as nyu)")


def _parse_table(path: str | Path) -> tuple[Tensor, tuple[str, ...] | None]:
    """Read lines of equally many finite numbers, a multiple of three, as (N, 3 J) float64, and their names.

    The first word of a line is the frame's name if it is no number; all lines have one, or none.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not a text file; expected one line of numbers a frame") from error
    rows: list[list[float]] = []
    names: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.replace(",", " ").split()
        if not words:
            continue
        named = not _is_number(words[0])
        if rows and named != bool(names):
            here, there = ("has a", "none") if named else ("has no", "one")
            raise UserError(f"{path}, line {number} {here} file name in front but the first line has {there}")
        if named:
            names.append(words.pop(0))
        try:
            row = [float(word) for word in words]
        except ValueError:
            bad = next(word for word in words if not _is_number(word))
            raise UserError(f"{path}, line {number}: {bad!r} is not a number") from None
        if not all(map(math.isfinite, row)):
            raise UserError(f"{path}, line {number} holds NaN or infinity; every coordinate must be finite")
        if len(row) % 3 or not row:
            raise UserError(f"{path}, line {number} has {len(row)} numbers; expected three a joint")
        if rows and len(row) != len(rows[0]):
            raise UserError(
                f"{path}, line {number} has {len(row)} numbers but the first line has {len(rows[0])}"
            )
        rows.append(row)
    if not rows:
        raise UserError(f"{path} is empty; expected one line of numbers a frame")
    return torch.tensor(rows, dtype=torch.float64), tuple(names) or None


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _joint_names(joints: int, skeleton: str | None) -> tuple[str, ...] | None:
    """Name the joints after the given skeleton or the only one of that size."""
    if skeleton is not None:
        chosen = find_skeleton(skeleton)
        if len(chosen) != joints:
            raise UserError(f"skeleton {skeleton} has {len(chosen)} joints, but the files have {joints}")
        return chosen.joints
    fitting = [candidate for candidate in SKELETONS.values() if len(candidate) == joints]
    return fitting[0].joints if len(fitting) == 1 else None
