"""Record a depth camera, or anything else that gives depth: a capture.

murauer record realsense: --out captures/monday --seconds 60
murauer record "simulated:?cameras=2" --out captures/trial --frames 300

SOURCE is a camera, a file or a stream, see docs/sources.md. Ctrl-C ends the capture and keeps it; given
again, the command goes on with it.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from murauer.arguments import add_json, positive_float, positive_int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("source", metavar="SOURCE", help="what to record: KIND:ADDRESS, a folder or a file")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="of the capture")
    parser.add_argument("--frames", type=positive_int, metavar="N", help="that the capture shall have")
    parser.add_argument("--seconds", type=positive_float, metavar="S", help="to record now")
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Carry the command out."""
    from murauer.capture.recorder import record  # start-up
    from murauer.capture.sources import open_source  # start-up
    from murauer.names import MOST_NAMED  # start-up

    with open_source(args.source) as source:
        done = record(source, args.out, frames=args.frames, seconds=args.seconds)
        cameras = ", ".join(each.name for each in source.cameras)
        live, left_out = source.live, source.left_out
    for sentence in left_out[:MOST_NAMED]:
        print(f"left out: {sentence}", file=sys.stderr)
    if len(left_out) > MOST_NAMED:
        print(f"left out: {len(left_out) - MOST_NAMED} more", file=sys.stderr)
    if args.json:
        print(json.dumps(asdict(done)))
        return
    print(f"{args.out}: {done.frames} frames of {cameras}, {done.new} of them new in {done.seconds:.1f} s")
    if done.dropped:
        why = "a lower rate, or a faster disk, keeps more" if live else "lost before, damaged or blank"
        print(f"{done.dropped} frames were dropped; {why}")
