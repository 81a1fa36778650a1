"""Jitter smoothed away by the 1 euro filter (Casiez, Roussel and Vogel, CHI 2012).

It is a low-pass filter of first order whose cutoff frequency rises with speed. A hand at rest is freed from
jitter, a fast one is followed closely. It looks back only, so that each result is there with its frame.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from murauer.geometry.patches import Floats


@dataclass(frozen=True)
class Smoothing:
    """Parameters of the 1 euro filter.

    Attributes:
        cutoff_hz: Cutoff frequency at rest; lower is smoother.
        beta: How much the cutoff rises, Hz per mm/s; higher follows faster. A joint in steady motion is at
            most 1 / (2 pi beta) mm behind.
        speed_cutoff_hz: Cutoff frequency of the speed itself.
    """

    cutoff_hz: float = 1.5
    beta: float = 0.03
    speed_cutoff_hz: float = 1.0

    @classmethod
    def off(cls) -> "Smoothing":
        """No smoothing."""
        return cls(cutoff_hz=math.inf)


class OneEuroFilter:
    """Smooths points over time.

    Args:
        smoothing: How much to smooth.
    """

    def __init__(self, smoothing: Smoothing) -> None:
        self.smoothing = smoothing
        self._last: Floats | None = None
        self._velocity = np.zeros(3, np.float32)

    def reset(self) -> None:
        """Forget the past: the next points are taken as they are."""
        self._last = None

    def __call__(self, points: Floats, seconds: float) -> Floats:
        """Smooth points (J, 3) in mm that come so many seconds after the last."""
        if self._last is None or math.isinf(self.smoothing.cutoff_hz):
            self._last, self._velocity = points, np.zeros_like(points)
            return points
        measured = (points - self._last) / np.float32(seconds)
        self._velocity = self._velocity + _weight(self.smoothing.speed_cutoff_hz, seconds) * (
            measured - self._velocity
        )
        speed = np.linalg.norm(self._velocity, axis=-1, keepdims=True)
        weight = _weight(self.smoothing.cutoff_hz + self.smoothing.beta * speed, seconds)
        self._last = (self._last + weight * (points - self._last)).astype(np.float32)
        return self._last


def _weight(cutoff_hz: Any, seconds: float) -> Any:
    """Weight of the new value in a low-pass filter of first order."""
    rise = 2 * math.pi * cutoff_hz * seconds
    return rise / (1 + rise)
