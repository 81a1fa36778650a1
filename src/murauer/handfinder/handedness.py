"""Right hand or left: what was said and what frames show, as log-odds that it is the right one.

Log-odds of independent evidence add up. What is said outright is infinite, so that nothing seen changes it.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from murauer.errors import UserError
from murauer.hand.handedness import GivenHandedness, Handedness

SUREST = 1e-9
"""What is surer than this apart from certainty counts as no surer, so that log-odds stay finite."""


def probability(log_odds: ArrayLike) -> NDArray[np.float64]:
    """Probability of what has these log-odds, which may be infinite."""
    return np.asarray(1 / (1 + np.exp(-np.asarray(log_odds, np.float64))))


def log_odds(probability: ArrayLike) -> NDArray[np.float64]:
    """Log-odds of what has this probability; finite, see `SUREST`."""
    kept = np.clip(np.asarray(probability, np.float64), SUREST, 1 - SUREST)
    return np.asarray(np.log(kept / (1 - kept)))


GIVEN: dict[GivenHandedness, float] = {"auto": 0.0, "right": math.inf, "left": -math.inf}

PRESUMED = 2.0
"""Evidence that it takes to call a hand a left one, a probability of 0.88: most hands that are shown are
right ones, and the refinement network knows when it is in doubt."""

MOST_EVIDENCE = 3.0
"""Evidence of one frame, at most: a probability of 0.95. Networks are surer than they are right."""


def given_log_odds(handedness: GivenHandedness) -> float:
    """Log-odds before anything is seen.

    Raises:
        UserError: Handedness is none of "auto", "right" and "left".
    """
    if not isinstance(handedness, str) or handedness not in GIVEN:
        raise UserError(f"handedness must be 'auto', 'right' or 'left', got {handedness!r}")
    return GIVEN[handedness]


def evidence(right: float) -> float:
    """Log-odds of one look that gave this probability of the right hand."""
    return float(np.clip(log_odds(right), -MOST_EVIDENCE, MOST_EVIDENCE))


def presumed_handedness(right: float) -> Handedness:
    """The hand that it is to be taken for, by log-odds: without clear evidence the right one."""
    return "right" if right >= -PRESUMED else "left"


def agreement(right: float, seen_right: float) -> float:
    """Probability that a hand is the one that is meant.

    Args:
        right: Log-odds that the right one is meant.
        seen_right: Probability that it is a right one.
    """
    meant = float(probability(right))
    return meant * seen_right + (1 - meant) * (1 - seen_right)
