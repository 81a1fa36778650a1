"""Propose the frames of a store whose labels help most.

murauer select stores/monday -n 20 --out stores/monday/to_label.txt

They are those that stand for most of the others as a model sees them, and no two are alike. Frames with
labels count as chosen already. The file has the index of a frame on each line, and why; 'murauer train
--labels FILE' trains with these frames once they are labelled.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from murauer.arguments import add_device, add_json, count, positive_int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("store", type=Path, metavar="STORE", help="what 'murauer import' made")
    parser.add_argument("-n", type=positive_int, required=True, metavar="N", help="how many frames")
    parser.add_argument(
        "--model",
        default="default",
        metavar="PATH",
        help="run folder or model file (default: the packaged one)",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="file to write (default: print it)")
    parser.add_argument("--seed", type=count, default=0, help="of the choice (default: 0)")
    parser.add_argument(
        "--among-labelled", action="store_true",
        help="choose among the frames with labels, to try selection on a simulated store",
    )  # fmt: skip
    add_device(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Carry the command out."""
    from murauer.nets.model_file import load_model  # start-up
    from murauer.selection.selecting import format_proposals, propose_frames, write_proposals  # start-up
    from murauer.store.store import open_store  # start-up
    from murauer.training.device import open_device  # start-up

    store = open_store(args.store)
    network, config = load_model(args.model, open_device(args.device))
    proposals = propose_frames(
        store,
        network,
        args.n,
        cube_mm=config.cube_mm,
        seed=args.seed,
        among_labelled=args.among_labelled,
    )
    if args.out is not None:
        write_proposals(args.out, proposals)
    if args.json:
        print(json.dumps([asdict(one) for one in proposals]))
    elif args.out is None:
        print(format_proposals(proposals), end="")
    else:
        print(f"{args.out}: {len(proposals)} of {len(store.require('real'))} frames")
