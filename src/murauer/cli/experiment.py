"""Make one of the paper's tables or figures: a picture, a CSV and a JSON.

murauer experiment NAME --help tells what each needs.
"""

import argparse
from importlib import import_module

from murauer.arguments import Parser
from murauer.errors import UserError
from murauer.experiments import EXPERIMENTS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments; those of the experiment itself are read once it is chosen."""
    parser.description = "\n".join(
        [parser.description or "", *(f"  {name:10} {about}" for name, about in EXPERIMENTS.items())]
    )
    parser.add_argument("name", metavar="NAME", help="which one: " + ", ".join(EXPERIMENTS))
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...", help="its arguments")


def run(args: argparse.Namespace) -> None:
    """Carry the command out."""
    if args.name not in EXPERIMENTS:
        raise UserError(f"unknown experiment '{args.name}'; choose one of {', '.join(EXPERIMENTS)}")
    module = import_module(f"murauer.experiments.{args.name}")
    parser = Parser(
        prog=f"murauer experiment {args.name}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    module.run(parser.parse_args(args.arguments))
