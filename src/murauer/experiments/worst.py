"""Best and worst frames of a run, with the nearest pose that it was trained with (Figures 1, S3, S4, S5).

murauer experiment worst runs/full --split test --count 5 --out figures

The nearest training pose is the labelled one, real or synthetic, whose joints about the crop centre are
nearest to the true ones on average: a large distance says that training has not seen such a pose.
"""

import argparse

from murauer.arguments import positive_int
from murauer.evaluation.figures.ranked_frames import ranked_figure, ranked_frames
from murauer.evaluation.runs import load_runs, predict_split, store_of
from murauer.experiments.arguments import add_runs, run_facts
from murauer.experiments.outputs import write_outputs
from murauer.training.device import open_device

COUNT = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_runs(parser, nargs=None)
    parser.add_argument("--split", choices=("validation", "test"), default="test", help="default: test")
    parser.add_argument(
        "--count", type=positive_int, default=COUNT, metavar="N", help=f"frames of each (default: {COUNT})"
    )


def run(args: argparse.Namespace) -> None:
    """Carry the experiment out."""
    (run,) = load_runs([args.runs], open_device(args.device))
    store = store_of([run], args.data)
    predictions = predict_split(run, store, args.split)
    count = min(args.count, len(predictions.rows))
    places = {"best": range(count), "worst": [-1 - place for place in range(count)]}
    ranked = {
        kind: ranked_frames(run, store, args.split, predictions, list(chosen))
        for kind, chosen in places.items()
    }
    rows = [
        {
            "kind": kind,
            "frame": frame.row,
            "error_mm": frame.error_mm,
            "nearest_set": frame.nearest.split,
            "nearest_frame": frame.nearest.row,
            "nearest_view": frame.nearest.view,
            "nearest_mm": frame.nearest.distance_mm,
        }
        for kind, frames in ranked.items()
        for frame in frames
    ]
    mean = predictions.metrics.mean_error_mm
    title = f"{run.title}: {len(predictions.rows):,} {args.split} frames, mean error {mean:.2f} mm"
    values = {"run": run_facts(run), "split": args.split, "mean_error_mm": mean, "frames": rows}
    figure = ranked_figure(title, ranked["best"], ranked["worst"])
    write_outputs(args.out, "worst", figure, rows, values)
