"""The text files in which researchers exchange predictions and annotations: read and write them.

Such a file has one line a frame with the coordinates of all its joints, separated by blanks or commas. Some
have the frame's file name in front. Three coordinate formats are in use:

* "uvd": pixel, pixel, mm; needs the camera.
* "xyz": camera coordinates in mm, y down.
* "xyz-y-up": camera coordinates in mm, y up, as the NYU dataset defines them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor

from murauer.errors import UserError
from murauer.files import written_whole
from murauer.geometry.camera import Camera, uvd_to_xyz, xyz_to_uvd

JointFormat = Literal["uvd", "xyz", "xyz-y-up"]

DECIMALS = 4
"""Digits behind the point in files written here: a tenth of a micrometre, or of a thousandth of a pixel."""


@dataclass(frozen=True, eq=False)
class JointFile:
    """What a text file of joints holds.

    Attributes:
        joints: camera coordinates in mm, y down, shape (N, J, 3) float64.
        names: file name of each frame; None if the lines have none.
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


def write_joints(
    path: str | Path,
    joints: Tensor,
    format: JointFormat,
    camera: Camera | None = None,
    names: Sequence[str] | None = None,
) -> None:
    """Write joints as others' evaluation scripts read them: one frame a line, blanks between the numbers.

    Args:
        path: Text file; complete or not at all.
        joints: (N, J, 3) camera coordinates in mm, y down.
        format: How to write the coordinates.
        camera: Needed for "uvd".
        names: File name of each frame, without blanks, to be written in front of its line.

    Raises:
        UserError: If a coordinate is not finite, a name would be taken for a number or for two words, or the
            file cannot be written.
        ValueError: If the number of names is another than that of the frames.
    """
    _check_format(path, format, camera)
    values = joints.double()
    if format == "uvd":
        assert camera is not None
        values = xyz_to_uvd(values, camera.intrinsics().double())
    elif format == "xyz-y-up":
        values = values * values.new_tensor([1, -1, 1])
    if not bool(torch.isfinite(values).all()):
        frame = int((~torch.isfinite(values)).flatten(1).any(dim=1).nonzero()[0])
        raise UserError(f"cannot write {path}: frame {frame} has a joint that is not finite")
    for name in names or ():
        if len(name.replace(",", " ").split()) != 1 or _is_number(name):
            raise UserError(f"cannot write {path}: {name!r} is no file name without blanks and commas")
    lines = [" ".join(f"{value:.{DECIMALS}f}" for value in row) for row in values.flatten(1).tolist()]
    if names is not None:
        lines = [f"{name} {line}" for name, line in zip(names, lines, strict=True)]
    with written_whole(path) as partial:
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")


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
