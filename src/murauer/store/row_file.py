"""Files that list frames: the index of a frame on each line, and what one likes behind a #."""

from pathlib import Path

from murauer.errors import UserError


def read_rows(path: Path) -> list[int]:
    """Read the indices in their order.

    Raises:
        UserError: the file cannot be read, has a line that is no index, or none that is.
    """
    try:
        words = [line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
        rows = [int(word) for word in words if word]
    except OSError as error:
        raise UserError(f"cannot read a list of frames from {path}: {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"cannot read a list of frames from {path}: {error}; one index a line") from error
    if not rows:
        raise UserError(f"{path} names no frame; write the index of a real frame, from 0, on each line")
    return rows
