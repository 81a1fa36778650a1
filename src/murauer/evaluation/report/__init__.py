"""A self-contained HTML page on what trainings of several variants achieved, with pictures."""

from collections.abc import Mapping
from pathlib import Path

from murauer.data.recording import Recording
from murauer.evaluation.report import sections
from murauer.evaluation.report.page import render_page
from murauer.evaluation.report.runs import compared_runs, load_runs
from murauer.files import written_whole


def write_report(
    path: Path, recording: Recording, runs: Mapping[str, Path], *, facts: Mapping[str, str]
) -> None:
    """Write a page that shows what trainings on a recording achieved; it needs no other file and no network.

    The same input on the same machine gives the same page.

    Args:
        path: file to write.
        recording: what the models were trained and tested on.
        runs: run folder by name of the variant, with model and metrics, in the order to show them.
        facts: what else a reader should know (commands, times), by name.

    Raises:
        UserError: a run is missing, damaged or does not fit the recording, or the file cannot be written.
    """
    loaded = load_runs(runs)
    compared = compared_runs(loaded)
    parts = [
        sections.results(loaded),
        sections.inputs(recording, compared[-1]),
        sections.predictions(recording, compared),
        sections.curves(loaded),
        *(sections.views(recording, run) for run in compared if run.variant.view_prediction),
        sections.latent_space(recording, compared),
        sections.facts(recording, loaded, facts),
    ]
    page = render_page(sections.title(compared[-1]), sections.lead(compared), parts)
    with written_whole(path) as partial:
        partial.write_text(page, encoding="utf-8")
