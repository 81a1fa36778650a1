"""When to show what was recorded: as it passed, as far as the machine keeps up."""

import time

LATE_S = 0.5
"""Who is later than this goes on from there in place of catching up."""

LONGEST_GAP_S = 2.0
"""Nobody wants to wait through a longer gap, such as between two sessions of a capture."""


class Pace:
    """Tells how long to wait for each frame of a capture."""

    def __init__(self) -> None:
        self._began: float | None = None

    def wait_s(self, time_s: float) -> float:
        """Return in how many seconds a frame is due.

        Args:
            time_s: Of the frame, by the clock of the capture.
        """
        now = time.monotonic()
        if self._began is None or not -LATE_S <= self._began + time_s - now <= LONGEST_GAP_S:
            self._began = now - time_s
        return max(0.0, self._began + time_s - now)

    def begin_anew(self) -> None:
        """Have the next frame be due at once."""
        self._began = None
