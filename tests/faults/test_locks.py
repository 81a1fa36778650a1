"""One process writes in a folder at a time, and a dead one does not keep it."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from murauer import locks
from murauer.cli.main import main
from murauer.errors import UserError
from murauer.locks import LOCK_FILE, Owner, locked

HOLD = """
import sys, time
from pathlib import Path
from murauer.locks import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def other(tmp_path: Path):
    """Another process that has locked a folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "run")], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def test_the_owner_is_named(tmp_path: Path, other):
    said = rf"run is being written by -c .*\(process {other.pid} on .*, since .* UTC\); let it end"
    with pytest.raises(UserError, match=said), locked(tmp_path / "run"):
        pass


def test_a_killed_owner_lets_go_and_a_stopped_one_leaves_nothing(tmp_path: Path, other):
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert (tmp_path / "run" / LOCK_FILE).exists()
    (tmp_path / "run" / "something").touch()
    with locked(tmp_path / "run"), locked(tmp_path / "run"):
        assert msgspec.json.decode((tmp_path / "run" / LOCK_FILE).read_bytes())["pid"] == os.getpid()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["something"]


def test_waiting_for_an_owner(tmp_path: Path, other):
    started = time.monotonic()
    killer = subprocess.Popen(["sh", "-c", f"sleep 1; kill -9 {other.pid}"])
    with locked(tmp_path / "run", wait=True):
        assert time.monotonic() - started > 0.9
    killer.wait()


def without_locks(*_: object) -> None:
    raise OSError(38, "Function not implemented")


def test_on_a_disk_without_locks_a_process_that_runs_keeps_the_folder(
    tmp_path: Path, other, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(fcntl, "flock", without_locks)
    with pytest.raises(UserError, match=f"process {other.pid}"), locked(tmp_path / "run"):
        pass
    other.kill()
    other.wait()
    with locked(tmp_path / "run"):
        pass


def test_another_process_with_the_number_of_the_owner_is_not_the_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(fcntl, "flock", without_locks)
    myself = locks._myself()
    (tmp_path / LOCK_FILE).write_bytes(msgspec.json.encode(msgspec.structs.replace(myself, started=1)))
    with locked(tmp_path):
        pass


@pytest.mark.parametrize("beats", [False, True])
def test_on_a_network_disk_the_beats_of_another_machine_count(
    beats: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    owner = Owner("elsewhere", 1, 1, "", "2026-01-01 12:00 UTC", "murauer train")
    path = tmp_path / LOCK_FILE
    path.write_bytes(msgspec.json.encode(owner))
    os.utime(path, (2e9, 2e9))  # its clock is years ahead
    monkeypatch.setattr(locks, "GONE_S", 1.5)
    if beats:
        beat = subprocess.Popen(["sh", "-c", f"sleep 0.4; touch {path}"])
        with pytest.raises(UserError, match=r"murauer train \(process 1 on elsewhere"), locked(tmp_path):
            pass
        beat.wait()
    else:
        with locked(tmp_path):
            pass
    assert "looking whether it still runs" in capsys.readouterr().err


def test_the_lock_beats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(locks, "BEAT_S", 0.05)
    with locked(tmp_path):
        before = locks._changed(tmp_path / LOCK_FILE)
        while locks._changed(tmp_path / LOCK_FILE) == before:
            time.sleep(0.01)


def test_two_recordings_into_one_folder(tmp_path: Path, capfd):
    out = tmp_path / "capture"
    source = "simulated:?cameras=1"
    program = [sys.executable, "-m", "murauer", "record", source, "--out", str(out)]
    process = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not list(out.glob("*/*.png")) and process.poll() is None:
        time.sleep(0.05)
    assert main(["record", source, "--out", str(out), "--frames", "9000"]) == 2
    assert f"murauer record (process {process.pid} on " in capfd.readouterr().err
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 0
