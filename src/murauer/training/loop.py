"""One stage of training as a resumable loop: step, log, checkpoint."""

import math
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.tensorboard import SummaryWriter

from murauer.errors import UserError
from murauer.nets.model_file import pack_module, read_tensors, unpack_module, write_tensors
from murauer.progress import Progress
from murauer.training.checkpoint import pack_optimiser, unpack_optimiser
from murauer.training.device import keep_freed_memory
from murauer.training.parallel import leads, wait_for_all

LOG_EVERY = 50
"""Steps between points in the log."""


@dataclass(frozen=True)
class Stage:
    """What a stage trains, and where its state lies.

    Attributes:
        name: shown with the progress.
        modules: networks and their moving average, by name.
        optimisers: by name.
        base_rate: learning rate that the schedule multiplies.
        schedule: multiplier of the learning rate at each step.
        iterations: number of steps.
        checkpoint: file of the resumable state.
        checkpoint_every: steps between checkpoints.
        identity: text that says what is trained; a checkpoint of another identity is refused.
    """

    name: str
    modules: dict[str, nn.Module]
    optimisers: dict[str, Optimizer]
    base_rate: float
    schedule: Callable[[int], float]
    iterations: int
    checkpoint: Path
    checkpoint_every: int
    identity: str

    def save(self, step: int) -> None:
        """Write the state before step `step`."""
        tensors: dict[str, Tensor] = {}
        for name, module in self.modules.items():
            tensors |= pack_module(name, module)
        for name, optimiser in self.optimisers.items():
            tensors |= pack_optimiser(f"optimiser_{name}", optimiser)
        write_tensors(self.checkpoint, tensors, {"step": str(step), "identity": self.identity})

    def load(self) -> int:
        """Restore the state from the checkpoint, if there is one; returns the step to go on with.

        Raises:
            UserError: the checkpoint is damaged or belongs to another training.
        """
        if not self.checkpoint.exists():
            return 0
        tensors, metadata = read_tensors(self.checkpoint)
        if metadata.get("identity") != self.identity:
            raise UserError(
                f"{self.checkpoint} belongs to another training (other configuration, data, variant, labels "
                "or seed); choose another --out folder or the same settings"
            )
        for name, module in self.modules.items():
            unpack_module(name, module, tensors, self.checkpoint)
        for name, optimiser in self.optimisers.items():
            unpack_optimiser(f"optimiser_{name}", optimiser, tensors)
        return int(metadata["step"])

    def run(self, update: Callable[[int], dict[str, Tensor]], log: Path) -> None:
        """Run what is left of the stage.

        Args:
            update: makes one step and returns its losses, by name. Nobody waits for the values of those on a
                GPU until they are logged or a checkpoint is due.
            log: folder for TensorBoard.

        Raises:
            UserError: a loss is not finite; the last checkpoint stays as it was.
        """
        keep_freed_memory()
        start = self.load()
        unread: dict[int, dict[str, Tensor]] = {}
        wait_for_all()  # before one of them writes a checkpoint, all have read the last one
        with self._reporting(log, start) if leads() else nullcontext() as report:
            for step in range(start, self.iterations):
                rate = self.base_rate * self.schedule(step)
                for optimiser in self.optimisers.values():
                    for group in optimiser.param_groups:
                        group["lr"] = rate
                unread[step] = update(step)
                if self._is_due(step) or not unread[step]["total"].is_cuda:
                    losses = self._read(unread)
                    if report:
                        report(step, len(unread), losses | {"learning_rate": rate})
                    unread.clear()

    def _is_due(self, step: int) -> bool:
        """Whether the losses of a step are logged or a checkpoint follows it."""
        return step % LOG_EVERY == 0 or self._ends_in_checkpoint(step)

    def _ends_in_checkpoint(self, step: int) -> bool:
        return (step + 1) % self.checkpoint_every == 0 or step + 1 == self.iterations

    def _read(self, unread: dict[int, dict[str, Tensor]]) -> dict[str, float]:
        """Losses of the last of some steps, by name, after those of all have been found finite."""
        losses: dict[str, float] = {}
        for step, of_step in unread.items():
            losses = dict(zip(of_step, torch.stack(list(of_step.values())).tolist(), strict=True))
            for name, loss in losses.items():
                if not math.isfinite(loss):
                    raise UserError(
                        f"{self.name} stopped at step {step}: the loss '{name}' is {loss}; "
                        "lower the learning rate or that loss's weight and start again in another folder"
                    )
        return losses

    @contextmanager
    def _reporting(self, log: Path, start: int) -> Iterator[Callable[[int, int, dict[str, float]], None]]:
        """Yields what logs a finished step, writes the checkpoint and shows the progress of some steps."""
        with (
            closing(SummaryWriter(str(log), purge_step=start)) as writer,
            Progress(self.name, self.iterations, start, unit="step") as progress,
        ):

            def report(step: int, steps: int, values: dict[str, float]) -> None:
                if step % LOG_EVERY == 0:
                    for name, value in values.items():
                        writer.add_scalar(f"{self.name}/{name}", value, step)
                if self._ends_in_checkpoint(step):
                    self.save(step + 1)
                progress.advance(steps, loss=values["total"])

            yield report
