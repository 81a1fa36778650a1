"""Views predicted from real and from synthetic input (Figure 7).

murauer experiment figure7 runs/full --out figures

Frames of the training data whose labels and synthetic pairs the runs did not use: the ones with a second
view. The JSON has mean absolute errors, depth scaled to [-1, 1], beside that of the best picture that is the
same for all frames.
"""

import argparse
from typing import Any

from murauer.arguments import positive_int
from murauer.errors import UserError
from murauer.evaluation.figures.view_examples import ViewComparison, compare_views, two_view_rows, view_figure
from murauer.evaluation.runs import Run, labelled_by_any, load_runs, store_of
from murauer.experiments.arguments import add_runs, run_facts
from murauer.experiments.outputs import write_outputs
from murauer.store.frame_set import spread_rows
from murauer.training.device import open_device

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
    runs = load_runs(args.runs, open_device(args.device))
    for one in runs:
        if not one.variant.view_prediction:
            raise UserError(
                f"{one.folder} was trained without view prediction ({one.name}); give runs of 'full', "
                "'view_pred' or 'preview'"
            )
    store = store_of(runs, args.data)
    rows = two_view_rows(store, labelled_by_any(runs, store), FRAMES)
    comparisons = {one.title: compare_views(one.network, store, rows) for one in runs}
    table = []
    for title, comparison in comparisons.items():
        for domain, views in (("real", comparison.real), ("synthetic", comparison.synthetic)):
            if views is not None and views.truth is not None:
                errors = views.errors().tolist()
                table += [
                    {"run": title, "frame": int(row), "input": domain, "mean_absolute_error": error}
                    for row, error in zip(rows, errors, strict=True)
                ]
    values = {"frames": len(rows), "runs": [_facts(one, comparisons[one.title]) for one in runs]}
    figure = view_figure(comparisons, spread_rows(len(rows), args.examples))
    write_outputs(args.out, "figure7", figure, table, values)


def _facts(run: Run, comparison: ViewComparison) -> dict[str, Any]:
    """Average the errors of a run."""
    facts = run_facts(run)
    for domain, views in (("real", comparison.real), ("synthetic", comparison.synthetic)):
        if views is not None and views.truth is not None:
            facts[domain] = {
                "mean_absolute_error": float(views.errors().mean()),
                "best_constant_picture": views.constant_error(),
            }
    difference = comparison.difference()
    if difference is not None:
        facts["difference_of_predictions"] = float(difference.mean())
    return facts
