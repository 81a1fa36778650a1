"""How much of a file or message is read at most, and what becomes of exceptions of those who decode it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from murauer.errors import UserError

MEBIBYTE = 2**20

MOST_TEXT = 1024 * MEBIBYTE
"""Of a text that is read as a whole: labels of a million images fill it."""

MOST_SETTINGS = 16 * MEBIBYTE
"""Of a file that a person may have written: a camera file, a config, what describes a store or a run."""

MOST_UNPACKED = 4096 * MEBIBYTE
"""Of arrays that are held in memory as a whole; half of what is free, if that is less."""

MOST_PIXELS = 2**25
"""Of one image: 8192 x 4096; depth cameras have a tenth."""

MOST_SIDE = 2**14
"""Pixels along a side of an image."""

LONGEST_REASON = 200
"""Characters of what a library says is wrong."""

MEMORY_FILE = Path("/proc/meminfo")


@contextmanager
def reading(where: str | Path, fault: str = "is damaged", mend: str = "copy it again") -> Iterator[None]:
    """Turn whatever is raised about foreign bytes into one sentence.

    Libraries that decode have dozens of unrelated exceptions for damaged input; all of them are told here.

    Args:
        where: The file, or what else the bytes come from.
        fault: What is wrong if they cannot be decoded.
        mend: What helps.

    Raises:
        UserError: Something was raised.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:  # Pillow's and PyAV's own may have none
            raise UserError(f"cannot read {where}: {error.strerror or error}") from error
        raise UserError(f"{where} {fault} ({reason(error)}); {mend}") from error


def reason(error: BaseException) -> str:
    """What an exception says, in one short line."""
    if isinstance(error, MemoryError):
        return "it needs more memory than there is"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    said = str(getattr(error, "strerror", None) or error)
    text = " ".join(said.split()).rstrip(".") or type(error).__name__
    return text if len(text) <= LONGEST_REASON else text[:LONGEST_REASON] + " ..."


def read_bytes(path: Path, most: int) -> bytes:
    """Read a file as a whole, which may be a pipe.

    Args:
        path: The file.
        most: Bytes that it may have.

    Raises:
        UserError: It cannot be read, or has more.
    """
    with reading(path), path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise UserError(f"{path} is larger than {in_words(most)}, the most that such a file may have")
    return content


def in_words(size: int) -> str:
    """A number of bytes as people write it."""
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size} bytes"


def check_pixels(width: int, height: int, where: str | Path) -> None:
    """Refuse images that are larger than any depth camera's.

    Raises:
        UserError: It has more pixels than `MOST_PIXELS`, or along a side than `MOST_SIDE`.
    """
    if width * height > MOST_PIXELS or max(width, height) > MOST_SIDE:
        raise UserError(
            f"{where} says that it is {width} x {height} pixels; images of depth cameras have at most "
            f"{MOST_SIDE} along a side and {MOST_PIXELS // 10**6} million in all"
        )


def most_unpacked() -> int:
    """Bytes that arrays from outside may fill now."""
    return min(MOST_UNPACKED, _free_memory() // 2)


def _free_memory() -> int:
    """Bytes that Linux says can be had without swapping; no limit where it does not say."""
    try:
        lines = MEMORY_FILE.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeError):
        return 2 * MOST_UNPACKED
    free = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return 1024 * int(free[0]) if free else 2 * MOST_UNPACKED
