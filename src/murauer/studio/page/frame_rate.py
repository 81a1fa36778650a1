"""How many frames a second there are, as a running mean."""

import time

MEMORY = 0.9
"""Share of the old value."""
FORGOTTEN_S = 1.0
"""After a pause as long as this the mean begins anew."""


class FrameRate:
    """Counts frames.

    Attributes:
        per_second: The mean; 0 before the second frame.
    """

    def __init__(self) -> None:
        self.per_second = 0.0
        self._last = float("-inf")

    def count(self) -> None:
        """Note that there was a frame."""
        now = time.monotonic()
        passed, self._last = max(now - self._last, 1e-4), now
        if passed > FORGOTTEN_S:
            self.per_second = 0.0
        elif self.per_second == 0:
            self.per_second = 1 / passed
        else:
            # The mean of the times between frames, not of their inverses, which short ones would rule.
            self.per_second = 1 / (MEMORY / self.per_second + (1 - MEMORY) * passed)
