"""The text files in which researchers exchange predictions and annotations.

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

from murauer.errors import UserError
from murauer.geometry.camera import Camera, uvd_to_xyz
from murauer.text_files import is_number, read_lines, split_numbers, to_coordinate

JointFormat = Literal["uvd", "xyz", "xyz-y-up"]


@dataclass(frozen=True, eq=False)
class JointFile:
    """What a text file of joints holds.

    Attributes:
        joints: Camera coordinates in mm, y down, shape (N, J, 3) float64.
        names: File name of each frame; None if the lines have none.
    """

    joints: Tensor
    names: tuple[str, ...] | None


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


def read_joint_file(
    path: str | Path, format: JointFormat, camera: Camera | None = None, *, incomplete: bool = False
) -> JointFile:
    """Read a text file of joints with the frames' names, if it has them; see `read_joints`.

    With `incomplete`, joints may be NaN, as long as each frame has one that is not: those without a label.
    """
    _check_format(path, format, camera)
    table, names = _parse_table(path, incomplete)
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


def _parse_table(path: str | Path, incomplete: bool) -> tuple[Tensor, tuple[str, ...] | None]:
    """Read lines of equally many finite numbers, a multiple of three, as (N, 3 J) float64, and their names.

    The first word of a line is the frame's name if it is no number; all lines have one, or none.
    """
    rows: list[list[float]] = []
    names: list[str] = []
    for number, line in read_lines(Path(path)):
        words = split_numbers(line)
        named = not is_number(words[0])
        if rows and named != bool(names):
            here, there = ("has a", "none") if named else ("has no", "one")
            raise UserError(f"{path}, line {number} {here} file name in front but the first line has {there}")
        if named:
            names.append(words.pop(0))
        try:
            row = [to_coordinate(word) for word in words]
        except ValueError as error:
            bad = next((f"{word!r} is not a number" for word in words if not is_number(word)), error)
            raise UserError(f"{path}, line {number}: {bad}") from None
        if not all(map(math.isfinite, row)) and not (incomplete and _has_a_joint(row)):
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


def _has_a_joint(row: list[float]) -> bool:
    """Whether some of the joints in a line are numbers, and all others NaN."""
    known = [all(map(math.isfinite, row[start : start + 3])) for start in range(0, len(row), 3)]
    return any(known) and not any(map(math.isinf, row))
