"""What was recorded comes as it passed; no catching up on long delays, no waiting through long gaps."""

from types import SimpleNamespace
from typing import Any

import pytest

from murauer.studio.page.pace import Pace


def test_waits(monkeypatch: Any) -> None:
    clock = SimpleNamespace(now=50.0)
    monkeypatch.setattr("time.monotonic", lambda: clock.now)
    pace = Pace()
    assert pace.wait_s(7.0) == 0
    assert pace.wait_s(7.1) == pytest.approx(0.1)
    clock.now += 0.25  # a little late: the next one comes at its time
    assert pace.wait_s(7.1) == 0 and pace.wait_s(7.3) == pytest.approx(0.05)
    clock.now += 5  # very late: from here on
    assert pace.wait_s(7.4) == 0 and pace.wait_s(7.5) == pytest.approx(0.1)
    assert pace.wait_s(3600.0) == 0 and pace.wait_s(3600.1) == pytest.approx(0.1)  # another session
    assert pace.wait_s(0.0) == 0 and pace.wait_s(0.1) == pytest.approx(0.1)  # a clock that began anew
    pace.begin_anew()
    assert pace.wait_s(0.5) == 0
