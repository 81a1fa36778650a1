"""A full disk ends work with one sentence and exit code 2, and what was complete is gone on with.

The disk is one in memory that has no space left but a little, and then a little more, until the work comes to
its end: so it was full at one write after the other. Making such a disk takes root.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from children import command, in_child
from tasks import TASKS, Inputs, in_words, make_inputs

from murauer.store.store import Store

PAGE = 4096
ROOMY = 256 << 20


class Disk:
    """A disk of any size."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOMY}", "tmpfs", str(folder)]
        if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("no disk can be mounted here")
        (folder / "taken").write_bytes(bytes(PAGE))  # else no free space would be one page, the smallest disk

    def leave(self, free: int) -> None:
        """Let it have so many free bytes."""
        self.resize(self.used() + free)

    def resize(self, size: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={max(size, PAGE)}", str(self.folder)], check=True)

    def used(self) -> int:
        state = os.statvfs(self.folder)
        return (state.f_blocks - state.f_bfree) * state.f_frsize


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path / "disk")
    yield made
    subprocess.run(["umount", "-l", str(made.folder)], check=True)


@pytest.fixture(scope="session")
def inputs(tiny_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return make_inputs(tmp_path_factory.mktemp("inputs"), tiny_store.folder)


def until_it_ends(disk: Disk, work: Callable[[], Any], said: Path, step: int) -> int:
    """Do something again and again, each time with a little more space; how often there was too little."""
    free, failures = 0, 0
    while True:
        disk.leave(free)
        ended = in_child(work, said)
        if ended.code == 0:
            return failures
        lines = [line for line in ended.said.splitlines() if line.startswith("murauer: ")]
        assert ended.code == 2 and "Traceback" not in ended.said, ended.said
        assert "No space left on device" in lines[-1] or "free some space" in lines[-1], ended.said
        failures += 1
        free += step


STEPS = {
    "record": 3, "import": 5, "render session": 20, "render frames": 20, "render pairs": 20, "train": 400,
    "labels into a store": 2,
}  # fmt: skip
"""Pages that each attempt has more than the one before."""

QUICK = ("record", "import")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in STEPS]
)
def test_work_goes_on_when_there_is_space_again(name: str, inputs: Inputs, disk: Disk, tmp_path: Path):
    task, roomy = TASKS[name], tmp_path / "roomy"
    roomy.mkdir()
    for folder in (roomy, disk.folder):
        task.prepare(inputs, folder)
    assert in_child(lambda: in_words(task.work(inputs, roomy)), tmp_path).code == 0
    work = task.work(inputs, disk.folder)
    failures = until_it_ends(disk, lambda: in_words(work), tmp_path, STEPS[name] * PAGE)
    assert failures >= 2
    task.check(inputs, disk.folder)
    task.compare(roomy, disk.folder)
    print(f"{name}: {failures} times too little space")


def test_a_log_of_labels_loses_none(inputs: Inputs, disk: Disk, tmp_path: Path):
    task = TASKS["label log"]
    (disk.folder / "done").write_text("0")
    work = task.work(inputs, disk.folder)
    assert until_it_ends(disk, lambda: in_words(work), tmp_path, 256) >= 0
    task.check(inputs, disk.folder)


COMMANDS: dict[str, tuple[int, Callable[[Inputs, Path], Callable[[], int]]]] = {
    "predict": (2, lambda inputs, out: command("predict", inputs.capture, "--out", out / "joints.json")),
    "predict, overlay": (
        2, lambda inputs, out: command("predict", inputs.capture, "--overlay", out / "overlay.png"),
    ),
    "predict, set": (2, lambda inputs, out: command(
        "predict", inputs.store, "--split", "test", "--model", inputs.run, "--out", out / "joints.npy",
        "--workers", 1,
    )),
    "select": (1, lambda inputs, out: command(
        "select", inputs.store, "-n", 2, "--among-labelled", "--model", inputs.run, "--out", out / "rows",
    )),
    "evaluate": (40, lambda inputs, out: command(
        "evaluate", inputs.run, "--data", inputs.store, "--report", out / "report.html",
    )),
    "export": (10, lambda inputs, out: command("export", inputs.run, "--out", out / "model.onnx")),
    "experiment": (10, lambda inputs, out: command(
        "experiment", "table1", inputs.run, "--data", inputs.store, "--out", out / "table1",
    )),
    "import weights": (2000, lambda inputs, out: command(
        "import", "weights", inputs.published, "--out", out / "model.safetensors",
    )),
}  # fmt: skip
"""Commands, and how many pages more each attempt has."""


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_results_are_written_whole_or_not_at_all(name: str, inputs: Inputs, disk: Disk, tmp_path: Path):
    step, make = COMMANDS[name]
    failures = until_it_ends(disk, make(inputs, disk.folder), tmp_path, PAGE * step)
    assert failures and not [path for path in disk.folder.rglob("*") if "partial" in path.name]
    assert all(path.stat().st_size for path in disk.folder.rglob("*") if path.is_file())
    print(f"{name}: {failures} times too little space")


def test_results_behind_a_redirection(tmp_path: Path):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")

    def work() -> int:
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, 1)
        sys.stdout = os.fdopen(1, "w")
        return command("info")()

    ended = in_child(work, tmp_path)
    assert ended.code == 2 and "No space left on device" in ended.said
