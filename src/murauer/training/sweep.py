"""Several trainings side by side, each in a process of its own with one thread.

A network as small as the demo's gains little from a second core, so two trainings side by side finish in
nearly the time of one. Finished ones are never repeated.
"""

import json
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from murauer.config import Config
from murauer.data.recording import Recording, open_recording
from murauer.evaluation.split import evaluate_split
from murauer.files import written_whole
from murauer.progress import Progress
from murauer.training.trainer import file_digest, pretrain, train, training_identity

METRICS_FILE = "metrics.json"


@dataclass(frozen=True)
class Job:
    """One training: variant, number of labels n, seed, its run folder and where f and p come from."""

    variant: str
    labels: int
    seed: int
    out: Path
    pretrained: Path | None


def run_job(recording_folder: Path, config: Config, job: Job, splits: tuple[str, ...]) -> dict[str, Any]:
    """Train and evaluate one model, or read the result of an earlier run.

    Args:
        recording_folder: the data.
        config: of the training.
        job: what to train.
        splits: sets to evaluate on.

    Returns:
        What `METRICS_FILE` in the run folder holds: variant, number of labels, seed, metrics by split.

    Raises:
        UserError: the data or the folder cannot be used, or the training diverged.
    """
    result = job.out / METRICS_FILE
    recording = open_recording(recording_folder)
    origin = file_digest(job.pretrained) if job.pretrained else ""
    identity = training_identity(recording, config, job.seed, job.variant, job.labels, origin)
    if result.exists():
        metrics = dict(json.loads(result.read_text()))
        if metrics.get("identity") == identity and metrics.keys() >= set(splits):
            return metrics
    torch.set_num_threads(1)
    model = train(
        recording,
        config,
        variant=job.variant,
        labels=job.labels,
        seed=job.seed,
        out=job.out,
        pretrained=job.pretrained,
    )
    metrics = {"variant": job.variant, "n_labelled": job.labels, "seed": job.seed, "identity": identity}
    for split in splits:
        metrics[split] = evaluate_split(model, recording, split).to_dict()
    with written_whole(result) as partial:
        partial.write_text(json.dumps(metrics, indent=1))
    return metrics


def _pretrain(recording_folder: Path, config: Config, seed: int, out: Path) -> Path:
    torch.set_num_threads(1)
    return pretrain(open_recording(recording_folder), config, seed, out)


def run_pretrainings(
    recording: Recording, config: Config, seeds: list[int], out: Path, workers: int | None = None
) -> list[Path]:
    """Pre-train f and p once for each seed, side by side, in `out/pretraining_seedS`.

    Each has one thread: a second one gains little on an idle machine, and on a busy one the two wait for each
    other at every step.

    Returns:
        Files of the pre-trained networks, in the order of the seeds.
    """
    with ProcessPoolExecutor(workers or os.cpu_count(), get_context("spawn")) as pool:
        futures = [
            pool.submit(_pretrain, recording.folder, config, seed, out / f"pretraining_seed{seed}")
            for seed in seeds
        ]
        return [future.result() for future in futures]


def run_sweep(
    recording: Recording,
    config: Config,
    jobs: list[Job],
    *,
    splits: tuple[str, ...],
    workers: int | None = None,
) -> list[dict[str, Any]]:
    """Run trainings side by side; returns their metrics in the order of the jobs.

    Args:
        recording: the data.
        config: of all trainings.
        jobs: what to train.
        splits: sets to evaluate on.
        workers: trainings at a time; all cores by default.
    """
    workers = workers or os.cpu_count() or 1
    with (
        ProcessPoolExecutor(workers, get_context("spawn")) as pool,
        Progress("trainings", len(jobs)) as progress,
    ):
        futures = {
            pool.submit(run_job, recording.folder, config, job, splits): index
            for index, job in enumerate(jobs)
        }
        results: dict[int, dict[str, Any]] = {}
        for future in as_completed(futures):
            results[futures[future]] = future.result()
            progress.advance(1)
    return [results[index] for index in range(len(jobs))]
