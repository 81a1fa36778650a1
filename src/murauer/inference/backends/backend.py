"""What runs a network: takes patches and gives joints, as arrays.

All that is between these and depth frames is the same code for every backend.
"""

from typing import Protocol

from murauer.geometry.patches import Floats
from murauer.nets.model_facts import ModelFacts


class Backend(Protocol):
    """Runs f, m and p for real frames."""

    @property
    def facts(self) -> ModelFacts:
        """What the model is for."""
        ...

    def __call__(self, patches: Floats) -> Floats:
        """Predict joints of patches (B, P, P), as `murauer.nets.deployed.Deployed` does."""
        ...
