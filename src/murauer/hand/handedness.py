"""Right hand or left."""

from typing import Literal

Handedness = Literal["right", "left"]

GivenHandedness = Literal["auto", "right", "left"]
"""Which hand it is said to be; "auto" leaves it to what frames or labels show."""
