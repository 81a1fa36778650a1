"""Files that appear complete or not at all."""

import hashlib
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from murauer.errors import UserError


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Write a file beside its place and move it there at the end, so that an older one survives a failure.

    Devices and pipes (`/dev/stdout`) cannot be replaced and are written directly.

    Args:
        path: Where the file is wanted. Its folder is made if need be.

    Yields:
        The path to write to.

    Raises:
        UserError: If it cannot be written: no space, no permission, a file in place of a folder.
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f"cannot write {path}: it is a folder; give the name of a file")
    direct = path.exists() and not path.is_file()
    # Writers of several machines may share a disk. Pillow and others choose the format by the suffix.
    writer = f"{platform.node()}.{os.getpid()}"
    partial = path if direct else path.with_name(f".{path.stem}.{writer}.partial{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        if not direct:
            with open(partial, "rb+") as file:
                os.fsync(file.fileno())
            os.replace(partial, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"cannot write {path}: {reason}; free some space or choose another place") from error
    finally:
        if not direct:
            _remove(partial)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:  # its folder is no folder, or is gone
        return


def file_digest(path: Path) -> str:
    """A short text that says what is in a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def as_utf8(name: str) -> str:
    """The name of a file as text that UTF-8 can hold, also where the locale could not decode its bytes."""
    return os.fsencode(name).decode("utf-8", "replace")
