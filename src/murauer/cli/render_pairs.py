"""Make synthetic pairs of labelled real frames by fitting the hand model to their joints.

The synthetic pairs are what the correspondence loss compares real frames with. Written into the store: the
synthetic pairs as seen by every camera, twins.csv with the error of each fit, twins.png with pictures of
some, and joint_offsets.json: where this dataset's joints lie in the hand.
"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from murauer.arguments import add_json, count, labels, positive_float
from murauer.files import written_whole

if TYPE_CHECKING:
    from murauer.prepare.pairs.pairs import SyntheticPairs

PICTURE_FILE = "twins.png"
LISTED = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("store", type=Path, metavar="STORE", help="what 'murauer import' made")
    parser.add_argument(
        "--labels",
        type=labels,
        metavar="N|FILE",
        help="labels that may be used: how many, chosen by the seed, or a file with the frames' indices, "
        "as for 'murauer train' (default: all)",
    )
    parser.add_argument("--seed", type=count, default=0, help="chooses the N labels (default: 0)")
    parser.add_argument(
        "--max-error-mm", type=positive_float, default=10.0, metavar="X",
        help="frames whose labels are explained worse than this get no synthetic pair (default: 10)",
    )  # fmt: skip
    parser.add_argument("--replace", action="store_true", help="replace synthetic pairs that are there")
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Carry the command out."""
    from murauer.prepare.pairs.pairs import make_pairs  # start-up
    from murauer.prepare.pairs.pictures import pairs_sheet  # start-up
    from murauer.store.store import open_store  # start-up

    chosen = None
    if args.labels is not None:
        store = open_store(args.store)
        if isinstance(args.labels, Path):
            chosen = store.labelled_rows_from(args.labels)
        else:
            chosen = store.labelled_rows(args.labels, args.seed)
    pairs = make_pairs(args.store, chosen=chosen, max_error_mm=args.max_error_mm, replace=args.replace)
    with written_whole(args.store / PICTURE_FILE) as partial:
        pairs_sheet(pairs).save(partial)
    if args.json:
        print(json.dumps(_facts(pairs)))
    else:
        _print_summary(pairs)


def _facts(pairs: "SyntheticPairs") -> dict[str, object]:
    error = pairs.fit.error_mm
    return {
        "fitted_frames": len(pairs.rows),
        "twins": int(pairs.good.sum()),
        "median_error_mm": float(error.quantile(0.5)),
        "mean_error_mm": float(error.mean()),
        "largest_error_mm": float(error.max()),
        "left_hands": int(pairs.fit.left.sum()),
        "without_twin": pairs.rows[~pairs.good.numpy()].tolist(),
    }


def _print_summary(pairs: "SyntheticPairs") -> None:
    from murauer.prepare.pairs.pairs import PAIRS_FILE  # start-up

    folder, facts, error = pairs.store.folder, _facts(pairs), pairs.fit.error_mm
    print(f"{folder}: {facts['twins']} synthetic pairs of {len(pairs.rows)} labelled frames")
    print(
        f"  mean distance of joint and label: median {error.quantile(0.5):.1f} mm, 90 % of the frames within "
        f"{error.quantile(0.9):.1f} mm, largest {error.max():.1f} mm"
    )
    names = pairs.store.skeleton.joints
    lengths = pairs.fit.offsets.offsets.norm(dim=1)
    farthest = lengths.argsort(descending=True)[:3].tolist()
    largest = ", ".join(f"{names[j]} {lengths[j]:.0f} mm" for j in farthest)
    print(
        f"  labels lie beside the model's joints by {lengths.quantile(0.5):.0f} mm (median); most: {largest}"
    )
    bad = pairs.rows[~pairs.good.numpy()]
    if len(bad):
        listed = ", ".join(map(str, bad[:LISTED].tolist())) + (", ..." if len(bad) > LISTED else "")
        print(f"  {len(bad)} frames without one, explained worse than {pairs.max_error_mm:g} mm: {listed}")
    print(f"  per frame: {folder / PAIRS_FILE}; pictures: {folder / PICTURE_FILE}")
    rendered = pairs.store.manifest.synthesis
    if rendered is not None and not rendered.joint_offsets:
        print(
            "  the store's synthetic frames were rendered before its joints' offsets were known: give "
            f"'murauer render frames {folder} --frames N --replace' to label them alike"
        )
