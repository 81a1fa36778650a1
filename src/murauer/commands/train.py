"""Train a model on a recording: pre-training on synthetic frames, then joint training.

A run that was stopped goes on where its last checkpoint was when the same command is given again.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from murauer.commands.arguments import add_json, add_run_folder, count

if TYPE_CHECKING:
    from murauer.config import Config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("recording", type=Path, help="folder of a recording")
    add_run_folder(parser)
    parser.add_argument("--preset", default="small", metavar="NAME|FILE.json", help="default: small")
    parser.add_argument("--variant", default="full", metavar="NAME", help="which losses (default: full)")
    parser.add_argument(
        "--labels", type=count, default=100, metavar="N", help="labelled frames (default: 100)"
    )
    parser.add_argument("--seed", type=count, default=0, help="seed of everything random (default: 0)")
    parser.add_argument("--pretrained", type=Path, metavar="FILE", help="start from this pre-trained network")
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Carry the command out."""
    import json

    from murauer.data.recording import open_recording
    from murauer.training.sweep import evaluate_split
    from murauer.training.trainer import train

    recording = open_recording(args.recording)
    model = train(
        recording,
        _configuration(args.preset),
        variant=args.variant,
        labels=args.labels,
        seed=args.seed,
        out=args.out,
        pretrained=args.pretrained,
    )
    metrics = evaluate_split(model, recording, "validation")
    if args.json:
        print(json.dumps({"model": str(model), "validation": metrics.to_dict()}))
    else:
        print(f"{model}: {metrics.mean_error_mm:.2f} mm on the validation frames")


def _configuration(name: str) -> "Config":
    """Load a packaged preset, or a file: a preset of one's own or the `config.json` of a run."""
    import json

    from murauer.config import load_preset
    from murauer.errors import UserError
    from murauer.training.checkpoint import decode_config

    if not name.endswith(".json"):
        return load_preset(name)
    try:
        text = Path(name).read_text(encoding="utf-8")
        document = json.loads(text)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the configuration {name}: {error}") from error
    if isinstance(document, dict) and "config" in document:  # beside variant, labels, seed and recording
        text = json.dumps(document["config"])
    return decode_config(text, Path(name))
