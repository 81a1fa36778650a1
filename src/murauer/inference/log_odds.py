"""Probabilities and their log-odds, in which independent evidence adds up."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

SUREST = 1e-9
"""What is surer than this apart from certainty counts as no surer, so that log-odds stay finite."""


def probability(log_odds: ArrayLike) -> NDArray[np.float64]:
    """Probability of what has these log-odds, which may be infinite."""
    return np.asarray(1 / (1 + np.exp(-np.asarray(log_odds, np.float64))))


def log_odds(probability: ArrayLike) -> NDArray[np.float64]:
    """Log-odds of what has this probability; finite, see `SUREST`."""
    kept = np.clip(np.asarray(probability, np.float64), SUREST, 1 - SUREST)
    return np.asarray(np.log(kept / (1 - kept)))
