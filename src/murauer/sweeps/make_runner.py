"""Makes what runs the trainings of a sweep, by its name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from murauer.errors import UserError
from murauer.sweeps.runner import Engine, LocalEngine

ENGINES = ("local", "submitit-local", "slurm")
"""Names for `make_engine`: processes; the same through submitit, to try it; the jobs of a Slurm cluster."""


def make_engine(
    name: str, folder: Path, workers: int | None = None, options: Mapping[str, Any] | None = None
) -> Engine:
    """Make an engine by its name.

    Args:
        name: one of `ENGINES`.
        folder: on a disk that all machines share; a cluster's job files are put there.
        workers: calls at a time; by default as many as there are cores, for a cluster all at once.
        options: what submitit shall ask the cluster for, by its names: `timeout_min`, `slurm_partition`, ...

    Raises:
        UserError: the name is unknown, submitit is missing or does not accept an option, or there is no
            cluster.
    """
    if name not in ENGINES:
        raise UserError(f"unknown engine '{name}'; choose one of {', '.join(ENGINES)}")
    if name == "local":
        if options:
            raise UserError(f"engine 'local' has no options, such as {next(iter(options))}; leave them away")
        return LocalEngine(workers)
    try:
        from murauer.sweeps.slurm import ClusterEngine
    except ImportError as error:
        raise UserError(
            f"engine '{name}' needs submitit: install it with pip install 'murauer[cluster]'"
        ) from error
    return ClusterEngine("slurm" if name == "slurm" else "local", folder, workers, options or {})
