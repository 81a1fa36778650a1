"""Who the hand belongs to: named shape parameters of the hand model and a prior over them.

Every parameter is 0 for the mean adult hand (187 mm from the wrist to the middle fingertip). ``size`` is the
logarithm of a factor on everything; the others are in units where 1 is the far end of what the body model
offers in one direction. Phenotype parameters (masculinity, age, muscle, weight, proportions) keep the
hand's length: that is what ``size`` is for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class ShapeRange:
    """Distribution of one shape parameter: normal around ``mean``, cut at ``low`` and ``high``."""

    mean: float
    deviation: float
    low: float
    high: float


#: Adult ranges. ``size``: the standard deviation of adult hand length over both sexes is about 6 % of it.
ADULT: dict[str, ShapeRange] = {
    "size": ShapeRange(0.0, 0.06, -0.15, 0.15),
    "masculinity": ShapeRange(0.0, 0.6, -1.0, 1.0),
    "age": ShapeRange(0.2, 0.4, -1.0, 1.0),
    "muscle": ShapeRange(0.0, 0.4, -1.0, 1.0),
    "weight": ShapeRange(0.0, 0.4, -1.0, 1.0),
    "proportions": ShapeRange(0.0, 0.4, -1.0, 1.0),
    "breadth": ShapeRange(0.0, 0.5, -1.0, 1.0),
    "finger_length": ShapeRange(0.0, 0.2, -0.5, 0.4),
    "finger_thickness": ShapeRange(0.0, 0.4, -1.0, 1.0),
    "finger_spread": ShapeRange(0.0, 0.3, -0.8, 0.8),
    "hand_scale": ShapeRange(0.0, 0.15, -0.4, 0.4),
    "wrist_girth": ShapeRange(0.0, 0.3, -0.8, 0.8),
    "forearm_girth": ShapeRange(0.0, 0.4, -1.0, 1.0),
    "forearm_fat": ShapeRange(0.1, 0.3, -0.5, 0.8),
    "forearm_muscle": ShapeRange(0.0, 0.3, -0.8, 0.8),
}
SHAPE_NAMES: tuple[str, ...] = tuple(ADULT)

#: Anybody: children from about five years, and hands a quarter larger than the mean adult's; also thinner,
#: thicker, narrower and broader ones than most adults have.
ANYBODY: dict[str, ShapeRange] = ADULT | {
    "size": ShapeRange(-0.02, 0.12, -0.4, 0.25),
    "breadth": ShapeRange(0.0, 0.6, -1.0, 1.0),
    "finger_length": ShapeRange(0.0, 0.25, -0.5, 0.4),
    "finger_thickness": ShapeRange(0.0, 0.5, -1.0, 1.0),
    "hand_scale": ShapeRange(0.0, 0.2, -0.4, 0.4),
}


@dataclass(frozen=True)
class ShapePrior:
    """Independent cut normal distributions over the named shape parameters.

    Attributes:
        ranges: Distribution of each parameter of :data:`SHAPE_NAMES`.
    """

    ranges: Mapping[str, ShapeRange] = field(default_factory=lambda: ADULT)

    def sample(self, n: int, generator: torch.Generator, spread: float = 1.0) -> Tensor:
        """Draws hands.

        Args:
            n: How many.
            generator: Source of randomness.
            spread: Factor on the deviation from the mean; 0 gives n mean hands. The limits stay.

        Returns:
            Shape parameters (n, S), in the order of :data:`SHAPE_NAMES`.
        """
        columns = torch.tensor(
            [[r.mean, r.deviation, r.low, r.high] for r in (self.ranges[name] for name in SHAPE_NAMES)]
        )
        mean, deviation, low, high = columns.T
        noise = torch.randn(n, len(SHAPE_NAMES), generator=generator)
        return (mean + spread * deviation * noise).clamp(low, high)
