"""Files that list frames: the index of a frame on each line, and what one likes behind a #."""

from pathlib import Path

from murauer.errors import UserError
from murauer.text_files import read_lines, to_whole, without_comment


def read_rows(path: Path) -> list[int]:
    """Read the indices in their order.

    Raises:
        UserError: The file cannot be read, has a line that is no index, or none that is.
    """
    words = [without_comment(line) for _, line in read_lines(path)]
    try:
        rows = [to_whole(word) for word in words if word]
    except ValueError as error:
        raise UserError(f"cannot read a list of frames from {path}: {error}; one index a line") from error
    if not rows:
        raise UserError(f"{path} names no frame; write the index of a real frame, from 0, on each line")
    return rows
