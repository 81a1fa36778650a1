"""Render labelled depth: a simulated session, synthetic frames for a store, synthetic pairs of its labels.

murauer render session --out stores/a
murauer render frames stores/monday --frames 20000
murauer render pairs stores/monday --labels 100

murauer render WHAT --help tells what each takes.
"""

import argparse

from murauer.arguments import add_commands
from murauer.cli import render_frames, render_pairs, render_session

WHAT = {"session": render_session, "frames": render_frames, "pairs": render_pairs}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what can be rendered, each with its own arguments."""
    add_commands(parser, WHAT, "WHAT")
