"""One thread that does everything in turn, so that nothing behind the page needs a lock.

Callbacks of the page come from threads of its server; they only leave a note of what is to be done.
"""

import threading
import time
from collections import deque
from collections.abc import Callable

Task = Callable[[], object]


class Worker:
    """A queue of tasks, worked off by whoever calls `run`."""

    def __init__(self) -> None:
        self._tasks: deque[tuple[str | None, Task]] = deque()
        self._changed = threading.Condition()
        self._stopped = False

    def post(self, task: Task, name: str | None = None) -> None:
        """Have something done soon.

        Args:
            task: What.
            name: A task that still waits under the same name is not done any more: of many places that the
                mouse was at, only the last matters.
        """
        with self._changed:
            if name is not None:
                self._tasks = deque(each for each in self._tasks if each[0] != name)
            self._tasks.append((name, task))
            self._changed.notify()

    def stop(self) -> None:
        """Make `run` return after the tasks that wait."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def run(self, tick: Callable[[], float | None]) -> None:
        """Work until `stop` is called.

        Args:
            tick: Called after every task; returns in how many seconds it wants to be called again, None for
                not before another task was done.
        """
        while True:
            wait = tick()
            until = None if wait is None else time.monotonic() + wait
            with self._changed:
                while not self._tasks and not self._stopped:
                    left = None if until is None else until - time.monotonic()
                    if left is not None and left <= 0:
                        break
                    self._changed.wait(left)
                if not self._tasks and self._stopped:
                    return
                task = self._tasks.popleft()[1] if self._tasks else None
            if task is not None:
                task()
