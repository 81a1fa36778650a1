import io
import sys

import pytest

from murauer import progress
from murauer.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def every_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)


def test_plain_lines_where_stderr_is_no_terminal(every_line, capsys):
    with Progress("training", total=4, unit="step") as shown:
        for loss in (3.0, 2.0):
            shown.advance(2, loss=loss)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == ["training: 2/4 step", "training: 4/4 step"]
    assert "left" in lines[0] and lines[0].endswith("loss 3")
    assert not any("\r" in line for line in lines)


def test_lines_are_rare(capsys):
    with Progress("training", total=1000) as shown:
        for _ in range(1000):
            shown.advance()
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_resumed_units_do_not_count_for_the_rate(every_line, capsys, monkeypatch):
    seconds = iter([0.0, 10.0, 10.0, 10.0, 10.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(seconds))
    with Progress("training", total=200, start=100, unit="step") as shown:
        shown.advance(10)
    assert "training: 110/200 step, 1.0 step/s, 01:30 left" in capsys.readouterr().err


def test_the_rate_of_each_worker(every_line, capsys, monkeypatch):
    seconds = iter([0.0, *[10.0] * 5])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(seconds))
    with Progress("importing", total=200, unit="image") as shown:
        shown.workers = 4
        shown.advance(100)
    line = capsys.readouterr().err
    assert "importing: 100/200 image, 10.0 image/s, 00:10 left, 4 workers with 2.5 image/s each" in line


def test_bar_on_a_terminal(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress("training", total=3, unit="step") as shown:
        for _ in range(3):
            shown.advance(1, loss=1.25)
    assert "training: 100%" in terminal.getvalue() and "\r" in terminal.getvalue()


def test_error_inside_is_not_hidden(capsys):
    with pytest.raises(RuntimeError), Progress("training", total=3):
        raise RuntimeError("boom")
    assert capsys.readouterr().err == ""


def test_line_without_a_total(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("recording", None, unit="frame") as progress:
        progress.advance(3)
    assert capsys.readouterr().err.startswith("recording: 3 frame, ")
