"""Makes what runs the trainings of a sweep, by its name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from murauer.errors import UserError
from murauer.sweeps.runner import LocalRunner, Runner

RUNNERS = ("local", "submitit-local", "slurm")
"""Names for `make_runner`: processes; the same through submitit, to try it; the jobs of a Slurm cluster."""


def make_runner(
    name: str, folder: Path, workers: int | None = None, options: Mapping[str, Any] | None = None
) -> Runner:
    """Make a runner by its name.

    Args:
        name: One of `RUNNERS`.
        folder: Folder on a disk that all machines share; a cluster's job files are put there.
        workers: Calls at a time; by default as many as there are cores, for a cluster all at once.
        options: What submitit shall ask the cluster for, by its names: `timeout_min`, `slurm_partition`, ...

    Raises:
        UserError: The name is unknown, submitit does not accept an option, or there is no cluster.
    """
    if name not in RUNNERS:
        raise UserError(f"unknown runner '{name}'; choose one of {', '.join(RUNNERS)}")
    if name == "local":
        if options:
            raise UserError(f"runner 'local' has no options, such as {next(iter(options))}; leave them away")
        return LocalRunner(workers)
    from murauer.sweeps.slurm import SubmititRunner  # extra

    return SubmititRunner("slurm" if name == "slurm" else "local", folder, workers, options or {})
