"""The command line: `murauer COMMAND ...`; each command is a module of `murauer.cli`."""

import argparse
import os
import sys
from collections.abc import Sequence

from murauer.arguments import Parser
from murauer.cli import (
    demo,
    evaluate,
    experiment,
    export,
    import_,
    info,
    live,
    predict,
    record,
    report,
    select,
    simulate,
    studio,
    synthesise,
    train,
    twin,
)
from murauer.errors import UserError
from murauer.version import __version__

COMMANDS = {
    "demo": demo,
    "record": record,
    "import": import_,
    "simulate": simulate,
    "synthesise": synthesise,
    "select": select,
    "twin": twin,
    "train": train,
    "evaluate": evaluate,
    "experiment": experiment,
    "report": report,
    "predict": predict,
    "live": live,
    "studio": studio,
    "export": export,
    "info": info,
}
"""Modules with `add_arguments(parser)` and `run(args)`; the first line of their docstring is the help."""

TRAINING_PACKAGES = {
    "matplotlib": "Matplotlib",
    "safetensors": "safetensors",
    "scipy": "SciPy",
    "tensorboard": "TensorBoard",
    "torch": "PyTorch",
    "warp": "Warp",
}
"""What the extra "train" adds to what it takes to run a model, by the name that it is imported by."""

EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130  # what shells report for SIGINT
EXIT_BROKEN_PIPE = 141  # likewise for SIGPIPE


def make_parser() -> argparse.ArgumentParser:
    """Build the parser of all commands."""
    parser = Parser(prog="murauer", description="3D hand poses from a depth camera, with almost no labels.")
    parser.add_argument("--version", action="version", version=f"murauer {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        summary, _, details = (module.__doc__ or "").partition("\n")
        command = commands.add_parser(
            name,
            help=summary,
            description=summary + "\n" + details,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; problems that a user can mend end in one sentence on stderr.

    Args:
        arguments: Words after `murauer`; those of the process by default.

    Returns:
        The exit code: 0, 2 after an error of the input, 130 after Ctrl-C.
    """
    try:
        options = make_parser().parse_args(arguments)
        options.run(options)
        sys.stdout.flush()  # a full disk behind a redirection shows only here
    except UserError as error:
        return _fail(str(error))
    except ModuleNotFoundError as error:
        package = TRAINING_PACKAGES.get(str(error.name).partition(".")[0])
        if package is None:
            raise
        return _fail(f"murauer {options.command} needs {package} for this: pip install 'murauer[train]'")
    except BrokenPipeError:  # `murauer info | head`: the reader has all it wants
        _give_up_stdout()
        return EXIT_BROKEN_PIPE
    except OSError as error:
        _give_up_stdout()
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}")
    except KeyboardInterrupt:
        print("murauer: stopped", file=sys.stderr)
        return EXIT_INTERRUPTED
    return 0


def _give_up_stdout() -> None:
    """Drop what stdout could not take, which Python would try to write, and fail with, again at its exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str) -> int:
    print(f"murauer: {' '.join(message.split())}", file=sys.stderr)
    return EXIT_USER_ERROR
