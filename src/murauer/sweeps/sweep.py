"""Many trainings as one task: side by side, restartable, and none that fails stops the others.

What is finished is read from its run folder, what was begun goes on at its last checkpoint. Progress is read
from there too, so trainings may run on any machine that shares the disk, see `murauer.sweeps.make_runner`.
"""

import json
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from murauer.errors import UserError
from murauer.evaluation.split import evaluate_split
from murauer.files import file_digest, written_whole
from murauer.foreign.documents import parse_object
from murauer.foreign.limits import MOST_SETTINGS
from murauer.locks import locked
from murauer.progress import Progress
from murauer.selftest.self_test import self_test_once
from murauer.store.row_file import read_rows
from murauer.store.store import Store, open_store
from murauer.sweeps.runner import LocalRunner, Runner, Task
from murauer.text_files import read_text
from murauer.training.checkpoint import CHECKPOINT_FILE
from murauer.training.config import Config
from murauer.training.device import open_device
from murauer.training.train import (
    PRETRAINED_FILE,
    PRETRAINING_CHECKPOINT_FILE,
    is_pretrained,
    pretrain,
    train,
    training_identity,
)
from murauer.training.variants import find_variant

METRICS_FILE = "metrics.json"
OUTPUT_FILE = "output.txt"
"""What a training says, in its run folder."""

POLL_S = 0.5


@dataclass(frozen=True)
class Job:
    """One training and its evaluation.

    Attributes:
        variant: Name of the variant.
        labels: Number n of labelled real frames.
        seed: Seed of the training.
        out: Run folder.
        pretraining: Folder of the pre-trained f and p that it starts from, which trainings of one seed share
            and the first makes; None for a variant without synthetic data.
        label_file: Lists the labelled frames, see `read_rows`, in place of a choice by the seed.
    """

    variant: str
    labels: int
    seed: int
    out: Path
    pretraining: Path | None
    label_file: Path | None = None

    def __str__(self) -> str:
        """Name it in a message."""
        return f"{self.variant}, n = {self.labels:,}, seed {self.seed}"


def make_jobs(cells: Sequence[tuple[str, int]], seeds: Sequence[int], folder: Path) -> list[Job]:
    """Lay trainings out, seed by seed, so that an unfinished sweep has whole seeds.

    Args:
        cells: Variant and number of labelled frames.
        seeds: All cells are trained with each.
        folder: Folder of the run folders and the pre-trained networks.
    """
    return [
        Job(
            variant,
            n,
            seed,
            folder / f"{variant}_n{n}_seed{seed}",
            folder / f"pretraining_seed{seed}" if find_variant(variant).synthetic else None,
        )
        for seed in dict.fromkeys(seeds)
        for variant, n in cells
    ]


@dataclass(frozen=True)
class Sweep:
    """What came of a sweep.

    Attributes:
        results: What `METRICS_FILE` holds of each finished training, in the order of the jobs.
        failures: Failures of the others, why there is no result, by the job's name.
    """

    results: list[dict[str, Any]]
    failures: dict[str, str]

    def check(self) -> None:
        """Tell which trainings failed.

        Raises:
            UserError: One did.
        """
        for name, reason in self.failures.items():
            print(f"murauer: {name}: {reason}", file=sys.stderr)
        if self.failures:
            raise UserError(
                f"{len(self.failures)} of {len(self.failures) + len(self.results)} trainings failed (see "
                "above), the others are finished; the same command tries the failed ones again"
            )


