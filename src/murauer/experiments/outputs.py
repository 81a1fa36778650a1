"""What every experiment leaves: a picture as SVG and PNG, its numbers as CSV, and all of it as JSON."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from matplotlib.figure import Figure

from murauer.evaluation.figures.drawing import save_figure
from murauer.files import written_whole
from murauer.provenance import PROVENANCE, Provenance

CSV_DECIMALS = 5


def write_outputs(
    out: Path,
    name: str,
    figure: Figure,
    rows: Sequence[Mapping[str, object]],
    values: Mapping[str, Any],
    made: Provenance,
) -> None:
    """Write NAME.svg, .png, .csv and .json and say so.

    Args:
        out: Folder; made if need be.
        name: Name of the experiment.
        figure: The picture.
        rows: Rows of the CSV; all columns that any of them has, empty where one lacks it.
        values: Values for the JSON.
        made: Where they come from, likewise.

    Raises:
        UserError: A file cannot be written.
    """
    for suffix in ("svg", "png"):
        save_figure(figure, out / f"{name}.{suffix}")
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with written_whole(out / f"{name}.csv") as partial, partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({column: _rounded(value) for column, value in row.items()} for row in rows)
    with written_whole(out / f"{name}.json") as partial:
        partial.write_text(json.dumps({**values, PROVENANCE: msgspec.to_builtins(made)}, indent=1) + "\n")
    print(f"{out / name}.svg, .png, .csv, .json")


def _rounded(value: object) -> object:
    return round(value, CSV_DECIMALS) if isinstance(value, float) else value
