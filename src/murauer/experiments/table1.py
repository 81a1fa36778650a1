"""Errors of published prediction files and of own runs, with published figures beside them (Table 1).

murauer experiment table1 --uvd V2V-PoseNet=v2v.txt --ground-truth labels.txt --camera nyu --out table1
murauer experiment table1 runs/full runs/real_only --data stores/nyu --out table1

Runs are evaluated on the test split of a store. Prediction files are compared with --ground-truth, or
with the same split. Persons of the test set are reported apart. Errors that were published for a method of
the same name stand beside it.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from murauer.arguments import add_small_cube
from murauer.capture.camera_file import find_camera
from murauer.datasets.joint_files import JointFormat, read_joints
from murauer.errors import UserError
from murauer.evaluation.figures.method_comparison import (
    MeasuredMethod,
    comparison_figure,
    comparison_rows,
    comparison_table,
)
from murauer.evaluation.figures.published import is_published_test_set, published_results
from murauer.evaluation.metrics import PoseMetrics
from murauer.evaluation.prediction_files import evaluate_prediction_file, is_nyu_test_set
from murauer.evaluation.runs import load_runs, parse_named, predict_split, provenance_of, store_of
from murauer.evaluation.split import score, scored_rows
from murauer.experiments.arguments import add_runs, with_small_cube
from murauer.experiments.outputs import write_outputs
from murauer.geometry.camera import Camera
from murauer.provenance import provenance
from murauer.store.manifest import CENTRES
from murauer.store.store import Store, open_store
from murauer.training.device import open_device

FORMATS: tuple[JointFormat, ...] = ("uvd", "xyz", "xyz-y-up")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_runs(parser, nargs="*")
    for name in FORMATS:
        parser.add_argument(
            f"--{name}", action="append", default=[], metavar="NAME=FILE", help=f"predictions in {name}"
        )
    add_small_cube(parser)
    parser.add_argument("--ground-truth", type=Path, metavar="FILE", help="annotated joints")
    parser.add_argument("--ground-truth-format", choices=FORMATS, default="uvd", help="default: uvd")
    parser.add_argument("--camera", metavar="nyu|sr305|FILE.json", help="camera of uvd coordinates")


def run(args: argparse.Namespace) -> None:
    """Carry the experiment out."""
    files = [(*parse_named(text), name) for name in FORMATS for text in getattr(args, name.replace("-", "_"))]
    if not files and not args.runs:
        raise UserError("nothing to compare; give runs, or files of predictions with --uvd NAME=FILE")
    if files and args.ground_truth is None and not args.runs and args.data is None:
        raise UserError("files of predictions need something to compare with; give --ground-truth or --data")
    runs = load_runs(args.runs, open_device(args.device)) if args.runs else []
    store = None
    if runs:
        store = store_of(runs, args.data)
    elif args.data is not None:
        store = open_store(args.data)
    camera = find_camera(args.camera).camera if args.camera else _camera_of(store)
    measured = [
        MeasuredMethod(name or path.stem, "predictions", _file_metrics(path, format, camera, store, args))
        for name, path, format in files
    ]
    if store is not None:
        results = [predict_split(one, store, "test", args.small_cube) for one in runs]
        measured += [MeasuredMethod(own.run.title, "run", own.metrics) for own in results]
    comparable = _is_published_test_set(measured, camera, store)
    published = published_results()
    if comparable:
        measured = [replace(method, published_mm=published.find(method.name)) for method in measured]
    source = f"test split of {store.folder.name}" if store else args.ground_truth.name
    data = with_small_cube(published.data if comparable else source, args.small_cube)
    values = {
        "data": data,
        "comparable_with_published": comparable,
        "centres": CENTRES[store.centre_kind("test")] if runs and store else None,
        "measured": [
            {"method": m.name, "kind": m.kind, "published_mm": m.published_mm, "metrics": m.metrics.to_dict()}
            for m in measured
        ],
        "small_cube_person": args.small_cube,
        "published_source": published.source,
    }
    made = provenance_of(runs, store) if runs and store else provenance()
    figure = comparison_figure(measured, published, data, comparable)
    write_outputs(args.out, "table1", figure, comparison_rows(measured, published), values, made)
    print(comparison_table(measured))


def _is_published_test_set(
    measured: Sequence[MeasuredMethod], camera: Camera | None, store: Store | None
) -> bool:
    """Whether everything was measured on the test set of the published results.

    Raises:
        UserError: The results are of different test sets.
    """
    frames = {method.metrics.frames for method in measured}
    if len(frames) > 1:
        raise UserError(
            f"the results are of different test sets, of {' and '.join(map(str, sorted(frames)))} frames; "
            "compare runs and prediction files on the same one"
        )
    if store is not None:
        return is_published_test_set(store)
    return is_nyu_test_set(frames.pop(), len(measured[0].metrics.per_joint_mm), camera)


def _file_metrics(
    path: Path,
    format: JointFormat,
    camera: Camera | None,
    store: Store | None,
    args: argparse.Namespace,
) -> PoseMetrics:
    """Compare a file with the annotated joints, or with the test split."""
    if args.ground_truth is not None:
        return evaluate_prediction_file(
            path, args.ground_truth, format, camera, ground_truth_format=args.ground_truth_format
        )
    assert store is not None
    test = store.require("test")
    predicted = read_joints(path, format, camera)
    if predicted.shape[:2] != (len(test), len(store.skeleton)):
        raise UserError(
            f"{path} has {predicted.shape[0]} frames of {predicted.shape[1]} joints but the test split of "
            f"{store.folder} has {len(test)} of {len(store.skeleton)}"
        )
    rows = scored_rows(store, "test")
    return score(store, "test", rows, predicted[rows]).metrics


def _camera_of(store: Store | None) -> Camera | None:
    """The first camera of a store, if it is known."""
    return None if store is None or store.rig is None else store.rig.cameras[0]
