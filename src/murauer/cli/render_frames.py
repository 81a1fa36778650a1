"""Render labelled synthetic frames into a store that has none.

They show one average hand at the places of the store's hands, in the store's joints, from all its cameras. Of
a store that does not tell how its cameras stand, the view of a second camera is a guess.

With --while-training nothing is rendered now: each training renders what it draws from, and nothing of it
comes to the disk.

What was stopped goes on when the same command is given again; on several machines, give each a --shard, and
at the end the command without it.
"""

import argparse
from pathlib import Path

from murauer.arguments import add_workers, count, positive_int, shard_of, tell_shard_is_done
from murauer.errors import UserError

VIEWPOINTS = {
    "tilt_deg": "standard deviation of the hand's tilt against the camera, degrees",
    "roll_deg": "standard deviation of its rotation in the image, degrees",
    "palm_share": "share of hands that show the palm",
    "any_share": "share of hands in a random orientation",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("store", type=Path, metavar="STORE", help="what 'murauer import' made")
    amount = parser.add_mutually_exclusive_group(required=True)
    amount.add_argument("--frames", type=positive_int, metavar="N", help="number of frames")
    amount.add_argument(
        "--while-training",
        type=positive_int,
        metavar="STEPS",
        help="write none; each training renders them, 250 other frames for every STEPS steps",
    )
    parser.add_argument("--seed", type=count, default=0, help="seed of everything random (default: 0)")
    add_workers(parser)
    parser.add_argument("--replace", action="store_true", help="replace synthetic frames that are there")
    for name, about in VIEWPOINTS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, metavar="X", help=about)


def run(args: argparse.Namespace) -> None:
    """Carry the command out."""
    from murauer.prepare.rendering.regions import RENDER_CHUNK  # start-up
    from murauer.prepare.rendering.synthetic import synthesise, synthesise_shard  # start-up
    from murauer.prepare.rendering.while_training import render_while_training  # start-up
    from murauer.store.makers import EndlessConfig, SynthesisConfig  # start-up

    given = {name: getattr(args, name) for name in VIEWPOINTS if getattr(args, name) is not None}
    config = SynthesisConfig(frames=args.frames or RENDER_CHUNK, seed=args.seed, **given)
    if args.while_training is not None:
        if args.shard is not None:
            raise UserError("--shard is for --frames; with --while-training there is nothing to share")
        endless = EndlessConfig(config, args.while_training)
        store = render_while_training(args.store, endless, replace=args.replace)
        print(f"{store.folder}: trainings render its synthetic frames")
        return
    if (shard := shard_of(args)) is not None:
        synthesise_shard(args.store, config, shard, replace=args.replace, workers=args.workers)
        tell_shard_is_done(shard)
        return
    store = synthesise(args.store, config, replace=args.replace, workers=args.workers)
    frames = store.require("synthetic")
    print(f"{store.folder}: {len(frames)} synthetic frames from {frames.views} camera(s)")
    if store.rig is None and frames.views > 1:
        print("the poses of the cameras are not known: synthetic views but the first are a guess")
