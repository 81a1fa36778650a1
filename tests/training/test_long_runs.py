"""Long runs say what they do and how long it takes, and end with a checkpoint when they are stopped."""

import os
import re
import signal
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from murauer.nets.model_file import MODEL_FILE, read_provenance, read_tensors
from murauer.store.store import Store
from murauer.training import loop, plan
from murauer.training.batch_source import BatchSource
from murauer.training.checkpoint import CHECKPOINT_FILE
from murauer.training.config import Config, load_config
from murauer.training.interruption import signals_put_off
from murauer.training.plan import Plan, Stage
from murauer.training.train import PRETRAINED_FILE, PRETRAINING_CHECKPOINT_FILE, train


@pytest.fixture
def config() -> Config:
    smoke = load_config("smoke")
    settings = {"pretraining_iterations": 5, "joint_iterations": 6, "checkpoint_every": 100}
    return msgspec.structs.replace(smoke, training=msgspec.structs.replace(smoke.training, **settings))


def full(store: Store, config: Config, out: Path) -> Path:
    return train(store, config, variant="full", labels=10, seed=0, out=out)


def step_of(checkpoint: Path) -> int:
    return int(read_tensors(checkpoint)[1]["step"])


class Killed(BaseException):
    """What a handler of somebody else's raises."""


@pytest.mark.parametrize(
    ("number", "stage"), [(signal.SIGINT, "pretraining"), (signal.SIGTERM, "joint"), (signal.SIGINT, "joint")]
)
def test_a_stopped_training_has_a_checkpoint_of_its_last_step(
    tiny_store: Store,
    config: Config,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    stage: str,
) -> None:
    reference = full(tiny_store, config, tmp_path / "reference")
    draw = getattr(BatchSource, stage)

    def draw_and_stop(source: BatchSource, step: int, *part: object) -> object:
        if step == 2:
            os.kill(os.getpid(), number)
        return draw(source, step, *part)

    def killed(*_: object) -> None:
        raise Killed

    before = signal.signal(number, killed)
    try:
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(BatchSource, stage, draw_and_stop)
            full(tiny_store, config, tmp_path / "run")
        assert signal.getsignal(number) is killed
    finally:
        signal.signal(number, before)
    name = CHECKPOINT_FILE if stage == "joint" else PRETRAINING_CHECKPOINT_FILE
    assert step_of(tmp_path / "run" / name) == 3  # the step was ended
    assert not (tmp_path / "run" / MODEL_FILE).exists()
    assert (tmp_path / "run" / PRETRAINED_FILE).exists() == (stage == "joint")
    resumed = full(tiny_store, config, tmp_path / "run")
    assert resumed.read_bytes() == reference.read_bytes()


def test_a_second_ctrl_c_does_not_wait() -> None:
    with pytest.raises(KeyboardInterrupt), signals_put_off() as stopped:
        signal.raise_signal(signal.SIGINT)
        assert stopped()
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("it did wait")


def test_signals_that_are_ignored_stay_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with signals_put_off() as stopped:
            signal.raise_signal(signal.SIGINT)
            assert not stopped()
    finally:
        signal.signal(signal.SIGINT, before)


def test_what_fails_because_another_process_went_is_no_error_of_its_own() -> None:
    with pytest.raises(KeyboardInterrupt), signals_put_off():
        signal.raise_signal(signal.SIGINT)
        raise RuntimeError("connection closed by peer")
    with pytest.raises(RuntimeError, match="out of memory"), signals_put_off():
        raise RuntimeError("out of memory")


def test_other_threads_leave_signals_alone() -> None:
    found: list[bool] = []

    def put_off() -> None:
        with signals_put_off() as stopped:
            found.append(stopped())

    thread = threading.Thread(target=put_off)
    thread.start()
    thread.join()
    assert found == [False]


def test_a_training_that_goes_on_elsewhere_says_so(
    tiny_store: Store, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = BatchSource.joint

    def draw_and_stop(source: BatchSource, step: int, *part: Any) -> Any:
        if step == 2:
            raise Killed
        return draw(source, step, *part)

    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)  # a checkpoint after each step
    reference = full(tiny_store, config, tmp_path / "reference")
    for out in ("here", "elsewhere"):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(BatchSource, "joint", draw_and_stop)
            full(tiny_store, config, tmp_path / out)
    assert full(tiny_store, config, tmp_path / "here").read_bytes() == reference.read_bytes()
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        made = read_provenance(full(tiny_store, config, tmp_path / "elsewhere"))
    finally:
        torch.set_num_threads(threads)
    assert made is not None and made.threads == threads + 1
    assert [part.threads for part in made.earlier] == [threads]
    # Without a step that is left nothing is made here.
    assert read_provenance(full(tiny_store, config, tmp_path / "elsewhere")) == made


def test_checkpoints_come_by_time_as_well(
    tiny_store: Store, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[int] = []
    monkeypatch.setattr(loop, "save_checkpoint", lambda *arguments: saved.append(arguments[4]))
    full(tiny_store, config, tmp_path / "a")
    assert saved == [5, 6]  # those at the end of both stages
    saved.clear()
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    full(tiny_store, config, tmp_path / "b")
    assert saved == [1, 2, 3, 4, 5, *range(1, 7)]


def test_a_run_says_what_it_does_and_how_long_it_takes(
    tiny_store: Store,
    config: Config,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(plan, "PACE_STEPS", 4)
    full(tiny_store, config, tmp_path / "run")
    told = capsys.readouterr().err
    begin, pace, *rest = [line for line in told.splitlines() if line.startswith("murauer: ")]
    assert re.fullmatch(
        "murauer: full with 10 labelled frames, seed 0, on cpu: 5 steps of pre-training with 16 images each, "
        r"then 6 steps of full with 28 images each; weights, gradients and Adam take \d+ MB; "
        f"writes to {tmp_path}/run",
        begin,
    )
    assert re.fullmatch(
        r"murauer: [\d,]+ ms a step of pre-training, \d+\.\d GB of memory; about \d\d:\d\d left in all", pace
    )
    assert len(rest) == 1 and "a step of full" in rest[0]
    total = 5 * 16 + 6 * 28
    assert f"pre-training: 80/{total} image" in told and f"full: {total}/{total} image" in told


def test_time_left_counts_the_images_of_all_stages(capsys: pytest.CaptureFixture[str]) -> None:
    stages = Plan((Stage("first", 100, 10), Stage("second", 50, 40)))
    assert stages.images == 3_000 and stages.find("second") == (stages.stages[1], 1_000)
    stages.tell_pace("first", start=20, steps=10, seconds=5.0)  # 50 ms an image, of which 2,700 are left
    assert "500 ms a step of first" in (told := capsys.readouterr().err) and "about 02:15 left" in told
