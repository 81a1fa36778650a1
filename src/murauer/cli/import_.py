"""Import a dataset, a capture or published weights: what training and evaluation read is made of it, once.

murauer import nyu datasets/nyu --out stores/nyu
murauer import recording captures/monday --out stores/monday --centres localised
murauer import weights n100.pth --out model.safetensors

Of each image a window around the hand is kept. An import that was stopped goes on when the same command is
given again; on several machines, give each a --shard, and at the end the command without it. Images that
cannot be used are listed in STORE/problems.csv.
"""

import argparse
from pathlib import Path

from murauer.arguments import add_workers, positive_float, positive_int, shard_of, tell_shard_is_done
from murauer.cli import import_weights
from murauer.datasets import DATASETS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what can be imported: datasets, all with the same arguments, and weights."""
    what = parser.add_subparsers(dest="dataset", required=True, metavar="NAME")
    first, *others = DATASETS
    formatter = argparse.RawDescriptionHelpFormatter
    dataset = what.add_parser(
        first, aliases=others, help="dataset or capture", description=__doc__, formatter_class=formatter
    )
    _add_arguments_of_datasets(dataset)
    dataset.set_defaults(run=run)
    weights = what.add_parser(
        "weights", help="weights of the paper's authors", description=import_weights.__doc__,
        formatter_class=formatter,
    )  # fmt: skip
    import_weights.add_arguments(weights)
    weights.set_defaults(run=import_weights.run)


def _add_arguments_of_datasets(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, metavar="PATH", help="folder of the dataset")
    parser.add_argument("--out", type=Path, required=True, metavar="STORE", help="folder to write to")
    parser.add_argument(
        "--centres",
        action="append",
        default=[],
        metavar="joint|mean|localised|[SET[:VIEW]=]FILE",
        help="centre of the hand cube: annotated joint, mean of the joints (leaks part of the answer), as "
        "the hand finder sees it, or a file of one centre a line; may be repeated (default: the annotated "
        "joint, and the hand finder for sets with unlabelled frames)",
    )
    parser.add_argument(
        "--centre-format",
        choices=("xyz", "xyz-y-up", "uvd"),
        default="xyz",
        help="of the files (default: xyz)",
    )
    parser.add_argument(
        "--handedness",
        choices=("auto", "right", "left"),
        default="auto",
        help="which hands all frames show (default: auto, as the dataset says or else the hand finder sees)",
    )
    parser.add_argument("--max-frames", type=positive_int, metavar="N", help="of each set, spread evenly")
    add_workers(parser)
    for option, about in (
        ("--cube-mm", "side of the hand cube (default: 300)"),
        ("--region-mm", "side of the stored windows at the hand (default: 1.5 x the cube)"),
        ("--least-confidence", "of the hand finder, from 0 to 1, for an image to be used (default: 0.3)"),
    ):
        parser.add_argument(option, type=positive_float, metavar="X", help=about)
    parser.add_argument(
        "--region-size", type=positive_int, metavar="PX", help="side of the stored windows (default: 192)"
    )


def run(args: argparse.Namespace) -> None:
    """Carry the command out."""
    from murauer.prepare.importing.run import import_dataset, import_shard  # start-up
    from murauer.store.makers import ImportSettings  # start-up
    from murauer.store.summary import summary  # start-up

    names = ("cube_mm", "region_mm", "region_size", "max_frames", "least_confidence")
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    if args.cube_mm is not None and args.region_mm is None:
        given["region_mm"] = 1.5 * args.cube_mm
    dataset, settings = DATASETS[args.dataset](args.path), ImportSettings(**given)
    how = {
        "centres": args.centres,
        "centre_format": args.centre_format,
        "settings": settings,
        "handedness": args.handedness,
    }
    if (shard := shard_of(args)) is not None:
        import_shard(dataset, args.path, args.out, shard, workers=args.workers, **how)
        tell_shard_is_done(shard)
        return
    print(summary(import_dataset(dataset, args.path, args.out, workers=args.workers, **how)))
