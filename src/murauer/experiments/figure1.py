"""Test frames as a baseline and as another run sees them, beside the truth (Figure 1).

murauer experiment figure1 runs/real_and_synth runs/full --out figures
murauer experiment figure1 runs/real_and_synth runs/full --frames 17 230 1440 --out figures

Without --frames those are shown whose error the second run lowers most, which is no fair sample: the title
says by how much it is better on all of them.
"""

import argparse

import numpy as np

from murauer.arguments import add_small_cube, count, positive_int
from murauer.errors import UserError
from murauer.evaluation.figures.compared_frames import compared_figure
from murauer.evaluation.figures.ranked_frames import frame_errors
from murauer.evaluation.runs import load_runs, predict_split, provenance_of, store_of
from murauer.experiments.arguments import add_runs, run_facts
from murauer.experiments.outputs import write_outputs
from murauer.training.device import open_device

COUNT = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_runs(parser, nargs=2)
    parser.add_argument("--split", choices=("validation", "test"), default="test", help="default: test")
    parser.add_argument("--frames", type=count, nargs="+", metavar="I", help="indices in the split, from 0")
    parser.add_argument(
        "--count", type=positive_int, default=COUNT, metavar="N", help=f"without --frames (default: {COUNT})"
    )
    add_small_cube(parser)


def run(args: argparse.Namespace) -> None:
    """Carry the experiment out."""
    runs = load_runs(args.runs, open_device(args.device))
    store = store_of(runs, args.data)
    baseline, ours = (predict_split(one, store, args.split, args.small_cube) for one in runs)
    errors = [frame_errors(each) for each in (baseline, ours)]
    if args.frames is None:
        chosen = (errors[1] - errors[0]).argsort(stable=True)[: args.count].tolist()
    else:
        missing = np.setdiff1d(args.frames, baseline.rows)
        if len(missing):
            raise UserError(
                f"frame {missing[0]} is no usable labelled one of the {len(store.require(args.split))} "
                f"{args.split} frames of {store.folder}; choose another --frames"
            )
        chosen = [int(np.flatnonzero(baseline.rows == frame)[0]) for frame in args.frames]
    rows = [
        {"frame": int(baseline.rows[place]), "run": one.title, "error_mm": float(own[place])}
        for place in chosen
        for one, own in zip(runs, errors, strict=True)
    ]
    means = {one.title: each.metrics.mean_error_mm for one, each in zip(runs, (baseline, ours), strict=True)}
    values = {"runs": [run_facts(one) for one in runs], "split": args.split, "mean_error_mm": means,
              "small_cube_person": args.small_cube, "chosen_by_gain": args.frames is None,
              "frames": rows}  # fmt: skip
    figure = compared_figure(store, args.split, (baseline, ours), chosen, by_gain=args.frames is None)
    write_outputs(args.out, "figure1", figure, rows, values, provenance_of(runs, store))
