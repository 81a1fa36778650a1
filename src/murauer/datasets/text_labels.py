"""Label files with one line an image: its name, then three coordinates a joint."""

from array import array
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import numpy as np

from murauer.errors import UserError
from murauer.text_files import numbered_lines, split_numbers, to_coordinate


@dataclass(frozen=True)
class NamedJoints:
    """Labels in the order of the file.

    Attributes:
        names: Names of the images as the file has them.
        joints: Coordinates as the file has them, float32, shape (N, J, 3).
    """

    names: tuple[str, ...]
    joints: np.ndarray


def read_named_joints(path: Path, joints: int) -> NamedJoints:
    """Read lines of a name and 3 J numbers, see `split_numbers`; empty lines do not count.

    Args:
        path: The file.
        joints: Number of joints J.

    Raises:
        UserError: The file is missing or empty, or a line has another number of numbers or something else.
    """
    names: list[str] = []
    numbers = array("f")  # grows without a Python object a number: HANDS17 has 60 million
    for line_number, line in numbered_lines(path):
        name, *words = split_numbers(line) or [""]
        if not name:
            continue
        if len(words) != 3 * joints:
            raise UserError(
                f"{path}, line {line_number} has {len(words)} numbers after the image's name; "
                f"expected {3 * joints}, three for each of {joints} joints"
            )
        names.append(name)
        numbers.extend(parse_numbers(words, path, line_number))
    if not names:
        raise UserError(f"{path} is empty; expected one line an image")
    return NamedJoints(tuple(names), np.frombuffer(numbers, np.float32).reshape(-1, joints, 3))


def parse_numbers(words: list[str], path: Path, line_number: int) -> list[float]:
    """Turn the words of a line into finite coordinates.

    Raises:
        UserError: A word is not a finite number; names file, line and word.
    """
    try:
        values = [to_coordinate(word) for word in words]
    except ValueError as error:
        raise UserError(f"{path}, line {line_number}: {error}") from error
    if not all(map(isfinite, values)):
        raise UserError(f"{path}, line {line_number} holds NaN or infinity; every coordinate must be finite")
    return values
