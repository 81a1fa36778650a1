"""Look at a capture, a store or a live camera in a web page, compare models on it, and label its frames.

murauer studio captures/monday
murauer studio stores/monday --model runs/a --compare runs/b
murauer studio stores/monday --frames selected.txt
murauer studio stores/monday --export
murauer studio --live simulated:

With --live it shows a camera, or any SOURCE that `murauer record` takes, with the joints that a model finds.

The page is at http://127.0.0.1:8080 and for this machine alone. --host listens on another address; a token
is then printed, without which nobody sees anything. Every change of a label is on disk at once; accepted
labels become the folder's by the button, or by --export without a page.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from murauer.arguments import add_handedness
from murauer.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from viser import ViserServer

    from murauer.studio.albums.album import Album

DEFAULT_PORT = 8080


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "folder", metavar="FOLDER|SOURCE", help="capture or store; with --live a source of depth"
    )
    parser.add_argument("--live", action="store_true", help="show a source of depth as it comes")
    parser.add_argument(
        "--model", default="default", metavar="PATH", help="run folder, model, predictions.txt, none"
    )
    parser.add_argument("--compare", metavar="PATH", help="second model, beside the first")
    add_handedness(parser)
    parser.add_argument("--skeleton", metavar="NAME", help="of labels to come (default: hand21)")
    parser.add_argument(
        "--frames", type=Path, metavar="FILE", help="frames to label, an index of 'real' a line"
    )
    parser.add_argument(
        "--export", action="store_true", help="write accepted labels to the folder, without a page"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS", help="to listen on (default: 127.0.0.1)"
    )
    parser.add_argument(
        "--port", type=port, default=DEFAULT_PORT, metavar="N", help=f"default: {DEFAULT_PORT}"
    )
    parser.add_argument(
        "--token", metavar="TEXT", help="to ask for (default: a new one with --host, none without)"
    )


def port(text: str) -> int:
    """Read the number of a port; 0 is any that is free."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"expected a port from 0 to 65535, got {text!r}")
    return int(text)


def run(args: argparse.Namespace) -> None:
    """Carry the command out."""
    if args.live:
        _watch(args)
    else:
        _open(args)


def _open(args: argparse.Namespace) -> None:
    """Show a folder, or write its accepted labels."""
    from murauer.studio.albums.open import open_album  # start-up
    from murauer.studio.labels.label_log import LabelLog  # start-up

    folder = Path(args.folder)
    album = open_album(folder, args.skeleton)
    listed = None if args.frames is None else {"real": _listed(args.frames, album)}
    with LabelLog(folder, album.skeleton) as label_log:
        if args.export:
            labels = label_log.accepted()
            if not labels:
                raise UserError(
                    f"{label_log.path} has no accepted label; label frames with 'murauer studio' first"
                )
            print(f"{len(labels)} labels written; {album.write_labels(labels)}")
            return

        from murauer.studio.app import run_studio  # start-up
        from murauer.studio.predicting import open_predictor  # start-up

        sources = [source for source in (args.model, args.compare) if source not in (None, "none")]
        predictors = [open_predictor(source, album, args.handedness) for source in sources]
        with _serving(args) as server:
            run_studio(server, album, predictors, label_log, listed)
        print(
            f"{len(label_log.accepted())} accepted labels, {len(label_log.unfinished())} not accepted yet, "
            f"in {label_log.path}; write the accepted ones with: murauer studio {folder} --export"
        )


def _watch(args: argparse.Namespace) -> None:
    """Show a source of depth as it comes."""
    from murauer.capture.sources import open_source  # start-up
    from murauer.inference.estimator import Estimator  # start-up
    from murauer.studio.live import run_live  # start-up

    if args.export or args.frames is not None or args.skeleton is not None:
        raise UserError(
            "--export, --frames and --skeleton are for labels of a folder; leave them out with --live"
        )
    paths = [path for path in (args.model, args.compare) if path is not None]
    models = [
        ("packaged model" if path == "default" else Path(path).name, Estimator.load(path)) for path in paths
    ]
    with open_source(args.folder) as source, _serving(args) as server:
        run_live(server, source, models, args.handedness)


@contextmanager
def _serving(args: argparse.Namespace) -> "Iterator[ViserServer]":
    """Yields the server of the page, whose address is printed."""
    from murauer.studio.page.guard import choose_token, serve  # start-up

    token = choose_token(args.host, args.token)
    server = serve(args.host, args.port, token)
    announce(args.host, server.get_port(), token)
    try:
        yield server
    finally:
        server.stop()


def announce(host: str, port: int, token: str | None) -> None:
    """Print where the page is."""
    place = f"[{host}]" if ":" in host else host
    print(
        f"http://{place}:{port}/{'' if token is None else '?token=' + token}   (Ctrl-C ends it)", flush=True
    )


def _listed(path: Path, album: "Album") -> "np.ndarray":
    """Read the frames to leaf through."""
    import numpy as np  # start-up

    from murauer.store.row_file import read_rows  # start-up

    rows = np.array(read_rows(path), np.int64)
    frames = album.sets.get("real", 0)
    if rows.min() < 0 or rows.max() >= frames:
        raise UserError(
            f"{path} must name frames of {album.folder}, from 0 to {frames - 1}, one index a line"
        )
    return rows
