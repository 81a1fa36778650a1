"""Multipliers of the learning rate as functions of the iteration."""

import math
from collections.abc import Callable
from functools import partial

EPOCH_ITERATIONS = 1_137
"""Iterations of an epoch: the 72,757 NYU frames in batches of 64, whatever the data."""

DECAY_FROM = 5_000
"""Iteration after which the paper's schedule decays (Sec. 4.1)."""

WARM_UP = 0.05
"""Share of a short run with a rising learning rate."""


def supplement_multiplier(iteration: int, epoch_iterations: int = EPOCH_ITERATIONS) -> float:
    """Schedule of the supplement: a tenth, x 3.33 after the first and the second epoch, then exp(-0.04 e).

    Args:
        iteration: Number of finished iterations.
        epoch_iterations: Iterations of an epoch; e is the number of finished epochs.

    Returns:
        0.1, 0.333, and from the third epoch on exp(-0.04 e), which stands in for 0.1 x 3.33 x 3.33 = 1.1.
    """
    epoch = iteration // epoch_iterations
    return 0.1 * 3.33**epoch if epoch < 2 else math.exp(-0.04 * epoch)


def paper_multiplier(iteration: int, epoch_iterations: int = EPOCH_ITERATIONS) -> float:
    """Schedule of the paper: a tenth, x 3.33 twice, an epoch each, and decay after 5,000 iterations.

    Args:
        iteration: Number of finished iterations.
        epoch_iterations: Iterations of an epoch; e is the number of finished epochs.

    Returns:
        0.1, 0.333, 1.109 until `DECAY_FROM`, and from there on the supplement's exp(-0.04 e).
    """
    epoch = iteration // epoch_iterations
    return math.exp(-0.04 * epoch) if iteration >= DECAY_FROM else 0.1 * 3.33 ** min(epoch, 2)


def published_multiplier(
    iteration: int, epoch_iterations: int = EPOCH_ITERATIONS, skip_first: bool = False
) -> float:
    """Schedule of the published code: 0.33 squared for two epochs, 0.33 for two, then exp(-0.04 e).

    Args:
        iteration: Number of finished iterations.
        epoch_iterations: Iterations of an epoch; e is the number of finished epochs.
        skip_first: Be one epoch ahead. The code steps its scheduler at the start of an epoch; since PyTorch
            1.1 the scheduler already stands at its first value then, so that this value is lost.

    Returns:
        0.1089, 0.33, or exp(-0.04 e).
    """
    epoch = iteration // epoch_iterations + skip_first
    if epoch < 4:
        return 0.33**2 if epoch < 2 else 0.33
    return math.exp(-0.04 * epoch)


def cosine_multiplier(iteration: int, iterations: int, warm_up: float = WARM_UP) -> float:
    """Schedule of a short run: a linear rise from near 0 to 1, then half a cosine wave down to near 0.

    Stated in fractions of the run, because the paper's schedules would not leave their warm-up in a run of a
    few thousand iterations. No iteration has the multiplier 0.

    Args:
        iteration: Number of finished iterations, less than `iterations`.
        iterations: Length of the run.
        warm_up: Share of the run with a rising learning rate, in [0, 1).

    Returns:
        Multiplier in (0, 1].
    """
    rise = math.floor(warm_up * iterations)
    if iteration < rise:
        return (iteration + 1) / (rise + 1)
    return 0.5 * (1.0 + math.cos(math.pi * (iteration - rise) / (iterations - rise)))


def make_schedule(name: str, iterations: int) -> Callable[[int], float]:
    """The multiplier as a function of the iteration alone.

    Args:
        name: "paper", "supplement", "published" or "cosine".
        iterations: Length of the run, for "cosine".

    Raises:
        KeyError: There is no schedule of that name.
    """
    schedules: dict[str, Callable[[int], float]] = {
        "paper": paper_multiplier,
        "supplement": supplement_multiplier,
        "published": published_multiplier,
        "cosine": partial(cosine_multiplier, iterations=iterations),
    }
    return schedules[name]
