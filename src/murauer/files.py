"""Files that appear complete or not at all."""

import hashlib
import os
import platform
import re
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
    partial = path if direct else path.with_name(f".{path.stem}{_writer(os.getpid())}.partial{path.suffix}")
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


def _writer(pid: int | str) -> str:
    return f".{platform.node()}.{pid}"


def remove_leftovers(folder: Path) -> None:
    """Remove what processes of this machine that were killed have not written to the end.

    Args:
        folder: Where to look, and in the folders right in it.
    """
    named = re.compile(r"\..*" + re.escape(_writer("")) + r"(\d+)\.partial(\.[^.]*)?")
    for place in (folder, *(path for path in folder.iterdir() if path.is_dir())):
        for path in place.iterdir():
            found = named.fullmatch(path.name)
            if found and not Path(f"/proc/{found[1]}").exists():
                _remove(path)


class LineFile:
    """A text to which lines are only added, each whole or not at all; a context manager.

    Args:
        path: Made if need be.

    Attributes:
        lines: Those that were there, without their ends.
        torn: What a kill or a power cut left of a last one; see `drop_torn`.

    Raises:
        UserError: It cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            # Unbuffered: after a failure nothing waits to be written all the same.
            self._file = open(path, "a+b", buffering=0)  # noqa: SIM115 - closed by `close`
        except OSError as error:
            raise UserError(f"cannot write {path}: {error.strerror}; make the folder writable") from error
        self._file.seek(0)
        text = self._file.read()
        self.lines = text[: text.rfind(b"\n") + 1].splitlines()
        self.torn = text[text.rfind(b"\n") + 1 :]

    def __enter__(self) -> "LineFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """There is nothing left to save."""
        self._file.close()

    def drop_torn(self) -> None:
        """Remove what was not written to its end."""
        if self.torn:
            os.ftruncate(self._file.fileno(), self._file.seek(0, os.SEEK_END) - len(self.torn))
            self.torn = b""

    def append(self, line: bytes, *, safe: bool = True) -> None:
        """Add a line.

        Args:
            line: Without its end.
            safe: Whether it survives a power cut when this returns.

        Raises:
            UserError: It cannot be written; the file is then as it was.
        """
        end = self._file.seek(0, os.SEEK_END)
        left = memoryview(line + b"\n")
        try:
            while left:
                left = left[self._file.write(left) or 0 :]
            if safe:
                os.fsync(self._file.fileno())
        except OSError as error:
            os.ftruncate(self._file.fileno(), end)
            raise UserError(
                f"cannot write {self.path}: {error.strerror}; the change was not made, free some space"
            ) from error


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
