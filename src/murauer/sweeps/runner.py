"""Where the trainings of a sweep run: processes of this machine, or jobs of a cluster.

A runner starts a function elsewhere and can tell whether it has ended. How many run at a time is the sweep's
decision, what is finished stands in the run folders; a runner keeps nothing.
"""

import os
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Protocol

from murauer.chunks import obey_parent


class Task(Protocol):
    """A call that runs somewhere."""

    def done(self) -> bool:
        """Whether it has ended, well or not."""

    def result(self) -> Any:
        """Return what the function returned; an exception of any kind if it did not come to its end."""

    def cancel(self) -> Any:
        """Stop it."""


class Runner(Protocol):
    """Starts calls of functions that can be pickled.

    Attributes:
        workers: How many shall run at a time.
    """

    workers: int

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Task:
        """Start a call."""


class LocalRunner:
    """A process for each call, so that one that is killed takes no other with it.

    Args:
        workers: Processes at a time; as many as there are cores by default.
    """

    def __init__(self, workers: int | None = None):
        self.workers = workers or len(os.sched_getaffinity(0))

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Task:
        """Start a process."""
        return _ProcessTask(function, arguments)


class _ProcessTask:
    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]):
        context = get_context("spawn")
        self._receiver, sender = context.Pipe(duplex=False)
        self._process = context.Process(target=_answer, args=(sender, function, arguments))
        self._process.start()
        sender.close()  # the process has its own; without any the pipe ends, which `result` notices

    def done(self) -> bool:
        return self._receiver.poll() or not self._process.is_alive()

    def result(self) -> Any:
        try:
            return self._receiver.recv()
        except EOFError:
            self._process.join()
            code = self._process.exitcode
            reason = f"exit code {code}"
            if code and code < 0:
                reason = f"signal {-code}, as for want of memory"
            raise RuntimeError(f"its process ended with {reason}") from None
        finally:
            self._process.join()

    def cancel(self) -> None:
        self._process.terminate()
        self._process.join()


def _answer(sender: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    obey_parent()
    sender.send(function(*arguments))
