"""Folders that are read-only, deleted, linked, deep, and machines whose clock or workers fail.

Work that meets one comes to its end with the same result, or ends with one sentence and exit code 2.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from children import Ended, command, in_child
from tasks import TASKS, Inputs, Task, in_words, make_inputs

from murauer.chunks import run_chunk, worker_pool
from murauer.cli import info
from murauer.cli.main import main
from murauer.store.store import Store

NAMES = ("record", "import")


@pytest.fixture(scope="session")
def inputs(tiny_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return make_inputs(tmp_path_factory.mktemp("inputs"), tiny_store.folder)


def told(ended: Ended) -> str:
    """The sentence that work ended with."""
    assert ended.code == 2 and "Traceback" not in ended.said, ended.said
    lines = [line for line in ended.said.splitlines() if line.startswith("murauer: ")]
    return lines[-1]


def work_of(task: Task, inputs: Inputs, folder: Path) -> Callable[[], Any]:
    work = task.work(inputs, folder)
    return lambda: in_words(work)


def prepared(task: Task, inputs: Inputs, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    task.prepare(inputs, folder)
    return folder


def undisturbed(task: Task, inputs: Inputs, tmp_path: Path) -> Path:
    folder = prepared(task, inputs, tmp_path / "undisturbed")
    ended = in_child(work_of(task, inputs, folder), tmp_path)
    assert ended.code == 0, ended.said
    return folder


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder in which nobody can write; root can, where only its rights say so."""
    if os.geteuid():
        folder.chmod(0o555)
        yield
        folder.chmod(0o755)
        return
    bound = ["mount", "--bind", str(folder), str(folder)]
    if subprocess.run(bound, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
    yield
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("name", NAMES)
def test_a_read_only_folder_is_named(name: str, inputs: Inputs, tmp_path: Path):
    task = TASKS[name]
    folder = prepared(task, inputs, tmp_path / "folder")
    with read_only(folder):
        sentence = told(in_child(work_of(task, inputs, folder), tmp_path))
    assert str(folder) in sentence and (
        "Read-only file system" in sentence or "Permission denied" in sentence
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("share", [0.3, 0.7])
def test_a_folder_that_is_deleted_meanwhile(name: str, share: float, inputs: Inputs, tmp_path: Path):
    task = TASKS[name]
    operations = in_child(
        work_of(task, inputs, prepared(task, inputs, tmp_path / "first")), tmp_path
    ).operations
    folder = prepared(task, inputs, tmp_path / "folder")
    ended = in_child(
        work_of(task, inputs, folder), tmp_path,
        kill_at=int(share * len(operations)), kill=lambda: shutil.rmtree(folder, ignore_errors=True),
    )  # fmt: skip
    if ended.code:
        assert "No such file or directory" in (sentence := told(ended)) or str(folder) in sentence


@pytest.mark.parametrize("name", NAMES)
def test_a_clock_that_is_set_back_changes_nothing(name: str, inputs: Inputs, tmp_path: Path):
    task = TASKS[name]
    expected = undisturbed(task, inputs, tmp_path)
    folder = prepared(task, inputs, tmp_path / "folder")
    work = work_of(task, inputs, folder)

    def back() -> None:
        time.time = lambda: 1e8

    ended = in_child(work, tmp_path, kill_at=5, kill=back)
    assert ended.code == 0, ended.said
    task.compare(expected, folder)


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_behind_links(name: str, inputs: Inputs, tmp_path: Path):
    task = TASKS[name]
    expected = undisturbed(task, inputs, tmp_path)
    prepared(task, inputs, tmp_path / "elsewhere")
    (tmp_path / "first").symlink_to("elsewhere")
    folder = tmp_path / "second"
    folder.symlink_to("first")
    ended = in_child(work_of(task, inputs, folder), tmp_path)
    assert ended.code == 0, ended.said
    assert folder.is_symlink() and (tmp_path / "first").is_symlink()
    task.compare(expected, tmp_path / "elsewhere")


PLACES: dict[str, Callable[[Inputs], tuple[object, ...]]] = {
    "record": lambda inputs: ("record", "simulated:?paced=false", "--frames", 1),
    "import": lambda inputs: ("import", "recording", inputs.capture, "--workers", 1),
    "predict": lambda inputs: ("predict", inputs.capture),
    "train": lambda inputs: ("train", "--data", inputs.store, "--config", inputs.config, "--labels", 8),
}
"""What is written, but for `--out`."""


@pytest.mark.parametrize(
    "kind", ["a link to nowhere", "a link to itself", "a name too long", "a path too long"]
)
@pytest.mark.parametrize("name", PLACES)
def test_a_place_that_cannot_be(kind: str, name: str, inputs: Inputs, tmp_path: Path):
    place = {
        "a link to nowhere": tmp_path / "link",
        "a link to itself": tmp_path / "circle",
        "a name too long": tmp_path / ("a" * 300),
        "a path too long": tmp_path.joinpath(*["a" * 200] * 25),
    }[kind]
    (tmp_path / "link").symlink_to(tmp_path / "no" / "folder")
    (tmp_path / "circle").symlink_to("circle")
    ended = in_child(command(*PLACES[name](inputs), "--out", place), tmp_path)
    if ended.code:
        assert told(ended)
    else:
        assert kind == "a link to nowhere" and (tmp_path / "no" / "folder").exists()


def test_a_worker_that_is_killed_is_told(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    def work(_: object) -> None:
        with worker_pool(killed, 1) as pool:
            pool.submit(run_chunk, 0).result()

    monkeypatch.setattr(info, "run", work)
    assert main(["info"]) == 2
    assert capfd.readouterr().err.startswith("murauer: a worker process was killed")


def killed() -> Callable[[Any], Any]:
    """What a worker does whom the system kills for want of memory."""
    return lambda _: os.kill(os.getpid(), signal.SIGKILL)
