"""Ctrl-C and SIGTERM: the same thing, and never between two writes that belong together."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def sigterm_is_ctrl_c() -> Iterator[None]:
    """What a cluster, a container or a shutdown sends raises `KeyboardInterrupt`, as a person does."""
    if threading.current_thread() is not threading.main_thread():  # only that one may choose
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def held_back() -> Iterator[None]:
    """Let what takes milliseconds come to its end; an interrupt meanwhile arrives behind it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[tuple[int, FrameType | None]] = []
    before = {each: signal.getsignal(each) for each in INTERRUPTS}
    for each in INTERRUPTS:
        signal.signal(each, lambda number, frame: caught.append((number, frame)))
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        for number, frame in caught[:1]:
            handler = before[signal.Signals(number)]
            if callable(handler):
                handler(number, frame)
            elif handler == signal.SIG_DFL:
                signal.raise_signal(number)
