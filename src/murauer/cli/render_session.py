"""Render a session of a hand before three depth cameras, with a synthetic and a "real" domain.

The store is what `murauer train` reads. Its "real" frames have other hands, sensor noise and clutter that
the synthetic frames never show. What was stopped goes on when the same command is given again; on several
machines, give each a --shard, and at the end the command without it.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from murauer.arguments import add_run_folder, add_workers, count, positive_int, shard_of, tell_shard_is_done
from murauer.errors import UserError

if TYPE_CHECKING:
    from murauer.store.makers import SimulationConfig

FRAMES = ("synthetic", "real", "validation", "test")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_run_folder(parser)
    parser.add_argument("--config", type=Path, metavar="FILE.json", help="any field of SimulationConfig")
    parser.add_argument("--seed", type=count, help="seed of everything random (default: 0)")
    for split in FRAMES:
        about = f"number of {split} frames"
        parser.add_argument(f"--{split}-frames", type=positive_int, metavar="N", help=about)
    parser.add_argument("--sensor", metavar="NAME", help="sensor model of the real domain; see murauer info")
    add_workers(parser)


def run(args: argparse.Namespace) -> None:
    """Carry the command out."""
    import msgspec  # start-up

    from murauer.geometry.skeletons import find_skeleton  # start-up
    from murauer.hand.sensors import SENSORS  # start-up
    from murauer.prepare.rendering.simulated import simulate_shard, simulate_store  # start-up
    from murauer.store.makers import SimulationConfig  # start-up

    names = ("seed", "sensor", *(f"{split}_frames" for split in FRAMES))
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    config = SimulationConfig() if args.config is None else _read_config(args.config)
    config = msgspec.structs.replace(config, **given)
    if config.sensor not in SENSORS:
        raise UserError(f"unknown sensor {config.sensor!r}; choose one of {', '.join(SENSORS)}")
    find_skeleton(config.skeleton)
    if (shard := shard_of(args)) is not None:
        simulate_shard(config, args.out, shard, args.workers)
        tell_shard_is_done(shard)
        return
    store = simulate_store(config, args.out, args.workers)
    synthetic, real = (len(store.require(name)) for name in ("synthetic", "real"))
    print(f"{store.folder}: {synthetic} synthetic, {real} real frames")


def _read_config(path: Path) -> "SimulationConfig":
    """Read the fields that differ from the defaults."""
    from murauer.store.makers import SimulationConfig  # start-up
    from murauer.text_files import decode_json  # start-up

    return decode_json(path, SimulationConfig, "file of simulation settings")