def run_sweep(
    store: Store,
    config: Config,
    jobs: Sequence[Job],
    *,
    splits: Sequence[str],
    runner: Runner | None = None,
    device: str = "cpu",
) -> Sweep:
    """Run trainings that are not finished, and the pre-trainings that they need.

    Args:
        store: The data.
        config: Config of all trainings.
        jobs: What to train.
        splits: Sets to evaluate on; "test@1" for one in which person 1 has the smaller cube, see
            `evaluate_split`.
        runner: Where; by default processes of this machine, one for each core.
        device: Where each of them computes.
    """
    runner = runner or LocalRunner()
    results = {job: read_result(store, config, job, splits) for job in jobs}
    todo = [job for job in jobs if results[job] is None]
    seeds = {job.pretraining: job.seed for job in todo if job.pretraining is not None}
    starts = {
        folder: _pretraining_work(store, config, seed, folder, device)
        for folder, seed in seeds.items()
        if not is_pretrained(store, config, seed, folder)
    }
    trainings = {job: _training_work(store, config, job, splits, starts, device) for job in todo}
    finished_steps = (len(jobs) - len(todo)) * config.training.joint_iterations
    # A seed's pre-training comes right before the first training that needs it.
    order = list(dict.fromkeys(work for own in trainings.values() for work in (own.after, own) if work))
    failures = _carry_out(order, runner, len(jobs) - len(todo), finished_steps)
    for job, work in trainings.items():
        if work not in failures:
            results[job] = read_result(store, config, job, splits)
            if results[job] is None:
                failures[work] = f"{job.out / METRICS_FILE} is not to be seen; is the disk shared?"
    return Sweep(
        [result for result in results.values() if result is not None],
        {work.name: reason for work, reason in failures.items()},
    )


def read_result(store: Store, config: Config, job: Job, splits: Sequence[str]) -> dict[str, Any] | None:
    """Read the result of a finished training.

    Returns:
        What `METRICS_FILE` in the run folder holds: variant, number of labels, seed, metrics by split. None
        if there is none, or one of another training, or without one of the splits.
    """
    metrics = _read_metrics(store, config, job)
    return metrics if metrics.keys() >= set(splits) else None


def _read_metrics(store: Store, config: Config, job: Job) -> dict[str, Any]:
    """Read what there is of a training's evaluations."""
    try:
        metrics = parse_object(read_text(job.out / METRICS_FILE, MOST_SETTINGS), "it is damaged")
    except UserError:  # none yet, or one that is to be made again
        return {}
    return metrics if metrics.get("identity") == _identity(store, config, job) else {}


def _identity(store: Store, config: Config, job: Job) -> str:
    origin = file_digest(job.pretraining / PRETRAINED_FILE) if job.pretraining else ""
    rows = [] if job.label_file is None else [read_rows(job.label_file)]
    return training_identity(store, config, job.seed, job.variant, job.labels, origin, *rows)


@dataclass(frozen=True, eq=False)
class _Work:
    """A piece of the sweep.

    Attributes:
        name: In messages.
        out: Its folder.
        call: Carries it out.
        checkpoint: File there that tells how many steps are done.
        steps: Steps of all.
        after: What must be finished before.
    """

    name: str
    out: Path
    call: Callable[[], None]
    checkpoint: str
    steps: int
    after: "_Work | None" = None

    def steps_done(self) -> int:
        """Read how far it is."""
        try:
            with safe_open(self.out / self.checkpoint, framework="pt") as file:
                return min(int(file.metadata()["step"]), self.steps)
        except Exception:  # none yet, or one that the training itself will complain about
            return 0


def _pretraining_work(store: Store, config: Config, seed: int, out: Path, device: str) -> _Work:
    call = partial(_pretrain, store.folder, config, seed, out, device)
    steps = config.training.pretraining_iterations
    return _Work(f"pre-training, seed {seed}", out, call, PRETRAINING_CHECKPOINT_FILE, steps)


def _training_work(
    store: Store, config: Config, job: Job, splits: Sequence[str], starts: dict[Path, _Work], device: str
) -> _Work:
    call = partial(_train, store.folder, config, job, tuple(splits), device)
    after = starts.get(job.pretraining) if job.pretraining else None
    return _Work(str(job), job.out, call, CHECKPOINT_FILE, config.training.joint_iterations, after)


