"""What ends a command from outside."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from murauer.capture.sources.folder import read_times
from murauer.cli.main import EXIT_INTERRUPTED


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_recording_that_is_stopped_is_complete(how: signal.Signals, tmp_path: Path):
    out = tmp_path / "capture"
    program = [sys.executable, "-m", "murauer", "record", "simulated:?cameras=1", "--out", str(out)]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not list(out.glob("*/*.png")) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(how)
    told, complaints = process.communicate()
    assert process.returncode == 0, complaints
    frames = len(list(out.glob("*/*.png")))
    assert f"{frames} frames" in told
    assert len(read_times(out / "times.csv")) == frames


def test_a_command_that_sigterm_interrupts_says_so(monkeypatch: pytest.MonkeyPatch, capsys):
    from murauer.cli import info, main

    monkeypatch.setattr(info, "run", lambda _: os.kill(os.getpid(), signal.SIGTERM))
    before = signal.getsignal(signal.SIGTERM)
    assert main.main(["info"]) == EXIT_INTERRUPTED
    assert capsys.readouterr().err == "murauer: stopped\n"
    assert signal.getsignal(signal.SIGTERM) == before
