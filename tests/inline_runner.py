"""A runner for tests of sweeps, without the seconds that a process takes to start."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from murauer.sweeps.runner import Task


class Inline:
    """A runner that carries a call out at once; counts them, and what runs at a time."""

    def __init__(self, workers: int = 2, kill: Callable[[Path], bool] = lambda out: False):
        self.workers, self.kill = workers, kill
        self.folders: list[str] = []

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Task:
        self.folders.append(arguments[0].name)
        if self.kill(arguments[0]):
            return _Done(None)
        threads = torch.get_num_threads()
        result = function(*arguments)
        torch.set_num_threads(threads)  # the call means to have a process of its own
        return _Done(lambda: result)


class _Done:
    def __init__(self, answer: Callable[[], Any] | None):
        self.answer = answer

    def done(self) -> bool:
        return True

    def result(self) -> Any:
        if self.answer is None:
            raise RuntimeError("killed")
        return self.answer()

    def cancel(self) -> None: ...