def _carry_out(
    order: Sequence[_Work], runner: Runner, finished: int, finished_steps: int
) -> dict[_Work, str]:
    """Do work with a runner, at most `runner.workers` pieces at a time; returns the reasons of failures."""
    waiting, running, failures = list(order), dict[_Work, Task](), dict[_Work, str]()
    steps = {work: work.steps_done() for work in order}
    total = finished_steps + sum(work.steps for work in order)
    count = finished + len(order)
    try:
        with Progress(f"{count} trainings", total, finished_steps + sum(steps.values()), "step") as progress:
            while waiting or running:
                for work in [work for work in waiting if work.after in failures]:
                    waiting.remove(work)
                    failures[work] = "its pre-training failed"
                unfinished = {*waiting, *running}
                ready = [work for work in waiting if work.after not in unfinished]
                for work in ready[: max(runner.workers - len(running), 0)]:
                    waiting.remove(work)
                    running[work] = runner.submit(_attempt, work.out, work.call)
                before = sum(steps.values())
                for work, task in list(running.items()):
                    if task.done():
                        del running[work]
                        reason = _reason_of_failure(task)
                        if reason is None:
                            steps[work] = work.steps
                        else:
                            failures[work] = reason
                    else:
                        steps[work] = work.steps_done()
                done = count - len(waiting) - len(running) - len(failures)
                progress.advance(sum(steps.values()) - before, finished=done, failed=len(failures))
                if running:
                    time.sleep(POLL_S)
    finally:
        for task in running.values():  # Ctrl-C, or the runner's failure
            task.cancel()
    return failures


def _reason_of_failure(task: Task) -> str | None:
    try:
        reason: str | None = task.result()
    except Exception as error:  # killed, or stopped by the cluster: no reason to lose the others
        return " ".join(str(error).split()) or repr(error)
    return reason


def _attempt(out: Path, call: Callable[[], None]) -> str | None:
    """Do a piece of work alone in its folder, with one thread; returns why it failed.

    On one core per training, several at a time finish sooner than one after the other with all cores. And a
    training repeats to the bit only with the same number of threads.
    """
    torch.set_num_threads(1)
    try:
        with (
            # A sweep that is started anew may find jobs of the killed one still running on a cluster.
            locked(out, wait=True),
            open(out / OUTPUT_FILE, "a", buffering=1, encoding="utf-8") as file,
            redirect_stdout(file),
            redirect_stderr(file),
        ):
            try:
                self_test_once()
                call()
            except UserError:
                raise
            except Exception:
                traceback.print_exc()
                raise
    except UserError as error:
        return str(error)
    except Exception as error:
        return f"{error!r}; more in {out / OUTPUT_FILE}"
    return None


def _pretrain(store_folder: Path, config: Config, seed: int, out: Path, device: str) -> None:
    pretrain(open_store(store_folder), config, seed, out, open_device(device))


def _train(store_folder: Path, config: Config, job: Job, splits: tuple[str, ...], device: str) -> None:
    """Train and evaluate; what another process has finished meanwhile is not repeated."""
    store, place = open_store(store_folder), open_device(device)
    known = _read_metrics(store, config, job)
    missing = [split for split in splits if split not in known]
    if not missing:
        return
    model = train(
        store,
        config,
        variant=job.variant,
        labels=job.labels,
        seed=job.seed,
        out=job.out,
        pretrained=job.pretraining / PRETRAINED_FILE if job.pretraining else None,
        label_rows=None if job.label_file is None else store.labelled_rows_from(job.label_file),
        device=place,
    )
    facts = {"variant": job.variant, "n_labelled": job.labels, "seed": job.seed}
    metrics = facts | {"identity": _identity(store, config, job)} | known
    for split in missing:
        name, _, person = split.partition("@")
        small_cube = int(person) if person else None
        metrics[split] = evaluate_split(model, store, name, small_cube, place).to_dict()
    with written_whole(job.out / METRICS_FILE) as path:
        path.write_text(json.dumps(metrics, indent=1))
