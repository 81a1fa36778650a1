"""What the experiments that train many models share: how they are told what to train, and where."""

import argparse

from murauer.arguments import add_device, count, positive_int
from murauer.errors import UserError
from murauer.sweeps.make_runner import RUNNERS, make_runner
from murauer.sweeps.runner import Runner
from murauer.training.device import workers_for


def add_sweep(parser: argparse.ArgumentParser) -> None:
    """Declare --config, --seeds and where to train."""
    parser.add_argument("--config", default="small", metavar="NAME|FILE.json", help="default: small")
    parser.add_argument(
        "--seeds", type=count, nargs="+", default=[0, 1, 2], metavar="S", help="default: 0 1 2"
    )
    parser.add_argument(
        "--workers",
        type=positive_int,
        metavar="W",
        help="trainings at a time (default: one for each core, one on a GPU)",
    )
    add_device(parser)
    parser.add_argument(
        "--runner",
        choices=RUNNERS,
        default="local",
        help="where to train: processes here, or jobs of a cluster through submitit (default: local)",
    )
    parser.add_argument(
        "--runner-option",
        type=_option,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="what to ask the cluster for, by submitit's names, such as slurm_partition=long",
    )


def sweep_runner(args: argparse.Namespace) -> Runner:
    """Make the runner that the arguments of `add_sweep` ask for.

    Raises:
        UserError: It cannot be used here.
    """
    workers = args.workers or (None if args.runner == "slurm" else workers_for(args.device))
    return make_runner(args.runner, args.out / "submitit", workers, dict(args.runner_option))


def _option(text: str) -> tuple[str, int | str]:
    key, separator, value = text.partition("=")
    if not (separator and key):
        raise UserError(f"expected KEY=VALUE for --runner-option, got '{text}'")
    return key, int(value) if value.isdecimal() else value
