"""A self-contained HTML page on what trainings achieved, with pictures."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from murauer.errors import UserError
from murauer.evaluation.report import sections
from murauer.evaluation.report.page import Section, render_page
from murauer.evaluation.runs import Run, predict_split
from murauer.files import written_whole
from murauer.store.store import Store

LEFT_OUT = "Left out"
"""Name of the fact that tells which sections the store or the installation has nothing for."""


def write_report(
    path: Path, store: Store, runs: Sequence[Run], *, facts: Mapping[str, str] | None = None
) -> None:
    """Write a page that shows what trainings achieve on a store; it needs no other file and no network.

    Sections that the store has nothing for (no synthetic pairs, one camera) are left out; the last one says
    why. The same input on the same machine gives the same page.

    Args:
        path: file to write.
        store: what the models are tested on.
        runs: finished trainings, in the order to show them.
        facts: what else a reader should know (commands, times), by name.

    Raises:
        UserError: there is no run, the store has no labelled test frames, or the file cannot be written.
    """
    if not runs:
        raise UserError("a report needs at least one finished training; give a run folder")
    results = [predict_split(run, store) for run in runs]
    compared = sections.compared(results)
    missing: list[str] = []

    def optional(make: Callable[[], Section]) -> list[Section]:
        try:
            return [make()]
        except UserError as error:
            missing.append(str(error))
            return []

    two_view = [own.run for own in compared if own.run.variant.view_prediction]
    parts = [
        sections.results(results),
        *sections.published(store, results),
        *optional(lambda: sections.inputs(store, compared[-1].run)),
        sections.predictions(store, compared),
        *optional(lambda: sections.extremes(store, compared[-1])),
        sections.curves(results),
        *(part for run in two_view for part in optional(partial(sections.views, store, run))),
        *optional(lambda: sections.latent_space(store, [own.run for own in compared])),
        *optional(lambda: sections.embedding(store, compared[-1].run)),
    ]
    told = dict(facts or {}) | ({LEFT_OUT: "; ".join(dict.fromkeys(missing))} if missing else {})
    parts.append(sections.facts(store, results, told))
    page = render_page(sections.title(compared[-1].run), sections.lead(compared), parts)
    with written_whole(path) as unfinished:
        unfinished.write_text(page, encoding="utf-8")
