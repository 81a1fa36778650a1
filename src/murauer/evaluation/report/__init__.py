"""A self-contained HTML page on what trainings achieved, with pictures."""

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from PIL import Image

from murauer.errors import UserError
from murauer.evaluation.report import sections
from murauer.evaluation.report.sections import Values
from murauer.evaluation.report.tables import all_facts, headline
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
        path: File to write.
        store: What the models are tested on.
        runs: Finished trainings, in the order to show them.
        facts: What else a reader should know (commands, times), by name.

    Raises:
        UserError: There is no run, the store has no labelled test frames, or the file cannot be written.
    """
    if not runs:
        raise UserError("a report needs at least one finished training; give a run folder")
    results = [predict_split(run, store) for run in runs]
    compared = sections.compared(results)
    main = compared[-1].run
    missing: list[str] = []

    def optional(make: Callable[..., Values], *arguments: object) -> Values | None:
        try:
            return make(*arguments)
        except UserError as error:
            missing.append(str(error))
            return None

    two_view = [own.run for own in compared if own.run.variant.view_prediction]
    parts = {
        "lead": sections.lead(compared),
        "results": headline(results),
        "published": sections.published(store, results),
        "inputs": optional(sections.inputs, store, main),
        "predictions": sections.predictions(store, compared),
        "extremes": optional(sections.extremes, store, compared[-1]),
        "curves": sections.curves(results),
        "views": list(filter(None, (optional(sections.views, store, run) for run in two_view))),
        "latent_space": optional(sections.latent_space, store, [own.run for own in compared]),
        "embedding": optional(sections.embedding, store, main),
    }
    told = dict(facts or {}) | ({LEFT_OUT: "; ".join(dict.fromkeys(missing))} if missing else {})
    with written_whole(path) as unfinished:
        page = _template().render(parts, facts=all_facts(results, store, told))
        unfinished.write_text(page, encoding="utf-8")


def _template() -> Template:
    environment = Environment(
        loader=PackageLoader(__name__, ""), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["data_uri"] = _data_uri
    return environment.get_template("report.html")


def _data_uri(picture: Image.Image) -> str:
    """Encode a picture as PNG within a URI."""
    file = io.BytesIO()
    picture.save(file, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
