"""Moments of cameras that run by themselves, put together."""

from collections.abc import Iterator

import numpy as np
import pytest

from murauer.capture.sources.nearest import nearest_in_time
from murauer.capture.sources.source import SourceFrame
from murauer.errors import UserError


def stream(times: list[float], dropped: dict[int, int] | None = None) -> Iterator[SourceFrame]:
    """Moments whose depth is their time."""
    for index, time_s in enumerate(times):
        yield SourceFrame(time_s, (np.full((1, 1), time_s, np.float32),), (dropped or {}).get(index, 0))


def pairs(*streams: Iterator[SourceFrame]) -> list[tuple[list[float], int]]:
    found = nearest_in_time(streams, period_s=1.0)
    return [([round(float(depth[0, 0]), 3) for depth in each.depths], each.dropped) for each in found]


def test_whatever_phase_each_gets_the_nearest() -> None:
    times = np.arange(20.0)
    for phase in np.linspace(-3, 3, 25):
        together = pairs(stream(list(times)), stream(list(times + phase)))
        assert len(together) >= 16
        assert all(abs(first - second) <= 0.5 for (first, second), _ in together)
        assert [dropped for _, dropped in together] == [0] * len(together)


def test_what_one_of_them_lost_is_lost_for_all() -> None:
    full = stream([0.0, 1.0, 2.0, 3.0, 4.0])
    gappy = stream([0.1, 1.1, 4.1], dropped={2: 2})
    assert pairs(full, gappy) == [([0.0, 0.1], 0), ([1.0, 1.1], 0), ([4.0, 4.1], 2)]


def test_three_cameras_and_the_end_of_one() -> None:
    together = pairs(stream([0.0, 1.0, 2.0]), stream([0.4, 1.4]), stream([-1.0, 0.1, 1.1, 2.1]))
    assert together == [([0.0, 0.4, 0.1], 0), ([1.0, 1.4, 1.1], 0)]


def test_times_by_different_clocks_are_told() -> None:
    with pytest.raises(UserError, match=r"times are 5000 s apart.*by one clock"):
        pairs(stream([0.0, 1.0]), stream([5000.0, 5001.0]))
