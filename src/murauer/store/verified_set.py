"""Frame sets that are compared with what was written, as they are read.

The depth is compared chunk by chunk, when a frame of a chunk is read for the first time in a process; the
other arrays, which are small, when the store is opened.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from murauer.errors import UserError
from murauer.foreign.arrays import load_array
from murauer.store.frame_set import FrameSet, Region
from murauer.store.integrity import DIGESTS_FILE, MEND, chunk_digest, chunk_frames, file_checksum


@dataclass(frozen=True)
class VerifiedFrameSet(FrameSet):
    """A frame set on disk whose depth is compared with its digests before it is used.

    Attributes:
        depth_file: File of the depth.
        digests: SHA-256 of each chunk, (C, 32).
        verified: Which chunks have been found to be right, bool, (C,).
    """

    depth_file: Path
    digests: np.ndarray
    verified: np.ndarray

    def windows(self, rows: np.ndarray, view: int | np.ndarray = 0) -> Region:
        """See `FrameSet.windows`.

        Raises:
            UserError: A chunk of them is not what was written.
        """
        chunks = np.asarray(rows) // chunk_frames(self.depth)
        for chunk in np.unique(chunks[~self.verified[chunks]]).tolist():
            self._verify(chunk)
        return super().windows(rows, view)

    def _verify(self, chunk: int) -> None:
        frames = chunk_frames(self.depth)
        start = chunk * frames
        if chunk_digest(self.depth_file, self.depth, start) != self.digests[chunk].tobytes():
            last = min(start + frames, len(self)) - 1
            raise UserError(f"{self.depth_file} is damaged in frames {start} to {last}; {MEND}")
        self.verified[chunk] = True


def verified(frames: FrameSet, folder: Path, expected: Mapping[str, str]) -> FrameSet:
    """Compare the small arrays of a frame set with its checksums, and see to it that its depth will be.

    Args:
        frames: As it was opened.
        folder: Its folder.
        expected: Checksums of the store's files; what is not there is not compared.

    Raises:
        UserError: An array is not what was written.
    """
    for file in (*(f"{name}.npy" for name in vars(frames) if name != "depth"), DIGESTS_FILE):
        digest, path = expected.get(f"{folder.name}/{file}"), folder / file
        if digest is not None and _checksum(path) != digest:
            raise UserError(f"{path} is damaged: its checksum is not the one in the manifest; {MEND}")
    if f"{folder.name}/{DIGESTS_FILE}" not in expected:
        return frames
    digests = load_array(folder / DIGESTS_FILE)
    known = np.zeros(len(digests), bool)
    checked = VerifiedFrameSet(
        **vars(frames), depth_file=folder / "depth.npy", digests=digests, verified=known
    )
    checked._verify(0)  # with the head of the file
    return checked


def _checksum(path: Path) -> str:
    """SHA-256 of a file, computed once a process unless the file changes."""
    try:
        state = path.stat()
        return _checksum_of(path, state.st_mtime_ns, state.st_size, state.st_ino)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; {MEND}") from error


@cache
def _checksum_of(path: Path, *_: int) -> str:
    return file_checksum(path)
