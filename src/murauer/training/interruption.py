"""Ctrl-C and SIGTERM while a training is in a step: put off until there is a checkpoint."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def signals_put_off() -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether to stop; what stops then does what the signal would have done.

    A second Ctrl-C does not wait. Of several processes that share a training the leading one writes the
    checkpoint and goes; the others stop when they find it gone.
    """
    noted: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        if noted and number == signal.SIGINT:
            raise KeyboardInterrupt
        noted.append(number)

    before = {}
    if threading.current_thread() is threading.main_thread():  # only that one may choose
        heeded = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
        before = {number: signal.signal(number, note) for number in heeded}
    try:
        yield lambda: bool(noted)
    except RuntimeError:  # of a sum with a process that is gone
        if not noted:
            raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if noted:
        signal.raise_signal(noted[0])
        raise KeyboardInterrupt
