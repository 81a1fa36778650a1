"""Look at a capture or a store in a web page, compare models on it, and label its frames.

murauer studio captures/monday
murauer studio stores/monday --model runs/a --compare runs/b
murauer studio stores/monday --frames selected.txt
murauer studio stores/monday --export

The page is at http://127.0.0.1:8080 and for this machine alone. --host listens on another address; a token
is then printed, without which nobody sees anything. Every change of a label is on disk at once; accepted
labels become the folder's by the button, or by --export without a page.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from murauer.arguments import add_handedness
from murauer.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from murauer.studio.albums.album import Album

DEFAULT_PORT = 8080


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="capture or store")
    parser.add_argument(
        "--model", default="default", metavar="PATH", help="run folder, model, predictions.txt, none"
    )
    parser.add_argument("--compare", metavar="PATH", help="second model, beside the first")
    add_handedness(parser)
    parser.add_argument("--skeleton", metavar="NAME", help="of labels to come (default: nyu14)")
    parser.add_argument(
        "--frames", type=Path, metavar="FILE", help="frames to label, an index of 'real' a line"
    )
    parser.add_argument(
        "--export", action="store_true", help="write accepted labels to the folder, without a page"
    )
    add_serving(parser)


def add_serving(parser: argparse.ArgumentParser) -> None:
    """Declare where the page is, as `murauer live` has it, too."""
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
    from murauer.studio.albums.open import open_album  # start-up
    from murauer.studio.labels.label_log import LabelLog  # start-up
    from murauer.studio.page.guard import choose_token, serve  # start-up

    album = open_album(args.folder, args.skeleton)
    listed = None if args.frames is None else {"real": _listed(args.frames, album)}
    token = choose_token(args.host, args.token)
    with LabelLog(args.folder, album.skeleton) as label_log:
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
        server = serve(args.host, args.port, token)
        announce(args.host, server.get_port(), token)
        try:
            run_studio(server, album, predictors, label_log, listed)
        finally:
            server.stop()
        print(
            f"{len(label_log.accepted())} accepted labels, {len(label_log.unfinished())} not accepted yet, "
            f"in {label_log.path}; write the accepted ones with: murauer studio {args.folder} --export"
        )


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
