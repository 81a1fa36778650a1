"""Synthetic frames that are rendered while a training draws from them, in place of a set on disk.

They are an endless sequence, whose beginning is the set that 'murauer render frames' stores with the same
settings. What a training step draws from depends on the step alone: a chunk of the sequence, which after some
steps makes room for the next.
"""

import os
import shutil
import threading
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from pathlib import Path

import msgspec

from murauer.chunks import run_chunk, worker_pool
from murauer.prepare.rendering.regions import RenderedChunks
from murauer.prepare.rendering.synthetic import (
    Synthesiser,
    check_synthesis,
    synthesis_rig,
)
from murauer.store.frame_set import FrameSet
from murauer.store.makers import EndlessConfig, SynthesisConfig
from murauer.store.manifest import write_manifest
from murauer.store.store import Store, open_store

MOST_WORKERS = 4
"""Processes of one training: more than a training with a GPU draws from, at a third of a second a chunk."""


def render_while_training(folder: Path, config: EndlessConfig, *, replace: bool = False) -> Store:
    """Let trainings with a store render their synthetic frames.

    Args:
        folder: Folder of the store.
        config: What is rendered.
        replace: Whether a synthetic set that is there may be deleted.

    Returns:
        The store, opened again.

    Raises:
        UserError: As in `synthesise`.
    """
    store = open_store(folder)
    check_synthesis(store, replace)
    synthesis_rig(store)  # or a sentence that there are no hands to take the places of
    others = store.manifest.without_set("synthetic")
    write_manifest(folder, msgspec.structs.replace(others, synthesis=None, endless=config))
    shutil.rmtree(folder / "synthetic", ignore_errors=True)
    return open_store(folder)


class EndlessFrames:
    """The synthetic frames of a training, rendered ahead of it by processes of their own.

    Args:
        store: One whose synthetic frames are such ones.
        workers: Processes, and chunks that wait for their steps; by default half of the cores that this
            process of the training has, up to `MOST_WORKERS`.
    """

    def __init__(self, store: Store, workers: int | None = None) -> None:
        config = store.manifest.endless
        assert config is not None
        cores = (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        self._workers = workers or min(max(cores // 2, 1), MOST_WORKERS)
        self._steps = config.steps
        self._make = partial(_Chunks, config.synthesis, store.folder)
        self._pool: ProcessPoolExecutor | None = None
        self._coming: dict[int, Future[FrameSet]] = {}
        self._lock = threading.Lock()  # batches are made in threads where a GPU trains

    def at(self, step: int) -> FrameSet:
        """What a training step draws from, once it is rendered; all of it usable and labelled."""
        number = step // self._steps
        with self._lock:
            pool = self._pool = self._pool or worker_pool(self._make, self._workers)
            for passed in [other for other in self._coming if other < number - 1]:
                del self._coming[passed]
            for later in range(number, number + self._workers + 1):
                if later not in self._coming:
                    self._coming[later] = pool.submit(run_chunk, later)
            chunk = self._coming[number]
        return chunk.result()


class _Chunks:
    """Renders chunks by number; one per process."""

    def __init__(self, config: SynthesisConfig, folder: Path) -> None:
        self.frames, self.renderer = config.frames, RenderedChunks(partial(Synthesiser, config, folder))

    def __call__(self, number: int) -> FrameSet:
        start = number * self.frames
        arrays, _ = self.renderer.chunk("synthetic", start, start + self.frames)
        return FrameSet(**arrays)
