"""Trainings as jobs of a cluster, through submitit; imported only when it is chosen."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import submitit
from submitit.helpers import Checkpointable

from murauer.errors import UserError
from murauer.sweeps.runner import Task

DEFAULTS = {"timeout_min": 24 * 60, "cpus_per_task": 1, "mem_gb": 8}
MAX_TIMEOUTS = 100
"""How often a job that reached its time limit is put back into the queue."""


class SubmititRunner:
    """Submits calls to Slurm, or to processes of this machine by the same way.

    Args:
        cluster: Which of the two.
        folder: Folder for job files, on a disk that all machines share.
        workers: Jobs at a time; for Slurm all at once by default, which has a queue of its own.
        options: Options for `submitit.AutoExecutor.update_parameters`.

    Raises:
        UserError: There is no Slurm here, or submitit does not accept an option.
    """

    def __init__(
        self,
        cluster: Literal["slurm", "local"],
        folder: Path,
        workers: int | None,
        options: Mapping[str, Any],
    ):
        self.workers = workers or (sys.maxsize if cluster == "slurm" else len(os.sched_getaffinity(0)))
        try:
            self._executor = submitit.AutoExecutor(
                folder.absolute(), cluster=cluster, slurm_max_num_timeout=MAX_TIMEOUTS
            )
            self._executor.update_parameters(**(DEFAULTS | dict(options)))
        except (RuntimeError, NameError, ValueError, TypeError, AssertionError) as error:
            raise UserError(f"submitit cannot submit jobs to '{cluster}': {error}") from error

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Task:
        """Submit a job."""
        job: Task = self._executor.submit(_Resubmitted(function), *arguments)
        return job


class _Resubmitted(Checkpointable):
    """A call that a cluster may interrupt, for time or for others, and start again: trainings resume."""

    def __init__(self, function: Callable[..., Any]):
        self.function = function

    def __call__(self, *arguments: Any) -> Any:
        return self.function(*arguments)
