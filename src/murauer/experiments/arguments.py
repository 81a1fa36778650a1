"""Arguments that several experiments share."""

import argparse
from pathlib import Path
from typing import Any

from murauer.arguments import add_device, add_run_folder
from murauer.evaluation.runs import Run


def add_runs(parser: argparse.ArgumentParser, nargs: str | int | None = "+") -> None:
    """Declare RUN..., --data, --out and --device."""
    parser.add_argument("runs", nargs=nargs, metavar="RUN", help="run folder, or TITLE=FOLDER")
    add_data(parser)
    add_run_folder(parser)
    add_device(parser)


def add_data(parser: argparse.ArgumentParser) -> None:
    """Declare --data."""
    parser.add_argument(
        "--data", type=Path, metavar="STORE", help="store to use (default: the one that the runs name)"
    )


def with_small_cube(data: str, person: int | None) -> str:
    """Name of a test set, with the person whose cube was smaller."""
    return data if person is None else f"{data}, cube of person {person} at 5/6"


def run_facts(run: Run) -> dict[str, Any]:
    """Say what a run is, for a JSON."""
    return {"title": run.title, "variant": run.name, "n_labelled": run.labels, "seed": run.seed}
