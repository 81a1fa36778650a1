"""Sweeps: nothing is trained twice, nothing is lost with what fails, everywhere with the same numbers."""

import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

import murauer.sweeps.sweep
from inline_runner import Inline
from murauer.errors import UserError
from murauer.experiments.ablation_table import Result, sweep_rows
from murauer.provenance import Provenance
from murauer.store.store import Store
from murauer.sweeps.make_runner import make_runner
from murauer.sweeps.runner import LocalRunner
from murauer.sweeps.sweep import METRICS_FILE, OUTPUT_FILE, make_jobs, read_result, run_sweep
from murauer.training import loop
from murauer.training.config import Config, load_config
from murauer.training.loop import Training

CELLS = [("synth_only", 0), ("real_only", 10), ("full", 10)]
TEST = ("test",)


@pytest.fixture(scope="module")
def config() -> Config:
    smoke = load_config("smoke")
    training = msgspec.structs.replace(
        smoke.training, pretraining_iterations=4, joint_iterations=5, checkpoint_every=2
    )
    return msgspec.structs.replace(smoke, training=training)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(murauer.sweeps.sweep, "POLL_S", 0.02)


@pytest.fixture(scope="module")
def undisturbed(tiny_store: Store, config: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of all cells with seed 0."""
    folder = tmp_path_factory.mktemp("sweep")
    sweep = run_sweep(tiny_store, config, make_jobs(CELLS, [0], folder), splits=TEST, runner=Inline())
    assert not sweep.failures
    return folder


def numbers(folder: Path) -> dict[str, Any]:
    return {path.parent.name: json.loads(path.read_text())["test"] for path in folder.rglob(METRICS_FILE)}


def test_jobs_are_laid_out_seed_by_seed(tmp_path: Path) -> None:
    jobs = make_jobs(CELLS, [3, 1, 3], tmp_path)
    assert [(job.seed, job.variant) for job in jobs] == [(s, name) for s in (3, 1) for name, _ in CELLS]
    assert len({job.out for job in jobs}) == 6
    assert {job.pretraining for job in jobs[:3]} == {None, tmp_path / "pretraining_seed3"}
    assert jobs[1].pretraining is None  # no synthetic data, no pre-training


def test_every_job_has_its_result_and_its_pretraining_once(
    tiny_store: Store, config: Config, undisturbed: Path
) -> None:
    jobs = make_jobs(CELLS, [0], undisturbed)
    again = Inline()
    sweep = run_sweep(tiny_store, config, jobs, splits=TEST, runner=again)
    assert [(r["variant"], r["n_labelled"], r["seed"]) for r in sweep.results] == [(*c, 0) for c in CELLS]
    assert again.folders == []  # all of it was there
    assert "step" in (jobs[2].out / OUTPUT_FILE).read_text()

    more = make_jobs([*CELLS, ("real_and_synth", 10)], [0], undisturbed.parent / undisturbed.name)
    sweep = run_sweep(tiny_store, config, more, splits=TEST, runner=again)
    assert again.folders == ["real_and_synth_n10_seed0"] and len(sweep.results) == 4


def test_another_split_is_added_without_training(
    tiny_store: Store, config: Config, undisturbed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job,) = make_jobs(CELLS[2:], [0], undisturbed)
    before = numbers(undisturbed)[job.out.name]
    saved = []
    monkeypatch.setattr(loop, "save_checkpoint", lambda *state: saved.append(state))
    (result,) = run_sweep(tiny_store, config, [job], splits=("validation",), runner=Inline()).results
    assert result["test"] == before and result["validation"]["frames"] == 16 and saved == []


def test_other_settings_are_another_training(tiny_store: Store, config: Config, undisturbed: Path) -> None:
    (job,) = make_jobs(CELLS[2:], [0], undisturbed)
    assert read_result(tiny_store, config, job, TEST)
    other = msgspec.structs.replace(config, training=msgspec.structs.replace(config.training, set_size=3))
    assert read_result(tiny_store, other, job, TEST) is None
    assert read_result(tiny_store, config, replace(job, seed=1), TEST) is None
    assert read_result(tiny_store, config, job, ("test", "twin")) is None


def test_one_that_fails_stops_no_other(
    tiny_store: Store,
    config: Config,
    undisturbed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    run = Training.run

    def diverging(self: Training, name: str, *arguments: Any) -> Provenance:
        if name == "real_only":
            raise UserError("the loss is nan")
        if name == "full":
            raise ZeroDivisionError("a mistake of ours")
        return run(self, name, *arguments)

    monkeypatch.setattr(Training, "run", diverging)
    jobs = make_jobs(CELLS, [0], tmp_path)
    sweep = run_sweep(tiny_store, config, jobs, splits=TEST, runner=Inline())
    assert [result["variant"] for result in sweep.results] == ["synth_only"]
    assert sweep.failures["real_only, n = 10, seed 0"] == "the loss is nan"
    assert "ZeroDivisionError" in sweep.failures["full, n = 10, seed 0"]
    assert "Traceback" in (jobs[2].out / OUTPUT_FILE).read_text()
    with pytest.raises(UserError, match="2 of 3 trainings failed"):
        sweep.check()
    assert "murauer: real_only, n = 10, seed 0: the loss is nan" in capfd.readouterr().err

    monkeypatch.setattr(Training, "run", run)
    again = Inline()
    assert not run_sweep(tiny_store, config, jobs, splits=TEST, runner=again).failures
    assert again.folders == ["real_only_n10_seed0", "full_n10_seed0"]
    reference = numbers(undisturbed)
    assert numbers(tmp_path) == {name: reference[name] for name in numbers(tmp_path)}


def test_without_its_pretraining_a_training_does_not_start(
    tiny_store: Store, config: Config, tmp_path: Path
) -> None:
    runner = Inline(kill=lambda out: out.name == "pretraining_seed1")
    sweep = run_sweep(tiny_store, config, make_jobs(CELLS, [1], tmp_path), splits=TEST, runner=runner)
    assert [result["variant"] for result in sweep.results] == ["real_only"]
    assert sweep.failures == {
        "pre-training, seed 1": "killed",
        "synth_only, n = 0, seed 1": "its pre-training failed",
        "full, n = 10, seed 1": "its pre-training failed",
    }


def test_progress_counts_the_steps_of_all_trainings(
    tiny_store: Store, config: Config, undisturbed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[int, int, int]] = []

    class Recorder:
        def __init__(self, name: str, total: int, start: int, unit: str):
            self.total, self.now = total, start
            assert name == "4 trainings"

        def __enter__(self) -> "Recorder":
            return self

        def __exit__(self, *_: object) -> None: ...

        def advance(self, units: int, finished: int, failed: int) -> None:
            self.now += units
            shown.append((self.now, self.total, finished))

    monkeypatch.setattr(murauer.sweeps.sweep, "Progress", Recorder)
    (undisturbed / "full_n10_seed0" / METRICS_FILE).unlink()  # trained, but not evaluated
    jobs = make_jobs([*CELLS, ("distr_match", 10)], [0], undisturbed)
    run_sweep(tiny_store, config, jobs, splits=TEST, runner=Inline(workers=1))
    assert shown == [(15, 20, 3), (20, 20, 4)]


def sleep(seconds: float) -> str:
    time.sleep(seconds)
    return "slept"


def die(number: int) -> None:
    os.kill(os.getpid(), number)


def test_processes_answer_and_die_alone() -> None:
    runner = LocalRunner(2)
    assert runner.workers == 2 and LocalRunner().workers >= 1
    slow, dead, broken = (
        runner.submit(sleep, 0.1),
        runner.submit(die, signal.SIGKILL),
        runner.submit(sleep, "x"),
    )
    assert slow.result() == "slept"
    with pytest.raises(RuntimeError, match="signal 9"):
        dead.result()
    with pytest.raises(RuntimeError, match="exit code 1"):
        broken.result()
    endless = runner.submit(sleep, 1000)
    assert not endless.done()
    endless.cancel()
    assert endless.done()


def test_runners_are_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unknown runner 'ray'; choose one of local"):
        make_runner("ray", tmp_path)
    with pytest.raises(UserError, match="'local' has no options, such as mem_gb"):
        make_runner("local", tmp_path, options={"mem_gb": 4})


def test_jobs_of_a_cluster_give_the_same_numbers(
    tiny_store: Store, config: Config, undisturbed: Path, tmp_path: Path
) -> None:
    """Through submitit, on two workers; the reference ran without it."""
    pytest.importorskip("submitit", reason="pip install submitit to test the cluster's runner")
    jobs = make_jobs(CELLS[1:], [0], tmp_path / "runs")
    runner = make_runner("submitit-local", tmp_path / "submitit", workers=2)
    sweep = run_sweep(tiny_store, config, jobs, splits=TEST, runner=runner)
    assert not sweep.failures and len(sweep.results) == 2
    assert len(list((tmp_path / "submitit").glob("*_result.pkl"))) == 3  # with the pre-training
    reference = run_sweep(
        tiny_store, config, make_jobs(CELLS[1:], [0], undisturbed), splits=TEST, runner=Inline()
    )
    tables = [
        sweep_rows([Result.of(one, "test") for one in results])
        for results in (sweep.results, reference.results)
    ]
    assert tables[0] == tables[1]


def test_submitit_is_asked_only_for_what_it_knows(tmp_path: Path) -> None:
    pytest.importorskip("submitit", reason="pip install submitit to test the cluster's runner")
    with pytest.raises(UserError, match="submitit cannot submit jobs to 'local'"):
        make_runner("submitit-local", tmp_path, options={"slurm_partitoin": "long"})
    if not os.environ.get("SLURM_CONF"):
        with pytest.raises(UserError, match="submitit cannot submit jobs to 'slurm'"):
            make_runner("slurm", tmp_path)


def test_an_interrupted_job_is_started_again(tmp_path: Path) -> None:
    """As a cluster does at a time limit, or to make way for another job."""
    pytest.importorskip("submitit", reason="pip install submitit to test the cluster's runner")

    def count_starts(folder: Path) -> int:
        with open(folder / "starts", "a") as file:
            file.write("x")
        while not (folder / "go").exists():
            time.sleep(0.05)
        return len((folder / "starts").read_text())

    def wait_for_start(number: int) -> None:
        limit = time.monotonic() + 120
        while not (tmp_path / "starts").exists() or len((tmp_path / "starts").read_text()) < number:
            assert time.monotonic() < limit
            time.sleep(0.05)

    runner = make_runner("submitit-local", tmp_path / "submitit", workers=1)
    task: Any = runner.submit(count_starts, tmp_path)
    wait_for_start(1)
    children = Path(f"/proc/{task._process.pid}/task/{task._process.pid}/children").read_text()
    os.kill(int(children), signal.SIGUSR2)  # what submitit has Slurm send
    wait_for_start(2)
    (tmp_path / "go").touch()
    assert task.result() == 2
