"""Progress for people: a bar with rate and time left on a terminal, plain lines elsewhere.

tqdm draws the bar; where stderr is no terminal (a log file, a pipe, CI) its carriage returns would pile up
in one endless line, so a line is written now and then instead.
"""

import sys
import time

from tqdm import tqdm

LINE_EVERY_S = 15.0
"""Seconds between two plain lines."""


class Progress:
    """Shows how far a task is; used as a context manager around it.

    Args:
        name: What is being done.
        total: Units in all; None if nobody knows.
        start: Units already done, by a run that is resumed; they do not count for the rate.
        unit: What is counted.

    Attributes:
        workers: Processes that share the work; of several, the rate of each is shown too.
    """

    def __init__(self, name: str, total: int | None, start: int = 0, unit: str = "it") -> None:
        self.workers = 1
        self._name, self._total, self._start, self._unit = name, total, start, unit
        self._done = self._shown = start
        self._started = self._last_line = time.monotonic()
        self._bar = None
        if sys.stderr.isatty():
            self._bar = tqdm(total=total, initial=start, desc=name, unit=f" {unit}", dynamic_ncols=True)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
        elif self._done > self._shown:
            self._print_line({})

    def advance(self, units: int = 1, **values: object) -> None:
        """Count finished units, and show numbers such as a loss beside them.

        Args:
            units: How many were finished since the last call.
            values: Numbers to show by name; tensors of one element are read only when they are shown.
        """
        self._done += units
        if self._bar is not None:
            self._bar.update(units)
            if self._bar.n == self._bar.last_print_n:  # just redrawn: reading a tensor is due
                self._bar.set_postfix_str(", ".join(self._remarks(values)), refresh=False)
        elif time.monotonic() - self._last_line >= LINE_EVERY_S:
            self._print_line(values)

    def _rate(self) -> float:
        """Units that were finished in a second."""
        return (self._done - self._start) / max(time.monotonic() - self._started, 1e-9)

    def _remarks(self, values: dict[str, object]) -> list[str]:
        """What is shown behind the rate of all."""
        shares = [f"{self.workers} workers with {self._rate() / self.workers:.1f} {self._unit}/s each"]
        texts = [
            f"{name} {value:,}" if isinstance(value, int) else f"{name} {float(value):.4g}"  # type: ignore[arg-type]
            for name, value in values.items()
        ]
        return [*(shares if self.workers > 1 else []), *([" ".join(texts)] if texts else [])]

    def _print_line(self, values: dict[str, object]) -> None:
        """Write one plain line with rate and time left."""
        self._last_line, self._shown = time.monotonic(), self._done
        rate = self._rate()
        of = "" if self._total is None else f"/{self._total}"
        parts = [f"{self._name}: {self._done}{of} {self._unit}", f"{rate:.1f} {self._unit}/s"]
        if self._total is not None and 0 < self._done < self._total and rate > 0:
            left = tqdm.format_interval((self._total - self._done) / rate)
            parts.append(f"{left} left")
        else:
            parts.append(f"{tqdm.format_interval(self._last_line - self._started)} in all")
        print(", ".join([*parts, *self._remarks(values)]), file=sys.stderr, flush=True)
