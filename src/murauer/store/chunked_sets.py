"""Frame sets made chunk by chunk, by several processes or machines, and further where a kill stopped them.

A set is one memory-mapped file for each array, which processes of one machine can fill together but machines
cannot. So a machine that does a shard leaves each chunk as a file, and the call for everything puts these
into the sets and makes what is missing. Beside the sets there is a note for each finished chunk: a chunk with
a note is on disk.
"""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np

from murauer.chunks import WHOLE, Shard, work_through
from murauer.errors import UserError
from murauer.files import written_whole
from murauer.foreign.arrays import load_archive
from murauer.foreign.documents import convert_json
from murauer.locks import LOCK_FILE, locked, remove_lock
from murauer.progress import Progress
from murauer.store.frame_set import create_frame_set, open_frame_set

NOTES = "finished_chunks"
SETTINGS_FILE = "settings.json"

Job = tuple[str, int, int]
"""A chunk: the set, its first frame and the one after its last."""


class ChunkMaker(Protocol):
    """Makes chunks; one per process."""

    def chunk(self, set_name: str, start: int, stop: int) -> tuple[dict[str, np.ndarray], list[Any]]:
        """Make some frames of a set, which depend on the arguments alone.

        Returns:
            The arrays of a frame set by name, see `FrameSet`; and what else is worth knowing, as JSON has it.
        """
        ...


@dataclass(frozen=True)
class ChunkedSets:
    """Frame sets that are made chunk by chunk.

    Attributes:
        folder: Where they are made, with the notes on finished chunks.
        sizes: Number of frames and of cameras of each set, by name.
        region_size: Side of the windows in pixels.
        joints: Number of joints.
        chunk: Frames of a chunk: the unit of work, and the most that a kill costs each process.
        identity: All that the frames depend on, as JSON has it.
    """

    folder: Path
    sizes: Mapping[str, tuple[int, int]]
    region_size: int
    joints: int
    chunk: int
    identity: Any

    def fill(
        self,
        make: Callable[[], ChunkMaker],
        task: str,
        workers: int | None = None,
        shard: Shard | None = None,
    ) -> None:
        """Complete the sets, with the chunks that are there already and those that are not.

        Args:
            make: Makes what makes chunks, in each process; must survive pickling.
            task: What is being done, for the progress display.
            workers: Processes; all cores by default. The result does not depend on it.
            shard: Leave only its chunks, for a call without one on this or another machine to put in.

        Raises:
            UserError: The folder cannot be written, or holds a part of something else. Without a shard,
                what one machine alone left of that is replaced.
        """
        self._claim(replace=shard is None)
        done = self._noted()
        if shard is None:
            done -= self._left_by_shards()
            if not done:
                for name, (frames, views) in self.sizes.items():
                    create_frame_set(self.folder / name, frames, views, self.region_size, self.joints)
        chunks = [
            (name, start, min(start + self.chunk, frames))
            for name, (frames, _) in self.sizes.items()
            for start in range(0, frames, self.chunk)
        ]
        jobs = (shard or WHOLE).of(chunks)
        left = [job for job in jobs if self.note_file(job).stem not in done]
        images, waiting = (sum(map(self.images, some)) for some in (jobs, left))
        with Progress(task, images, start=images - waiting, unit="image") as progress:
            work_through(partial(_Leave if shard else _Fill, self, make), left, progress, workers)

    def finish(self, place: Path) -> None:
        """Put the folder, complete now, in its place, over an older store if there is one."""
        if place.exists():
            shutil.rmtree(place)
        os.replace(self.folder, place)
        remove_lock(place)
        shutil.rmtree(place / NOTES)

    @staticmethod
    def tidy(place: Path) -> None:
        """Remove the notes that a kill has left in a store, after it was put in its place."""
        if (place / NOTES).exists():
            with locked(place):
                shutil.rmtree(place / NOTES)

    def notes(self, set_name: str) -> list[Any]:
        """What is worth knowing of a set, in the order of its chunks."""
        files = sorted((self.folder / NOTES).glob(f"{set_name}-*.json"))
        return [
            note
            for file in files
            for note in convert_json(file.read_bytes(), list[Any], f"{file} is damaged")
        ]

    def note_file(self, job: Job) -> Path:
        """What tells that a chunk is finished."""
        return self.folder / NOTES / f"{job[0]}-{job[1]:012d}.json"

    def arrays_file(self, job: Job) -> Path:
        """What a chunk of a shard waits in until it is in the sets."""
        return self.note_file(job).with_suffix(".npz")

    def images(self, job: Job) -> int:
        """Number of images in a chunk."""
        name, start, stop = job
        return (stop - start) * self.sizes[name][1]

    def _noted(self) -> set[str]:
        return {file.stem for file in (self.folder / NOTES).glob("*-*.json")}

    def _left_by_shards(self) -> set[str]:
        return {file.stem for file in (self.folder / NOTES).glob("*-*.npz")}

    def _claim(self, replace: bool) -> None:
        """Go on with what is there or begin; `replace` what one machine alone left of something else."""
        path, text = self.folder / NOTES / SETTINGS_FILE, json.dumps(self.identity)
        if path.exists():
            filled = self._noted() - self._left_by_shards()
            if path.read_text(errors="replace") == text:
                # A kill may have come between the move of the sets to their place and the end.
                if not filled or all((self.folder / name).is_dir() for name in self.sizes):
                    return
            elif not replace or self._left_by_shards():
                raise UserError(
                    f"{self.folder} holds a part of something else: of other settings or data; delete it, or "
                    "give the same as before"
                )
            discard(self.folder)
        with written_whole(path) as file:
            file.write_text(text)


class _Fill:
    """Puts chunks into the sets; returns the number of images."""

    def __init__(self, sets: ChunkedSets, make: Callable[[], ChunkMaker]) -> None:
        self.sets, self.maker = sets, make()

    def __call__(self, job: Job) -> int:
        (name, start, stop), note, waiting = job, self.sets.note_file(job), self.sets.arrays_file(job)
        left_by_shard = note.exists()
        if left_by_shard:
            arrays = load_archive(waiting)
        else:
            arrays, notes = self.maker.chunk(*job)
        frames = open_frame_set(self.sets.folder / name, writable=True)
        for array, values in arrays.items():
            getattr(frames, array)[start:stop] = values
        frames.flush()
        if not left_by_shard:
            _write_note(note, notes)
        waiting.unlink(missing_ok=True)
        return self.sets.images(job)


class _Leave:
    """Leaves chunks as files; returns the number of images."""

    def __init__(self, sets: ChunkedSets, make: Callable[[], ChunkMaker]) -> None:
        self.sets, self.maker = sets, make()

    def __call__(self, job: Job) -> int:
        arrays, notes = self.maker.chunk(*job)
        with written_whole(self.sets.arrays_file(job)) as path, open(path, "wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        _write_note(self.sets.note_file(job), notes)
        return self.sets.images(job)


def _write_note(path: Path, notes: list[Any]) -> None:
    with written_whole(path) as file:
        file.write_bytes(msgspec.json.encode(notes))


def discard(folder: Path) -> None:
    """Delete what was made in a folder; a kill leaves all of it or nothing to go on with."""
    old = folder / f"{NOTES}.old"
    shutil.rmtree(old, ignore_errors=True)
    os.replace(folder / NOTES, old)  # without it nothing counts as made
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != LOCK_FILE:
            path.unlink()
    with suppress(OSError):  # it is locked
        folder.rmdir()
