"""Errors of predicted views over all held-out frames, run by run (supplement).

murauer experiment views cs=runs/cs all=runs/all --data stores/nyu --out figures

The supplement asks whether the cameras of NYU, which were moved during the recording, harm view prediction: a
run on the frames after the move, of a store that 'murauer import nyu-cs' makes, against one on all frames.
The error is the mean absolute difference over the pixels of validation frames, depth scaled to [-1, 1].
"""

import argparse

from murauer.evaluation.figures.published import is_published_test_set, published_results
from murauer.evaluation.figures.view_examples import compare_views, held_out_rows, view_error_figure
from murauer.evaluation.runs import provenance_of, store_of
from murauer.experiments.arguments import add_runs
from murauer.experiments.outputs import write_outputs
from murauer.experiments.view_errors import load_view_runs, view_facts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_runs(parser)


def run(args: argparse.Namespace) -> None:
    """Carry the experiment out."""
    runs = load_view_runs(args.runs, args.device)
    store = store_of(runs, args.data)
    rows = held_out_rows(store, len(store.require("validation")))
    measured = [view_facts(one, compare_views(one.network, store, rows)) for one in runs]
    published = published_results().view_prediction if is_published_test_set(store) else ()
    table = [
        {"run": facts["title"], "input": domain, **facts[domain], "frames": len(rows)}
        for facts in measured
        for domain in ("real", "synthetic")
        if domain in facts
    ]
    table += [
        {"run": one.data, "input": "real", "mean_absolute_error": one.mean_absolute_error, "published": True}
        for one in published
    ]
    values = {"frames": len(rows), "runs": measured}
    write_outputs(args.out, "views", view_error_figure(table), table, values, provenance_of(runs, store))
    for row in table:
        print(f"{row['run']}, from {row['input']} input: {row['mean_absolute_error']:.3f}")
