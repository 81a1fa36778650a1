"""What a training tells while it runs: losses as curves for TensorBoard, and its progress."""

import math
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType

import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from murauer.errors import UserError
from murauer.progress import Progress
from murauer.training.parallel import leads
from murauer.training.plan import Pace, Plan

LOG_EVERY = 50
"""Steps between points of a curve."""


class TrainingLog:
    """Reads the losses of all steps, and writes some, if this is the process that writes.

    Args:
        name: Name of the stage.
        folder: Folder for TensorBoard.
        start: First step that is made; what a former run logged from there on is dropped.
        plan: Has the stage among all.
    """

    def __init__(self, name: str, folder: Path, start: int, plan: Plan) -> None:
        self.name, self.folder, self.start, self.plan = name, folder, start, plan
        self._unread: dict[int, dict[str, Tensor]] = {}

    def __enter__(self) -> "TrainingLog":
        self._open = ExitStack()
        if leads():
            writer = SummaryWriter(str(self.folder), purge_step=self.start)
            self._writer = self._open.enter_context(closing(writer))
            stage, before = self.plan.find(self.name)
            self._images = stage.images
            done = before + self.start * stage.images
            progress = Progress(self.name, self.plan.images, done, unit="image")
            self._progress = self._open.enter_context(progress)
            self._pace = Pace(self.plan, self.name, self.start)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def add(self, step: int, losses: dict[str, Tensor], rate: float, read: bool = False) -> None:
        """Take the losses of a step.

        Nobody waits for the values of those on a GPU until they are logged.

        Args:
            step: Number of the step.
            losses: Losses by name.
            rate: Learning rate.
            read: Whether to read the values of all steps so far, because a checkpoint follows.

        Raises:
            UserError: A loss is not finite.
        """
        self._unread[step] = losses
        if not (read or step % LOG_EVERY == 0 or not losses["total"].is_cuda):
            return
        values = self._read()
        if leads():
            if step % LOG_EVERY == 0:
                for name, value in (values | {"learning_rate": rate}).items():
                    self._writer.add_scalar(f"{self.name}/{name}", value, step)
            self._progress.advance(len(self._unread) * self._images, step=step + 1, loss=values["total"])
            self._pace.advance(len(self._unread))
        self._unread.clear()

    def _read(self) -> dict[str, float]:
        """Losses of the last step, by name, after those of all have been found finite."""
        values: dict[str, float] = {}
        for step, losses in self._unread.items():
            values = dict(zip(losses, torch.stack(list(losses.values())).tolist(), strict=True))
            for name, loss in values.items():
                if not math.isfinite(loss):
                    raise UserError(
                        f"{self.name} stopped at step {step}: the loss '{name}' is {loss}; "
                        "lower the learning rate or that loss's weight and start again in another folder"
                    )
        return values
