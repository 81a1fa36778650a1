"""Best and worst frames of a run, with the nearest poses that it was trained with (Figures S3, S4, S5).

murauer experiment worst runs/full --split test --count 5 --out figures
murauer experiment worst runs/full --by max --out figures
murauer experiment worst runs/full --neighbours 4 --out figures

Frames are ranked by the mean error of their joints, or with --by max by that of the worst joint. The nearest
training poses are the labelled ones, real or synthetic, whose joints about the crop centre are nearest to the
true ones on average: a large distance says that training has not seen such a pose.
"""

import argparse
from typing import get_args

from murauer.arguments import add_small_cube, positive_int
from murauer.evaluation.figures.ranked_frames import Measure, ranked_figure, ranked_frames
from murauer.evaluation.runs import load_runs, predict_split, provenance_of, store_of
from murauer.experiments.arguments import add_runs, run_facts
from murauer.experiments.outputs import write_outputs
from murauer.training.device import open_device

COUNT = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_runs(parser, nargs=None)
    parser.add_argument("--split", choices=("validation", "test"), default="test", help="default: test")
    parser.add_argument(
        "--by",
        choices=get_args(Measure),
        default="mean",
        help="rank by the mean error or by the largest of a joint",
    )
    parser.add_argument(
        "--neighbours", type=positive_int, default=1, metavar="K", help="training poses of each (default: 1)"
    )
    add_small_cube(parser)
    parser.add_argument(
        "--count", type=positive_int, default=COUNT, metavar="N", help=f"frames of each (default: {COUNT})"
    )


def run(args: argparse.Namespace) -> None:
    """Carry the experiment out."""
    (run,) = load_runs([args.runs], open_device(args.device))
    store = store_of([run], args.data)
    predictions = predict_split(run, store, args.split, args.small_cube)
    count = min(args.count, len(predictions.rows))
    places = {"best": range(count), "worst": [-1 - place for place in range(count)]}
    ranked = {
        kind: ranked_frames(
            run, store, args.split, predictions, list(chosen), by=args.by, neighbours=args.neighbours
        )
        for kind, chosen in places.items()
    }
    rows = [
        {
            "kind": kind,
            "frame": frame.row,
            "error_mm": frame.error_mm,
            "neighbour": place,
            "nearest_set": pose.split,
            "nearest_frame": pose.row,
            "nearest_view": pose.view,
            "nearest_mm": pose.distance_mm,
        }
        for kind, frames in ranked.items()
        for frame in frames
        for place, pose in enumerate(frame.nearest, 1)
    ]
    mean = predictions.metrics.mean_error_mm
    title = f"{run.title}: {len(predictions.rows):,} {args.split} frames, mean error {mean:.2f} mm"
    title += "\nranked by the largest error of a joint" if args.by == "max" else ""
    values = {"run": run_facts(run), "split": args.split, "ranked_by": args.by, "mean_error_mm": mean,
              "small_cube_person": args.small_cube, "frames": rows}  # fmt: skip
    figure = ranked_figure(title, ranked["best"], ranked["worst"])
    write_outputs(args.out, "worst", figure, rows, values, provenance_of([run], store))
