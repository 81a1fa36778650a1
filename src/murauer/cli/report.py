"""Put everything about finished runs on one self-contained page: errors, pictures, views, latent space.

murauer report runs/real_and_synth runs/full --out report.html

Sections that the store has nothing for (no synthetic pairs, one camera) are left out; the last section says
why.
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run folder, or TITLE=FOLDER")
    parser.add_argument(
        "--data", type=Path, metavar="STORE", help="store to use (default: the one that the runs name)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("report.html"), metavar="FILE", help="default: report.html"
    )


def run(args: argparse.Namespace) -> None:
    """Carry the command out."""
    from murauer.evaluation.report import write_report  # start-up
    from murauer.evaluation.runs import load_runs, store_of  # start-up

    runs = load_runs(args.runs)
    store = store_of(runs, args.data)
    command = f"murauer report {' '.join(args.runs)}"
    write_report(args.out, store, runs, facts={"Command": command, "Data": str(store.folder)})
    print(f"report: {args.out}")
