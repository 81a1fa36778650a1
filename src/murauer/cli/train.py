"""Train a model on a store: pre-training on synthetic frames, then joint training.

murauer train --data stores/a --variant full --labels 100 --out runs/full

It starts from the packaged base model, unless --start or a config of the paper's networks says otherwise.
A run that was stopped goes on where its last checkpoint was when the same command is given again.
With `torchrun --nproc-per-node N -m murauer train ...` N processes share each mini-batch.
"""

import argparse
import json
from pathlib import Path

from murauer.arguments import add_data, add_device, add_json, add_run_folder, count, labels
from murauer.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_data(parser)
    add_run_folder(parser)
    about = "default: base, which starts from the packaged model; small with --start scratch"
    parser.add_argument("--config", metavar="NAME|FILE.json", help=about)
    about = "scratch, default, or another model whose network to train on (default: what the config says)"
    parser.add_argument("--start", metavar="MODEL", help=about)
    parser.add_argument("--variant", default="full", metavar="NAME", help="which losses (default: full)")
    parser.add_argument(
        "--labels",
        type=labels,
        default=100,
        metavar="N|FILE",
        help="labelled real frames: how many, chosen by the seed, or a file with their indices "
        "(default: 100)",
    )
    parser.add_argument("--seed", type=count, default=0, help="seed of everything random (default: 0)")
    parser.add_argument("--pretrained", type=Path, metavar="FILE", help="start from this pre-trained network")
    add_device(parser)
    parser.add_argument(
        "--resume", action="store_true", help="go on with the run in --out; an error if there is none"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Carry the command out."""
    import msgspec  # start-up

    from murauer.evaluation.split import evaluate_split  # start-up
    from murauer.selftest.self_test import self_test_once  # start-up
    from murauer.store.store import open_store  # start-up
    from murauer.training.config import read_config  # start-up
    from murauer.training.device import open_device  # start-up
    from murauer.training.parallel import processes  # start-up
    from murauer.training.start import SCRATCH  # start-up
    from murauer.training.train import RUN_FILE, train  # start-up

    store = open_store(args.data)
    if args.resume and not (args.out / RUN_FILE).exists():
        raise UserError(f"there is no run to resume in {args.out}: it has no {RUN_FILE}; leave --resume away")
    config = read_config(args.config or ("small" if args.start == SCRATCH else "base"))
    config = msgspec.structs.replace(config, start=args.start or config.start)
    rows = store.labelled_rows_from(args.labels) if isinstance(args.labels, Path) else None
    device = open_device(args.device)
    self_test_once()
    with processes(device) as leading:
        model = train(
            store,
            config,
            variant=args.variant,
            labels=args.labels if rows is None else len(rows),
            seed=args.seed,
            out=args.out,
            pretrained=args.pretrained,
            label_rows=rows,
            device=device,
        )
    if not leading:
        return
    validation = store.validation
    labelled = validation is not None and len(validation.usable_rows(0, labelled=True)) > 0
    result = evaluate_split(model, store, "validation", device=device) if labelled else None
    if args.json:
        print(json.dumps({"model": str(model), "validation": result and result.to_dict()}))
    elif result is None:
        print(f"{model}: trained; there are no labelled validation frames to measure it on")
    else:
        error = result.metrics.mean_error_mm
        print(f"{model}: {error:.2f} mm on the validation frames ({result.conditions()})")
