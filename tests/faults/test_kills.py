"""Work that is killed loses nothing that was done, leaves nothing that cannot be read, and goes on.

Kills come before each operation on files that the work makes, and at random moments. The quick part takes
some of the operations; `make faults` takes all, and 200 random moments.
"""

import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from children import Ended, in_child
from tasks import TASKS, Inputs, Task, make_inputs

from murauer.store.store import Store

KILLS = int(os.environ.get("MURAUER_KILLS", "0"))
"""Kills at random moments, over all tasks."""

SEED = os.environ.get("MURAUER_SEED", "0")
"""Of the random moments."""

MOMENTS = int(os.environ.get("MURAUER_MOMENTS", "4"))
"""Operations on files before which a task is killed, at most."""

QUICK = ("label log", "labels into a store", "record", "import")


@pytest.fixture(scope="session")
def inputs(tiny_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return make_inputs(tmp_path_factory.mktemp("inputs"), tiny_store.folder)


@pytest.fixture(scope="session")
def undisturbed(
    inputs: Inputs, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Task], tuple[Path, Ended, float]]:
    """Do a task without kills; tells its folder, how it ended, and how long it took."""
    known: dict[str, tuple[Path, Ended, float]] = {}

    def do(task: Task) -> tuple[Path, Ended, float]:
        if task.name not in known:
            folder = tmp_path_factory.mktemp("undisturbed")
            task.prepare(inputs, folder)
            started = time.monotonic()
            ended = in_child(task.work(inputs, folder), tmp_path_factory.mktemp("said"))
            assert ended.code == 0, ended.said
            known[task.name] = folder, ended, time.monotonic() - started
        return known[task.name]

    return do


def victims(task: Task, inputs: Inputs, folder: Path) -> Iterator[Path]:
    """Folders to do a task in, each with what must be there before."""
    number = 0
    while True:
        victim = folder / f"victim{number}"
        victim.mkdir()
        task.prepare(inputs, victim)
        yield victim
        shutil.rmtree(victim)
        number += 1


def go_on(task: Task, inputs: Inputs, victim: Path, said: Path, killed: str) -> None:
    """Look at what a kill left, and do the rest."""
    task.check(inputs, victim)
    ended = in_child(task.work(inputs, victim), said)
    assert ended.code == 0, f"{task.name} after {killed}: {ended.said}"


@pytest.mark.parametrize(
    "task",
    [
        pytest.param(task, id=name, marks=() if name in QUICK else pytest.mark.slow)
        for name, task in TASKS.items()
    ],
)
def test_killed_before_an_operation_on_files(task: Task, inputs: Inputs, undisturbed, tmp_path: Path):
    expected, ended, _ = undisturbed(task)
    count = len(ended.operations)
    chosen = (
        range(count) if count <= MOMENTS else sorted(random.Random(task.name).sample(range(count), MOMENTS))
    )
    for operation, victim in zip(chosen, victims(task, inputs, tmp_path), strict=False):
        killed = in_child(task.work(inputs, victim), tmp_path, kill_at=operation)
        assert killed.code == -9, killed.said
        go_on(task, inputs, victim, tmp_path, killed.operations[-1])
        task.compare(expected, victim)
    print(f"{task.name}: killed before {len(chosen)} of {count} operations on files")


@pytest.mark.slow
@pytest.mark.parametrize("task", [pytest.param(task, id=name) for name, task in TASKS.items() if task.random])
def test_killed_at_random_moments(task: Task, inputs: Inputs, undisturbed, tmp_path: Path):
    expected, _, seconds = undisturbed(task)
    moments = random.Random(f"{SEED} {task.name}")
    kills, finished = -(-KILLS // sum(each.random for each in TASKS.values())), 0
    folders = victims(task, inputs, tmp_path)
    victim = next(folders)
    for number in range(kills):
        after_s, to_its_end = moments.uniform(0, 1) * seconds, moments.random() < 0.3
        print(f"{task.name}, MURAUER_SEED={SEED}: kill {number + 1} after {after_s:.3f} s", flush=True)
        killed = in_child(task.work(inputs, victim), tmp_path, kill_after_s=after_s)
        assert killed.code in (-9, 0), killed.said
        task.check(inputs, victim)
        if killed.code == 0 or to_its_end:  # others are killed again where they have come to
            go_on(task, inputs, victim, tmp_path, "a random kill")
            task.compare(expected, victim)
            victim, finished = next(folders), finished + 1
    go_on(task, inputs, victim, tmp_path, "a random kill")
    task.compare(expected, victim)
    print(f"{task.name}: {kills} random kills, {finished + 1} results equal to the undisturbed one")
