"""The parser, and types of command-line arguments; their errors name the argument and the value."""

import argparse
import math
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NoReturn

from murauer.errors import UserError

if TYPE_CHECKING:
    from murauer.chunks import Shard


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence like all others, without the usage in front."""

    def error(self, message: str) -> NoReturn:
        """Raise what the command line prints.

        Raises:
            UserError: Always.
        """
        raise UserError(f"{message}; see {self.prog} --help")


def add_commands(parser: argparse.ArgumentParser, modules: dict[str, ModuleType], metavar: str) -> None:
    """Declare commands, one of which must be given.

    Args:
        parser: Parser of the program, or of a command that has several of its own.
        modules: Modules by name. Each has `add_arguments(parser)`, a docstring whose first line is the help,
            and `run(args)` unless it has commands of its own.
        metavar: What stands for the command in the usage.
    """
    commands = parser.add_subparsers(dest=metavar.lower(), required=True, metavar=metavar)
    for name, module in modules.items():
        summary, _, details = (module.__doc__ or "").partition("\n")
        command = commands.add_parser(
            name,
            help=summary,
            description=summary + "\n" + details,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
        if hasattr(module, "run"):
            command.set_defaults(run=module.run)


def positive_int(text: str) -> int:
    """Read a whole number of at least 1."""
    return _whole_number(text, least=1)


def count(text: str) -> int:
    """Read a whole number of at least 0."""
    return _whole_number(text, least=0)


def positive_float(text: str) -> float:
    """Read a positive, finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"expected a positive number, got {text!r}")
    return value


def centre(text: str) -> tuple[float, float, float]:
    """Read U,V,D: pixel, pixel, mm."""
    try:
        u, v, d = (float(word) for word in text.split(","))
    except ValueError:
        u = v = d = math.nan
    if not all(math.isfinite(value) for value in (u, v, d)):
        raise argparse.ArgumentTypeError(
            f"expected U,V,D in pixel, pixel, mm, such as 320,240,700; got {text!r}"
        )
    return u, v, d


def add_run_folder(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    """Declare --out, the folder that a command writes to."""
    about = "folder to write to" + (f" (default: {default})" if default else "")
    folder = None if default is None else Path(default)
    parser.add_argument(
        "--out", type=Path, default=folder, required=not default, metavar="FOLDER", help=about
    )


def labels(text: str) -> int | Path:
    """Read a number of labelled frames; what is no number is the path of a file that lists them."""
    try:
        float(text)
    except ValueError:
        return Path(text)
    return count(text)


def add_handedness(parser: argparse.ArgumentParser) -> None:
    """Declare --handedness."""
    about = "which hand it is (default: auto, as it is seen)"
    parser.add_argument("--handedness", choices=("auto", "right", "left"), default="auto", help=about)


def add_data(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """Declare --data, the store that a command reads."""
    about = "store, from 'murauer import' or 'murauer render session'"
    parser.add_argument("--data", type=Path, required=required, metavar="STORE", help=about)


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Declare --workers and --shard, which share work between processes and machines."""
    parser.add_argument("--workers", type=positive_int, metavar="N", help="processes (default: all cores)")
    parser.add_argument(
        "--shard",
        metavar="K/N",
        help="do every N-th chunk from the K-th on; the command without --shard puts all together",
    )


def shard_of(args: argparse.Namespace) -> "Shard | None":
    """The given --shard.

    Raises:
        UserError: There is no such shard.
    """
    from murauer.chunks import Shard  # start-up

    return None if args.shard is None else Shard.parse(args.shard)


def tell_shard_is_done(shard: "Shard") -> None:
    """Say what is left to do."""
    print(f"shard {shard.index}/{shard.count} is done; the command without --shard puts all together")


def add_device(parser: argparse.ArgumentParser) -> None:
    """Declare --device, where networks compute."""
    about = "where to compute: cpu, cuda or cuda:N (default: cpu)"
    parser.add_argument("--device", default="cpu", metavar="NAME", help=about)


def add_small_cube(parser: argparse.ArgumentParser) -> None:
    """Declare --small-cube."""
    about = "shrink the cube to 5/6 for this person, as many do for NYU's second (1); off by default"
    parser.add_argument("--small-cube", type=count, metavar="PERSON", help=about)


def add_json(parser: argparse.ArgumentParser) -> None:
    """Declare --json."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def _whole_number(text: str, least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least {least}, got {text!r}")
    return value
