"""Checksums of a store's arrays, of their files and of the chunks of their depth, written when it is made."""

import hashlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from murauer.errors import UserError
from murauer.files import written_whole

DIGESTS_FILE = "depth_digests.npy"
"""SHA-256 of each chunk of the depth of a set, uint8, shape (C, 32)."""

CHUNK_BYTES = 1 << 20
"""Depth in a chunk: as many frames as fit, at least one; the head of the file counts to the first chunk."""

MEND = "copy it again or make the store again"


def checksums(folder: Path, sets: Iterable[str]) -> dict[str, str]:
    """SHA-256 of every array of some frame sets, by the file's place in the store.

    Writes the digests of the chunks of their depth, which are among these files.

    Raises:
        UserError: A file cannot be read or written.
    """
    names = sorted(sets)
    try:
        # Threads are enough: hashing and reading leave Python's lock to the others.
        with ThreadPoolExecutor() as pool:
            list(pool.map(write_depth_digests, [folder / name for name in names]))
            files = sorted(path for name in names for path in (folder / name).glob("*.npy"))
            places = (path.relative_to(folder).as_posix() for path in files)
            return dict(zip(places, pool.map(file_checksum, files), strict=True))
    except OSError as error:
        raise UserError(f"cannot read {error.filename}: {error.strerror}") from error


def write_depth_digests(folder: Path) -> None:
    """Write the digests of the chunks of a frame set's depth."""
    path = folder / "depth.npy"
    depth = np.load(path, mmap_mode="r")
    digests = [chunk_digest(path, depth, start) for start in range(0, len(depth), chunk_frames(depth))]
    table = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, hashlib.sha256().digest_size)
    with written_whole(folder / DIGESTS_FILE) as partial:
        np.save(partial, table)


def verify(folder: Path, expected: Mapping[str, str]) -> int:
    """Compare all arrays of a store with its checksums.

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
    for file, digest in expected.items():
        try:
            found = file_checksum(folder / file)
        except FileNotFoundError as error:
            raise UserError(f"{folder / file} is missing; {MEND}") from error
        except OSError as error:
            raise UserError(f"cannot read {folder / file}: {error.strerror}") from error
        if found != digest:
            raise UserError(
                f"{folder / file} is damaged: its checksum is not the one in {folder / 'recording.json'}; "
                f"{MEND}"
            )
    return len(expected)


def file_checksum(path: Path) -> str:
    """SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def chunk_frames(depth: np.ndarray) -> int:
    """Frames of a chunk of a set's depth."""
    return max(CHUNK_BYTES // max(depth[:1].nbytes, 1), 1)


def chunk_digest(path: Path, depth: np.ndarray, start: int) -> bytes:
    """SHA-256 of the chunk that begins at a frame; the first has the head of the file before it."""
    digest = hashlib.sha256()
    if start == 0:
        with open(path, "rb") as file:
            digest.update(file.read(path.stat().st_size - depth.nbytes))
    digest.update(np.ascontiguousarray(depth[start : start + chunk_frames(depth)]).data)
    return digest.digest()
