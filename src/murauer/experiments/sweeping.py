"""What the experiments that train many models share: how they are told what to train, and where."""

import argparse
from collections.abc import Iterable

import msgspec

from murauer.arguments import add_device, count, positive_int
from murauer.errors import UserError
from murauer.store.store import Store
from murauer.sweeps.make_runner import RUNNERS, make_runner
from murauer.sweeps.runner import Runner
from murauer.training.config import Config, read_config
from murauer.training.device import workers_for
from murauer.training.set_sizes import domains_of, images_of, set_sizes
from murauer.training.variants import find_variant


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


def add_work(parser: argparse.ArgumentParser) -> None:
    """Declare --work."""
    parser.add_argument(
        "--work",
        choices=("equal", "config"),
        default="equal",
        help="images of a step: as many for every variant, or as the configuration says (default: equal)",
    )


def config_of(args: argparse.Namespace) -> Config:
    """The configuration that --config names, with batches of equal work unless --work says otherwise."""
    config = read_config(args.config)
    if args.work == "config":
        return config
    step = msgspec.structs.replace(config.training.step, mini_batch="equal")
    training = msgspec.structs.replace(config.training, step=step)
    return msgspec.structs.replace(config, training=training)


def images_per_step(store: Store, config: Config, variants: Iterable[str]) -> dict[str, int]:
    """Images that a step of each variant shows f."""
    found = {}
    for name in variants:
        domains = domains_of(find_variant(name), paired=store.pairs is not None)
        found[name] = images_of(set_sizes(config.training, domains), domains)
    return found


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
