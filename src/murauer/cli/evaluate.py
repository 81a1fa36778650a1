"""Measure errors of a model on a store, or of a file of predictions that others published.

murauer evaluate runs/full --data stores/a --split test --json
murauer evaluate PREDICTIONS.txt --ground-truth LABELS.txt --format uvd --camera nyu
"""

import argparse
import json
from pathlib import Path

from murauer.arguments import add_json, count
from murauer.errors import UserError

FORMATS = ("uvd", "xyz", "xyz-y-up")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("source", metavar="MODEL|PREDICTIONS.txt", help="run folder, model or predictions")
    truth = parser.add_mutually_exclusive_group(required=True)
    truth.add_argument("--data", type=Path, metavar="STORE", help="store to evaluate a model on")
    truth.add_argument("--ground-truth", type=Path, metavar="FILE", help="annotated joints")
    parser.add_argument("--split", choices=("validation", "test", "real"), help="of STORE (default: test)")
    parser.add_argument(
        "--small-cube",
        type=count,
        metavar="PERSON",
        help="shrink the cube to 5/6 for this person, as many do for NYU's second (1); off by default",
    )
    parser.add_argument("--format", choices=FORMATS, default="uvd", help="coordinates of the predictions")
    parser.add_argument("--ground-truth-format", choices=FORMATS, help="of the annotations, if another")
    parser.add_argument("--camera", metavar="nyu|sr305|FILE.json", help="camera of uvd coordinates")
    parser.add_argument("--skeleton", metavar="NAME", help="names of the joints")
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Carry the command out."""
    if args.data:
        _evaluate_model(args)
    else:
        _evaluate_file(args)


def _evaluate_model(args: argparse.Namespace) -> None:
    """Predict a split of a store, with the recorded centre as centre of the cube."""
    from murauer.evaluation.split import evaluate_split  # start-up
    from murauer.nets.model_file import model_path  # start-up
    from murauer.store.store import open_store  # start-up

    store = open_store(args.data)
    result = evaluate_split(model_path(args.source), store, args.split or "test", args.small_cube)
    print(json.dumps(result.to_dict()) if args.json else result.table())


def _evaluate_file(args: argparse.Namespace) -> None:
    """Compare two text files of joints."""
    from murauer.evaluation.metrics import metrics_table  # start-up
    from murauer.evaluation.prediction_files import evaluate_prediction_file  # start-up
    from murauer.geometry.camera import find_camera  # start-up

    if args.split is not None or args.small_cube is not None:
        raise UserError("--split and --small-cube are for models on --data, not for files of predictions")
    metrics = evaluate_prediction_file(
        args.source,
        args.ground_truth,
        args.format,
        find_camera(args.camera) if args.camera else None,
        ground_truth_format=args.ground_truth_format,
        skeleton=args.skeleton,
    )
    print(json.dumps(metrics.to_dict()) if args.json else metrics_table(metrics))
