"""Tasks are done in turn, by one thread, and the last of many of one name alone."""

import threading
import time

from murauer.studio.page.worker import Worker


def test_in_turn_and_the_last_of_a_name() -> None:
    worker, done = Worker(), []
    for number in range(3):
        worker.post(lambda number=number: done.append(number))
        worker.post(lambda number=number: done.append(10 + number), "drag")
    worker.post(worker.stop)
    worker.run(lambda: None)
    assert done == [0, 1, 2, 12]


def test_from_other_threads_and_with_ticks_between() -> None:
    worker, ticks, seen = Worker(), [], []

    def tick() -> float | None:
        ticks.append(time.monotonic())
        if len(ticks) == 4:
            worker.stop()
        return 0.02

    thread = threading.Thread(
        target=lambda: [worker.post(lambda: seen.append(threading.get_ident())) for _ in "ab"]
    )
    thread.start()
    thread.join()
    worker.run(tick)
    assert seen == [threading.get_ident()] * 2 and len(ticks) == 4
    assert ticks[3] - ticks[2] > 0.015
