"""Work in child processes that are killed: after a while, or before one of their operations on files."""

import faulthandler
import filecmp
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from murauer.cli.main import main

OPERATIONS = (
    "replace", "rename", "link", "unlink", "remove", "mkdir", "rmdir", "fsync", "ftruncate", "posix_fallocate"
)  # fmt: skip
"""What changes a disk, but for the bytes that go into files that nothing reads yet."""


LONGEST_S = 300.0
"""A child that takes longer hangs."""


@dataclass(frozen=True)
class Ended:
    """How a child ended.

    Attributes:
        code: Its exit code; minus the signal that killed it.
        said: What it printed.
        operations: Its operations on files.
    """

    code: int
    said: str
    operations: tuple[str, ...]


def kill_myself() -> None:
    """As nothing can be done against."""
    os.kill(os.getpid(), signal.SIGKILL)


def in_child(
    work: Callable[[], Any],
    folder: Path,
    *,
    kill_at: int | None = None,
    kill_after_s: float | None = None,
    kill: Callable[[], None] = kill_myself,
) -> Ended:
    """Do something in a child process, which has all that is loaded here.

    Args:
        work: What to do.
        folder: For what the child says.
        kill_at: Kill it before this operation, counted from 0.
        kill_after_s: Kill it, and all that it has started, after this time.
        kill: What is done at `kill_at` in place of killing it.
    """
    if torch.get_num_threads() > 1:
        pytest.skip("forks want one thread: set OMP_NUM_THREADS=1")
    said, log = folder / "said.txt", folder / "operations.txt"
    said.write_text("")
    log.write_text("")
    pid = os.fork()
    if pid == 0:
        _be_child(work, said, log, kill_at, kill)
    with suppress(OSError):  # the child does it, too: whoever comes first
        os.setpgid(pid, pid)
    until = time.monotonic() + (kill_after_s if kill_after_s is not None else 600.0)
    ended, status = os.waitpid(pid, os.WNOHANG)
    while not ended:
        if time.monotonic() > until:
            os.killpg(pid, signal.SIGKILL)
        time.sleep(0.002)
        ended, status = os.waitpid(pid, os.WNOHANG)
    return Ended(os.waitstatus_to_exitcode(status), said.read_text(), tuple(log.read_text().splitlines()))


def command(*words: object) -> Callable[[], int]:
    """A command of the product."""
    return lambda: main([str(word) for word in words])


def _be_child(
    work: Callable[[], Any], said: Path, log: Path, kill_at: int | None, kill: Callable[[], None]
) -> None:
    code: Any = 99
    try:
        os.setpgid(0, 0)
        output = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdout = sys.stderr = open(output, "w", closefd=False, buffering=1)  # noqa: SIM115
        _watch_operations(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), kill_at, kill)
        faulthandler.dump_traceback_later(LONGEST_S, exit=True)
        code = work() or 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _watch_operations(log: int, kill_at: int | None, kill: Callable[[], None]) -> None:
    count = 0

    def watched(name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            os.write(log, f"{name} {args[0]}\n".encode())
            count += 1
            if count - 1 == kill_at:
                kill()
            return operation(*args, **kwargs)

        return call

    for name in OPERATIONS:
        setattr(os, name, watched(name, getattr(os, name)))


def files_of(folder: Path, without: tuple[str, ...] = ()) -> dict[str, Path]:
    """All files of a folder by their place in it, but for those with some text in their place."""
    places = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {place: path for place, path in places.items() if not any(text in place for text in without)}


def assert_same(expected: Path, actual: Path, without: tuple[str, ...] = ()) -> None:
    """Two folders, or files, hold the same to the byte."""
    if expected.is_file():
        assert filecmp.cmp(expected, actual, shallow=False), actual
        return
    first, second = files_of(expected, without), files_of(actual, without)
    assert first.keys() == second.keys()
    for place, path in first.items():
        assert filecmp.cmp(path, second[place], shallow=False), second[place]
