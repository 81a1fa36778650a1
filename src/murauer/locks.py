"""One process at a time writes in a folder: a file beside what is written says who.

The kernel holds the lock (`flock`) and lets go of it when its process ends, however it ends. Disks of a
network may not pass such locks on, or have none. So the file also names the owner, whose beats change its
time: an owner on another machine is gone once the file has not changed for a while, whatever the clocks say.
"""

import errno
import fcntl
import os
import platform
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import msgspec

from murauer.errors import UserError
from murauer.files import remove_leftovers

LOCK_FILE = ".murauer-lock"
BEAT_S = 10.0
GONE_S = 60.0
"""Longer than a network disk may show an old time."""

POLL_S = 0.2

NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
"""How disks say that they have no locks; the owner's name alone decides then."""


class Owner(msgspec.Struct, frozen=True):
    """Who writes in a folder.

    Attributes:
        host: Name of the machine.
        pid: Number of the process.
        started: Start of the process, in ticks of the machine since `boot`; numbers of processes come again.
        boot: What the machine calls its last start.
        since: When it took the lock, for people.
        command: What it does.
    """

    host: str
    pid: int
    started: int | None
    boot: str
    since: str
    command: str

    def __str__(self) -> str:
        """Name it in a message."""
        return f"{self.command} (process {self.pid} on {self.host}, since {self.since})"

    def runs_here(self) -> bool:
        """Whether it is a process of this machine that has not ended."""
        return self.boot == _boot() and _started(self.pid) == self.started


_held: dict[Path, int] = {}
"""How often this process has locked each folder."""

_taking = threading.Lock()


@contextmanager
def locked(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Be the only process that writes in a folder, here and on all machines that share the disk.

    A process that has locked a folder may lock it again. The folder may be moved meanwhile. Files that killed
    processes have begun are removed.

    Args:
        folder: The folder; made if need be.
        wait: Whether to wait until nobody else writes there.

    Raises:
        UserError: Another process writes there, or the folder cannot be written.
    """
    place = Path(os.path.realpath(folder))  # Path.resolve has another error for links that lead nowhere
    with _taking:
        file = _take(place, wait) if place not in _held else None
        _held[place] = _held.get(place, 0) + 1
    done = threading.Event()
    heart = threading.Thread(target=_beat, args=(file, done), daemon=True)
    try:
        if file is not None:
            heart.start()
        yield
    finally:
        done.set()
        with _taking:
            _held[place] -= 1
            if not _held[place]:
                del _held[place]
        if file is not None:
            heart.join()
            remove_lock(place, file)
            file.close()
            with suppress(OSError):  # all but for a folder that was made for nothing
                place.rmdir()


def remove_lock(folder: Path, file: IO[bytes] | None = None) -> None:
    """Remove the file of a lock that this process has, from a folder that was moved while it was locked."""
    path = folder / LOCK_FILE
    if file is None or _is_at(path, file):
        with suppress(OSError):  # its folder has become read-only: the next owner overwrites it
            path.unlink()


def _take(place: Path, wait: bool) -> IO[bytes]:
    path = place / LOCK_FILE
    try:
        place.mkdir(parents=True, exist_ok=True)
        while True:
            file = open(path, "a+b", buffering=0)  # noqa: SIM115 - `locked` closes it
            try:
                owner = _owner(file)
                if _may_take(path, file, owner):
                    file.truncate(0)
                    file.write(msgspec.json.encode(_myself()))
                    remove_leftovers(place)
                    return file
            except BaseException:
                file.close()
                raise
            file.close()
            if not wait:
                who = owner or "another process"
                raise UserError(f"{place} is being written by {who}; let it end, or choose another folder")
            time.sleep(POLL_S)
    except OSError as error:
        raise UserError(f"cannot write in {place}: {error.strerror}; choose another folder") from error


def _may_take(path: Path, file: IO[bytes], owner: Owner | None) -> bool:
    """Take the kernel's lock; tell whether it, and the owner that the file names, leave the folder free."""
    here = owner is None or owner.host == platform.node()
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        if owner is not None and here and owner.runs_here():
            return False
    # Whoever held the lock before may have removed the file, and another may have made one.
    return _is_at(path, file) and (here or _has_stopped_beating(path, owner))


def _has_stopped_beating(path: Path, owner: Owner | None) -> bool:
    print(f"murauer: {path.parent} was left by {owner}; looking whether it still runs", file=sys.stderr)
    first, until = _changed(path), time.monotonic() + GONE_S
    while time.monotonic() < until:
        time.sleep(POLL_S)
        if _changed(path) != first:
            return False
    return True


def _changed(path: Path) -> int:
    """When a file was changed; opening it makes a network disk ask its server."""
    with open(path, "rb") as file:
        return os.fstat(file.fileno()).st_mtime_ns


def _beat(file: IO[bytes], done: threading.Event) -> None:
    while not done.wait(BEAT_S):
        with suppress(OSError):  # a disk that is away for a while
            os.utime(file.fileno())


def _is_at(path: Path, file: IO[bytes]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _owner(file: IO[bytes]) -> Owner | None:
    file.seek(0)
    try:
        return msgspec.json.decode(file.read(), type=Owner)
    except msgspec.MsgspecError:  # it has just been made, or its disk was full
        return None


def _myself() -> Owner:
    program = Path(sys.argv[0]).name
    words = ["murauer" if program in ("murauer", "__main__.py") else program, *sys.argv[1:2]]
    since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return Owner(platform.node(), os.getpid(), _started(os.getpid()), _boot(), since, " ".join(words))


def _boot() -> str:
    """What the machine calls its last start; empty where the system does not say, as on macOS."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _started(pid: int) -> int | None:
    """When a process was started, in ticks since the start of the machine; None if there is none."""
    try:
        # The name of the program, in brackets, may hold anything.
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except OSError:
        return None
