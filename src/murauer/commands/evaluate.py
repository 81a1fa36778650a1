"""Measure errors of a model on a recording, or of a file of predictions that others published.

murauer evaluate runs/full --recording recordings/a
murauer evaluate PREDICTIONS.txt --ground-truth LABELS.txt --format uvd --camera nyu
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from murauer.commands.arguments import add_json

if TYPE_CHECKING:
    from murauer.evaluation.metrics import PoseMetrics

FORMATS = ("uvd", "xyz", "xyz-y-up")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("source", metavar="MODEL|PREDICTIONS.txt", help="run folder, model or predictions")
    truth = parser.add_mutually_exclusive_group(required=True)
    truth.add_argument("--recording", type=Path, metavar="FOLDER", help="recording to evaluate a model on")
    truth.add_argument("--ground-truth", type=Path, metavar="FILE", help="annotated joints")
    parser.add_argument("--split", choices=("validation", "test"), default="test", help="of the recording")
    parser.add_argument("--format", choices=FORMATS, default="uvd", help="coordinates of the predictions")
    parser.add_argument("--ground-truth-format", choices=FORMATS, help="of the annotations, if another")
    parser.add_argument("--camera", metavar="nyu|sr305|FILE.json", help="camera of uvd coordinates")
    parser.add_argument("--skeleton", metavar="NAME", help="names of the joints")
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Carry the command out."""
    import json

    from murauer.evaluation.metrics import metrics_table

    metrics = _evaluate_model(args) if args.recording else _evaluate_file(args)
    print(json.dumps(metrics.to_dict()) if args.json else metrics_table(metrics))


def _evaluate_model(args: argparse.Namespace) -> "PoseMetrics":
    """Predict a split of a recording, with the recorded centre as centre of the cube."""
    from murauer.data.recording import open_recording
    from murauer.training.checkpoint import model_path
    from murauer.training.sweep import evaluate_split

    return evaluate_split(model_path(args.source), open_recording(args.recording), args.split)


def _evaluate_file(args: argparse.Namespace) -> "PoseMetrics":
    """Compare two text files of joints."""
    from murauer.camera import find_camera
    from murauer.evaluation.prediction_files import evaluate_prediction_file

    return evaluate_prediction_file(
        args.source,
        args.ground_truth,
        args.format,
        find_camera(args.camera) if args.camera else None,
        ground_truth_format=args.ground_truth_format,
        skeleton=args.skeleton,
    )
