"""Adapt the packaged model to a camera, from its frames without labels or with a few.

murauer adapt stores/monday --out models/monday.safetensors

Takes about ten minutes on two cores. What it writes is a model like the packaged one, for the same commands.
It prints the errors before and after as far as labels tell them, and what was unlearned of other cameras.
"""

import argparse
import json
from pathlib import Path

from murauer.arguments import add_json, count, labels, positive_int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("store", type=Path, metavar="STORE", help="what 'murauer import' made")
    parser.add_argument("--out", type=Path, required=True, metavar="MODEL", help="model file or run folder")
    parser.add_argument(
        "--labels",
        type=labels,
        metavar="N|FILE",
        help="labelled real frames: how many, chosen by the seed, or a file with their indices "
        "(default: all that have labels, even if there are none)",
    )
    about = "packaged model, model file or run folder to adapt (default: default)"
    parser.add_argument("--start", default="default", metavar="MODEL", help=about)
    parser.add_argument("--steps", type=positive_int, default=800, metavar="N", help="default: 800")
    parser.add_argument("--seed", type=count, default=0, help="seed of everything random (default: 0)")
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Carry the command out."""
    from murauer.files import file_digest  # start-up
    from murauer.nets.model_file import model_path, save_model, to_model_path  # start-up
    from murauer.provenance import provenance  # start-up
    from murauer.selftest.self_test import self_test_once  # start-up
    from murauer.store.manifest import data_digest  # start-up
    from murauer.store.store import open_store  # start-up
    from murauer.training.adapt.adapt import Adaptation, adapt, load_dense  # start-up
    from murauer.training.adapt.held_out import HeldOut  # start-up

    store = open_store(args.store)
    if isinstance(args.labels, Path):
        rows = store.labelled_rows_from(args.labels)
    elif args.labels is None:
        rows = store.require("real").usable_rows(0, labelled=True)
    else:
        rows = store.labelled_rows(args.labels, args.seed)
    self_test_once()
    held = HeldOut(store, rows)
    before = held.error(load_dense(args.start)[0])
    settings = Adaptation(steps=args.steps, seed=args.seed)
    adapted = adapt(store, args.start, held.rows, settings)
    after = held.error(adapted.network)
    facts = {"start": args.start, "store": args.store.name, "labels": len(held.rows), "seed": args.seed}
    facts |= {"steps": args.steps}
    path = to_model_path(args.out)
    made = provenance(
        data=data_digest(args.store),
        inputs={"start": file_digest(model_path(args.start))},
        seed=args.seed,
        config=settings,
    )
    save_model(path, adapted.network, adapted.config, generator=False, made=made, **facts)
    result = {
        "model": str(path),
        "labels": len(held.rows),
        "held_out": held.name or None,
        "error_mm": None if before is None else [before, after],
        "own_mm": adapted.own_mm,
        "apart_mm": adapted.apart_mm,
    }
    if args.json:
        print(json.dumps(result))
        return
    print(f"{path}: adapted to {args.store} with {len(held.rows)} labels")
    if before is not None and after is not None:
        print(f"  error on {held.name}: {before:.1f} mm before, {after:.1f} mm after")
        if after > before:
            print("  it is worse than before; record more frames of different poses, or label some")
    if adapted.apart_mm:
        print("  two cameras disagreed by {:.1f} mm before, {:.1f} mm half way".format(*adapted.apart_mm))
    print(
        "  error on rendered frames of other cameras: {:.1f} mm before, {:.1f} mm after".format(
            *adapted.own_mm
        )
    )
