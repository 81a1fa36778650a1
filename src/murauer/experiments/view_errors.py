"""How far predicted views are from true ones: what Figure 7 and the supplement's comparison share."""

from collections.abc import Sequence
from typing import Any

from murauer.errors import UserError
from murauer.evaluation.figures.view_examples import ViewComparison
from murauer.evaluation.runs import Run, load_runs
from murauer.experiments.arguments import run_facts
from murauer.training.device import open_device


def load_view_runs(sources: Sequence[str], device: str) -> list[Run]:
    """Load runs that predict views.

    Raises:
        UserError: One of them does not.
    """
    runs = load_runs(sources, open_device(device))
    for one in runs:
        if not one.variant.view_prediction:
            raise UserError(
                f"{one.folder} was trained without view prediction ({one.name}); give runs of 'full', "
                "'view_pred' or 'preview'"
            )
    return runs


def view_facts(run: Run, comparison: ViewComparison) -> dict[str, Any]:
    """Average the errors of a run, by domain of the input."""
    facts = run_facts(run)
    for domain, views in comparison.known().items():
        facts[domain] = {
            "mean_absolute_error": float(views.errors().mean()),
            "best_constant_picture": views.constant_error(),
        }
    difference = comparison.difference()
    if difference is not None:
        facts["difference_of_predictions"] = float(difference.mean())
    return facts
