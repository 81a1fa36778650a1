"""What a training is going to do, told when it starts, and how long it will take, once that can be known."""

import resource
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from murauer.training.parallel import leads

PACE_STEPS = 50
"""Steps after which the time of all others is told."""


@dataclass(frozen=True)
class Stage:
    """A stage of a training: its name, its steps, and how many images each shows f."""

    name: str
    steps: int
    images: int


@dataclass(frozen=True)
class Plan:
    """The stages of a training, one after the other.

    A step takes about as long as it has images, so that progress and time over all stages count images.
    """

    stages: tuple[Stage, ...]

    @property
    def images(self) -> int:
        """Images of all stages."""
        return sum(stage.steps * stage.images for stage in self.stages)

    def find(self, name: str) -> tuple[Stage, int]:
        """A stage, and the images of those before it."""
        names = [stage.name for stage in self.stages]
        before = Plan(self.stages[: names.index(name)])
        return self.stages[len(before.stages)], before.images

    def tell(self, what: str, out: Path, device: torch.device, modules: Iterable[nn.Module]) -> None:
        """Say on stderr what begins, where it computes and writes, and what its weights take.

        Args:
            what: What is trained.
            out: Run folder.
            device: Where it computes.
            modules: What is trained; Adam keeps two more numbers for each weight, the gradient is a third.
        """
        if not leads():
            return
        steps = ", then ".join(
            f"{stage.steps:,} steps of {stage.name} with {stage.images} images each" for stage in self.stages
        )
        size = sum(value.nbytes for module in modules for value in module.parameters())
        _say(
            f"{what} on {device}: {steps}; weights, gradients and Adam take {4 * size / 1e6:,.0f} MB; "
            f"writes to {out}"
        )

    def tell_pace(self, name: str, start: int, steps: int, seconds: float) -> None:
        """Say on stderr how long all will take, after some steps of a stage, and the memory in use.

        Args:
            name: Name of the stage.
            start: First step that was made.
            steps: How many were made.
            seconds: How long they took.
        """
        stage, before = self.find(name)
        left = self.images - before - (start + steps) * stage.images
        expected = tqdm.format_interval(seconds / (steps * stage.images) * left)
        # On Linux in kB.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        memory = f"{peak:.1f} GB of memory"
        if torch.cuda.is_initialized():
            memory += f" and {torch.cuda.max_memory_allocated() / 1e9:.1f} GB of the GPU's"
        _say(f"{1e3 * seconds / steps:,.0f} ms a step of {name}, {memory}; about {expected} left in all")


class Pace:
    """Tells once, after the first steps of a stage, how long all will take."""

    def __init__(self, plan: Plan, name: str, start: int) -> None:
        self._plan, self._name, self._start, self._steps = plan, name, start, 0
        self._begun = time.monotonic()

    def advance(self, steps: int) -> None:
        """Count steps that were made."""
        before, self._steps = self._steps, self._steps + steps
        if before < PACE_STEPS <= self._steps:
            seconds = time.monotonic() - self._begun
            self._plan.tell_pace(self._name, self._start, self._steps, seconds)


def _say(text: str) -> None:
    print(f"murauer: {text}", file=sys.stderr, flush=True)
