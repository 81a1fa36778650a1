"""Mean joint error over the number of labelled real frames, against semi-supervised methods (Figure 3).

murauer experiment figure3 --out figures
murauer experiment figure3 runs/sweep --out figures

Published values of PreView, Crossing Nets, LSPS and the paper itself; own runs, or folders with runs at any
depth, are added, with their errors on the test split. 'murauer train --variant preview' and '--variant
feature_mapping' train the two ideas that the paper builds on, with its own networks.
"""

import argparse
from pathlib import Path

from murauer.arguments import add_device, add_run_folder, add_small_cube
from murauer.evaluation.figures.published import is_published_test_set, published_results
from murauer.evaluation.figures.semi_supervised import (
    Measurement,
    semi_supervised_figure,
    semi_supervised_rows,
)
from murauer.evaluation.runs import find_runs, load_run, predict_split, provenance_of, store_of
from murauer.experiments.arguments import add_data, with_small_cube
from murauer.experiments.outputs import write_outputs
from murauer.provenance import provenance
from murauer.training.device import open_device
from murauer.training.variants import VARIANTS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("runs", nargs="*", type=Path, metavar="FOLDER", help="run, or folder that holds runs")
    add_data(parser)
    add_run_folder(parser)
    add_device(parser)
    add_small_cube(parser)


def run(args: argparse.Namespace) -> None:
    """Carry the experiment out."""
    device = open_device(args.device)
    runs = [load_run(folder, device=device) for folder in find_runs(args.runs)]
    published = published_results()
    measurements, data, comparable = [], published.data, True
    if runs:
        store = store_of(runs, args.data)
        comparable = is_published_test_set(store)
        data = published.data if comparable else f"test split of {store.folder.name}"
        data = with_small_cube(data, args.small_cube)
        runs.sort(key=lambda one: list(VARIANTS).index(one.name))
        results = [predict_split(one, store, "test", args.small_cube) for one in runs]
        measurements = [
            Measurement(own.run.title, own.run.labels, own.run.seed, own.metrics.mean_error_mm)
            for own in results
        ]
    figure = semi_supervised_figure(measurements, published, data, comparable)
    rows = semi_supervised_rows(measurements, published)
    values = {"data": data, "comparable_with_published": comparable, "results": rows,
              "small_cube_person": args.small_cube,
              "published_data": published.data, "published_source": published.source}  # fmt: skip
    made = provenance_of(runs, store) if runs else provenance()
    write_outputs(args.out, "figure3", figure, rows, values, made)
