"""Checksums of a store's arrays: written when it is made, compared when somebody asks."""

import hashlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from murauer.errors import UserError


def checksums(folder: Path, sets: Iterable[str]) -> dict[str, str]:
    """SHA-256 of every array of some frame sets, by the file's place in the store.

    Raises:
        UserError: A file cannot be read.
    """
    files = sorted(path for name in sets for path in (folder / name).glob("*.npy"))
    try:
        # Threads are enough: hashing and reading leave Python's lock to the others.
        with ThreadPoolExecutor() as pool:
            return dict(
                zip(
                    (path.relative_to(folder).as_posix() for path in files),
                    pool.map(file_checksum, files),
                    strict=True,
                )
            )
    except OSError as error:
        raise UserError(f"cannot read {error.filename}: {error.strerror}") from error


def verify(folder: Path, expected: Mapping[str, str]) -> int:
    """Compare the arrays of a store with its checksums.

    Args:
        folder: Folder of the store.
        expected: Its checksums, as its manifest has them.

    Returns:
        The number of files compared.

    Raises:
        UserError: A file is missing or is not what was written, or the store has no checksums.
    """
    if not expected:
        raise UserError(
            f"{folder} is of a format version without checksums; make the store again to have them"
        )
    found = checksums(folder, sorted({file.split("/")[0] for file in expected}))
    for file, digest in expected.items():
        if file not in found:
            raise UserError(f"{folder / file} is missing; copy it again or make the store again")
        if found[file] != digest:
            raise UserError(
                f"{folder / file} is damaged: its checksum is not the one in {folder / 'recording.json'}; "
                "copy it again or make the store again"
            )
    return len(expected)


def file_checksum(path: Path) -> str:
    """SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
