"""Simulate a store, train three variants with 100 labels, evaluate, and report.

Leaves report.html and metrics.json in the folder. What an interrupted demo finished is used again.
"""

import argparse

from murauer.arguments import add_device, add_run_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_run_folder(parser, "runs/demo")
    add_device(parser)


def run(args: argparse.Namespace) -> None:
    """Carry the command out."""
    from murauer.experiments.demo import run_demo  # start-up

    metrics = run_demo(args.out, device=args.device)
    for name, result in metrics["variants"].items():
        print(f"{name:16} {result['mean_error_mm']:6.2f} mm")
    print(f"report: {args.out / 'report.html'}")
