"""Measure errors of a model on a store, or of a file of predictions that others published.

murauer evaluate runs/full
murauer evaluate runs/full --data stores/b --split validation --json
murauer evaluate runs/real_and_synth runs/full --report report.html
murauer evaluate PREDICTIONS.txt --ground-truth LABELS.txt --format uvd --camera nyu

A run is evaluated on the store that it was trained on, unless --data names another one. --report puts
everything about one or more runs on one self-contained page: errors, pictures, views, latent space. Sections
that the store has nothing for are left out; the last section says why.
"""

import argparse
import json
from pathlib import Path

from murauer.arguments import add_device, add_json, add_small_cube
from murauer.errors import UserError

FORMATS = ("uvd", "xyz", "xyz-y-up")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "sources", nargs="+", metavar="RUN|MODEL|PREDICTIONS.txt",
        help="run folder, model file or predictions; for --report several runs, also as TITLE=FOLDER",
    )  # fmt: skip
    truth = parser.add_mutually_exclusive_group()
    truth.add_argument(
        "--data", type=Path, metavar="STORE", help="store (default: the one that the run names)"
    )
    truth.add_argument("--ground-truth", type=Path, metavar="FILE", help="annotated joints")
    parser.add_argument("--report", type=Path, metavar="FILE.html", help="write a page about the runs")
    parser.add_argument("--split", choices=("validation", "test", "real"), help="of STORE (default: test)")
    add_small_cube(parser)
    parser.add_argument("--format", choices=FORMATS, default="uvd", help="coordinates of the predictions")
    parser.add_argument("--ground-truth-format", choices=FORMATS, help="of the annotations, if another")
    parser.add_argument("--camera", metavar="nyu|sr305|FILE.json", help="camera of uvd coordinates")
    parser.add_argument("--skeleton", metavar="NAME", help="names of the joints")
    add_device(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Carry the command out."""
    if args.report is not None:
        _write_report(args)
    elif len(args.sources) > 1:
        raise UserError("several runs make a page: give --report FILE.html; or evaluate them one by one")
    elif args.ground_truth:
        _evaluate_file(args, *args.sources)
    else:
        _evaluate_model(args, *args.sources)


def _write_report(args: argparse.Namespace) -> None:
    """Put the runs on a page."""
    from murauer.evaluation.report import write_report  # start-up
    from murauer.evaluation.runs import load_runs, store_of  # start-up
    from murauer.training.device import open_device  # start-up

    if args.ground_truth or args.split is not None or args.small_cube is not None or args.json:
        raise UserError("with --report give runs, --data and nothing else: the page shows all splits")
    runs = load_runs(args.sources, open_device(args.device))
    store = store_of(runs, args.data)
    command = f"murauer evaluate {' '.join(args.sources)} --report {args.report}"
    write_report(args.report, store, runs, facts={"Command": command, "Data": str(store.folder)})
    print(f"report: {args.report}")


def _evaluate_model(args: argparse.Namespace, source: str) -> None:
    """Predict a split of a store, with the recorded centre as centre of the cube."""
    from murauer.evaluation.runs import load_runs, store_of  # start-up
    from murauer.evaluation.split import evaluate_split  # start-up
    from murauer.nets.model_file import model_path  # start-up
    from murauer.store.store import open_store  # start-up
    from murauer.training.device import open_device  # start-up

    if args.data is None and Path(source).suffix not in ("", ".safetensors"):
        raise UserError(f"{source} is no run: give --ground-truth for predictions, or --data for a model")
    store = open_store(args.data) if args.data else store_of(load_runs([source]))
    split, device = args.split or "test", open_device(args.device)
    result = evaluate_split(model_path(source), store, split, args.small_cube, device)
    places = {"model": str(model_path(source)), "store": str(store.folder)}
    print(json.dumps(places | result.to_dict()) if args.json else result.table())


def _evaluate_file(args: argparse.Namespace, source: str) -> None:
    """Compare two text files of joints."""
    import msgspec  # start-up

    from murauer.capture.camera_file import find_camera  # start-up
    from murauer.evaluation.metrics import metrics_table  # start-up
    from murauer.evaluation.prediction_files import evaluate_prediction_file  # start-up
    from murauer.files import file_digest  # start-up
    from murauer.provenance import PROVENANCE, provenance  # start-up

    if args.split is not None or args.small_cube is not None:
        raise UserError("--split and --small-cube are for models on --data, not for files of predictions")
    metrics = evaluate_prediction_file(
        source,
        args.ground_truth,
        args.format,
        find_camera(args.camera).camera if args.camera else None,
        ground_truth_format=args.ground_truth_format,
        skeleton=args.skeleton,
    )
    if not args.json:
        print(metrics_table(metrics))
        return
    made = provenance(
        inputs={"predictions": file_digest(Path(source)), "truth": file_digest(args.ground_truth)}
    )
    print(json.dumps(metrics.to_dict() | {PROVENANCE: msgspec.to_builtins(made)}))
