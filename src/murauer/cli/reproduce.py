"""Make a result again, and say whether it agrees: train a run again, or evaluate a model again.

murauer evaluate runs/full --json > result.json
murauer reproduce result.json
murauer reproduce runs/full

RESULT is a run folder, what 'murauer evaluate --json' printed, or the metrics.json of a sweep's run. On one
machine, with the same versions and threads, it must agree to the bit; elsewhere within a tolerance that is
told. Exit code 1 says that it does not agree.
"""

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from murauer.arguments import add_data, add_device, add_json

if TYPE_CHECKING:
    from murauer.evaluation.reproduction import Reproduction

DISAGREES = 1
"""Exit code."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("result", type=Path, metavar="RESULT", help="run folder, or result of an evaluation")
    add_data(parser, required=False)
    about = "keep the training that is made again here, where it can also go on (default: do not keep it)"
    parser.add_argument("--out", type=Path, metavar="FOLDER", help=about)
    add_device(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Carry the command out."""
    from murauer.evaluation.reproduction import reproduce  # start-up

    with TemporaryDirectory(prefix="murauer-") as folder:
        found = reproduce(args.result, args.out or Path(folder), args.data, args.device)
    if args.json:
        print(json.dumps(found.to_dict()))
    else:
        _tell(found)
    return 0 if found.agrees else DISAGREES


def _tell(found: "Reproduction") -> None:
    print(found.what)
    same = "the same" if found.exact else "not known: the result does not say where it comes from"
    print(f"  conditions: {'; '.join(found.differences or ()) or same}")
    for name, (before, again) in found.errors_mm.items():
        print(f"  mean error of the {name}: {before:.4f} mm, again {again:.4f} mm")
    if found.equal:
        print("agrees, to the bit")
    elif found.agrees:
        print(f"agrees within {max(found.tolerance_mm.values()):.3g} mm, as it must under other conditions")
    elif found.exact:
        print("disagrees: under the same conditions it must be equal to the bit")
    else:
        print(f"disagrees by more than {max(found.tolerance_mm.values()):.3g} mm")
