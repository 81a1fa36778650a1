"""Watch a depth camera, or another source of depth, with the joints that a model finds, in a web page.

murauer live simulated:
murauer live captures/monday --model runs/a --compare runs/b

SOURCE is what `murauer record` takes, too: a camera, a folder, a file or a stream; see docs/sources.md. The
page is at http://127.0.0.1:8080, for this machine alone; with --host also for others, who need the token that
is printed.
"""

import argparse
from pathlib import Path

from murauer.arguments import add_handedness
from murauer.cli.studio import add_serving, announce


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("source", metavar="SOURCE", help="where depth comes from")
    parser.add_argument("--model", default="default", metavar="PATH", help="run folder, model file, .onnx")
    parser.add_argument("--compare", metavar="PATH", help="second model, beside the first")
    add_handedness(parser)
    add_serving(parser)


def run(args: argparse.Namespace) -> None:
    """Carry the command out."""
    from murauer.capture.sources import open_source  # start-up
    from murauer.inference.estimator import Estimator  # start-up
    from murauer.studio.live import run_live  # start-up
    from murauer.studio.page.guard import choose_token, serve  # start-up

    token = choose_token(args.host, args.token)
    paths = [path for path in (args.model, args.compare) if path is not None]
    models = [
        ("packaged model" if path == "default" else Path(path).name, Estimator.load(path)) for path in paths
    ]
    with open_source(args.source) as source:
        server = serve(args.host, args.port, token)
        announce(args.host, server.get_port(), token)
        try:
            run_live(server, source, models, args.handedness)
        finally:
            server.stop()
