"""Long work in chunks: by several processes of a machine, and in shards on several machines."""

import os
import re
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from typing import Any, TypeVar

import torch

from murauer.errors import UserError
from murauer.progress import Progress

Chunk = TypeVar("Chunk")

QUEUED = 4
"""Chunks handed to the processes at a time, for each: enough that none waits, few enough for any number."""


@dataclass(frozen=True)
class Shard:
    """Every `count`-th chunk, from number `index` on, counted from 1.

    Raises:
        UserError: There is no such shard.
    """

    index: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise UserError(f"there is no shard {self.index}/{self.count}; give 1/{self.count} or the next")

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Read "3/16".

        Raises:
            UserError: It is nothing like that.
        """
        if not re.fullmatch(r"\d+/\d+", text):
            raise UserError(f"a shard is given as 3/16, the third of sixteen; got {text!r}")
        return cls(*map(int, text.split("/")))

    def of(self, chunks: Sequence[Chunk]) -> Sequence[Chunk]:
        """The chunks of this shard."""
        return chunks[self.index - 1 :: self.count]


WHOLE = Shard()


def work_through(
    make: Callable[[], Callable[[Any], int]],
    chunks: Sequence[Any],
    progress: Progress,
    workers: int | None = None,
) -> None:
    """Do some work for each chunk, in order in one process, in about that order in several.

    Args:
        make: Makes what does a chunk's work, in each process, and returns the number of finished units; must
            survive pickling. What is to survive a kill, it leaves on disk.
        chunks: Descriptions of the work.
        progress: Told of finished units.
        workers: Processes; all cores by default.
    """
    workers = min(workers or os.cpu_count() or 1, len(chunks))
    if not chunks:
        return
    progress.workers = workers
    if workers == 1:
        with _one_thread():
            work = make()
            for chunk in chunks:
                progress.advance(work(chunk))
        return
    with worker_pool(make, workers) as pool:
        running: deque[Future[int]] = deque()
        try:
            for chunk in chunks:
                running.append(pool.submit(run_chunk, chunk))
                if len(running) == QUEUED * workers:
                    progress.advance(running.popleft().result())
            while running:
                progress.advance(running.popleft().result())
        except BaseException:  # Ctrl-C too: end after the chunks at work, not after all that wait
            pool.shutdown(cancel_futures=True)
            raise


def worker_pool(make: Callable[[], Callable[[Any], Any]], workers: int) -> ProcessPoolExecutor:
    """Processes that each make what does a chunk's work, to which chunks are submitted with `run_chunk`."""
    return ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, (make,))


_worker: Callable[[Any], Any] | None = None


def _start_worker(make: Callable[[], Callable[[Any], Any]]) -> None:
    global _worker
    torch.set_num_threads(1)
    obey_parent()
    _worker = make()


def obey_parent() -> None:
    """Leave it to the parent of this process when to end: with it at the latest, and not by Ctrl-C.

    Ctrl-C reaches every process of a terminal; the parent stops its workers itself. A killed one cannot.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute like one of several processes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _end_with_parent() -> None:
    """Do not go on when the program that wants the result was killed: the next one does the work again."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def run_chunk(chunk: Any) -> Any:
    """Do a chunk's work, in a process of a pool."""
    assert _worker is not None
    return _worker(chunk)
