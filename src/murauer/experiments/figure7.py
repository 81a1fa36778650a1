"""Views predicted from real and from synthetic input (Figure 7).

murauer experiment figure7 runs/full --out figures

Validation frames, which no training has seen; of NYU those of its test recording, cameras 1 and 2. The JSON
has mean absolute errors, depth scaled to [-1, 1], beside that of the best picture that is the same for all
frames. 'murauer experiment views' measures them over all validation frames.
"""

import argparse

from murauer.arguments import positive_int
from murauer.evaluation.figures.view_examples import compare_views, held_out_rows, view_figure
from murauer.evaluation.runs import provenance_of, store_of
from murauer.experiments.arguments import add_runs
from murauer.experiments.outputs import write_outputs
from murauer.experiments.view_errors import load_view_runs, view_facts
from murauer.store.frame_set import spread_rows

FRAMES = 400
EXAMPLES = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_runs(parser)
    parser.add_argument(
        "--examples", type=positive_int, default=EXAMPLES, metavar="N", help=f"rows (default: {EXAMPLES})"
    )


def run(args: argparse.Namespace) -> None:
    """Carry the experiment out."""
    runs = load_view_runs(args.runs, args.device)
    store = store_of(runs, args.data)
    rows = held_out_rows(store, FRAMES)
    comparisons = {one.title: compare_views(one.network, store, rows) for one in runs}
    table = [
        {"run": title, "frame": int(row), "input": domain, "mean_absolute_error": error}
        for title, comparison in comparisons.items()
        for domain, views in comparison.known().items()
        for row, error in zip(rows, views.errors().tolist(), strict=True)
    ]
    values = {"frames": len(rows), "runs": [view_facts(one, comparisons[one.title]) for one in runs]}
    figure = view_figure(comparisons, spread_rows(len(rows), args.examples))
    write_outputs(args.out, "figure7", figure, table, values, provenance_of(runs, store))
