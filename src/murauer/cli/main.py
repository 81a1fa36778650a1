"""The command line: `murauer COMMAND ...`; each command is a module of `murauer.cli`."""

import argparse
import os
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor
from importlib.util import find_spec

from murauer.arguments import Parser, add_commands
from murauer.cli import (
    adapt,
    demo,
    evaluate,
    experiment,
    export,
    import_,
    info,
    predict,
    record,
    render,
    reproduce,
    select,
    studio,
    train,
)
from murauer.errors import UnlikelyInput, UserError, printable
from murauer.foreign.limits import reason
from murauer.interrupts import sigterm_is_ctrl_c
from murauer.version import __version__

COMMANDS = {
    "demo": demo,
    "record": record,
    "import": import_,
    "render": render,
    "select": select,
    "train": train,
    "adapt": adapt,
    "evaluate": evaluate,
    "reproduce": reproduce,
    "experiment": experiment,
    "predict": predict,
    "studio": studio,
    "export": export,
    "info": info,
}

EXTRAS = {
    "train": {
        "jinja2": "Jinja",
        "matplotlib": "Matplotlib",
        "safetensors": "safetensors",
        "scipy": "SciPy",
        "sklearn": "scikit-learn",
        "tensorboard": "TensorBoard",
        "torch": "PyTorch",
        "warp": "Warp",
    },
    "cluster": {"submitit": "submitit"},
    "export": {"onnx": "ONNX", "onnxscript": "ONNX Script"},
    "network": {"zmq": "pyzmq"},
    "realsense": {"pyrealsense2": "pyrealsense2"},
    "studio": {"viser": "viser"},
    "video": {"av": "PyAV"},
}
"""What each extra adds to what it takes to run a model: names by which packages are imported and known."""

EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130  # what shells report for SIGINT
EXIT_BROKEN_PIPE = 141  # likewise for SIGPIPE

OUT_OF_MEMORY = re.compile("can't allocate memory|out of memory|bad_alloc|bad allocation", re.IGNORECASE)
"""How PyTorch and ONNX Runtime say it."""


def make_parser() -> argparse.ArgumentParser:
    """Build the parser of all commands."""
    parser = Parser(prog="murauer", description="3D hand poses from a depth camera, with almost no labels.")
    parser.add_argument("--version", action="version", version=f"murauer {__version__}")
    add_commands(parser, COMMANDS, "COMMAND")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Words after `murauer`; those of the process by default.

    Returns:
        The exit code: 0, 1 where a command says that its result is incomplete, 2 after an error of the input,
        130 after Ctrl-C or SIGTERM, where the command does not end well by it.
    """
    try:
        options = make_parser().parse_args(arguments)
    except UserError as error:
        return _fail(str(error))
    return ended_well_or_told(lambda: options.run(options), f"murauer {options.command}")


def ended_well_or_told(work: Callable[[], int | None], name: str) -> int:
    """Do what a command does; problems that a user can mend end in one sentence on stderr.

    Args:
        work: What it does; gives the exit code, 0 if None.
        name: Of the command.

    Returns:
        The exit code, see `main`.
    """
    warnings.showwarning = _show_warning
    try:
        with sigterm_is_ctrl_c():
            code = work()
        sys.stdout.flush()  # a full disk behind a redirection shows only here
    except UserError as error:
        return _fail(str(error))
    except ModuleNotFoundError as error:
        module = str(error.name).partition(".")[0]
        for extra, packages in EXTRAS.items():
            if module in packages:
                # A missing PyTorch is named, whichever package of its extra was imported first.
                named = "torch" if extra == "train" and find_spec("torch") is None else module
                return _fail(f"{name} needs {packages[named]} for this: pip install 'murauer[{extra}]'")
        raise
    except BrokenPipeError:  # `murauer info | head`: the reader has all it wants
        _give_up_stdout()
        return EXIT_BROKEN_PIPE
    except (OSError, MemoryError, RuntimeError) as error:
        if (want := _what_is_missing(error)) is None:
            raise
        _give_up_stdout()
        return _fail(want)
    except KeyboardInterrupt:
        print("murauer: stopped", file=sys.stderr)
        return EXIT_INTERRUPTED
    return code or 0


def _what_is_missing(error: Exception) -> str | None:
    """What the machine did not give: disk, a file, memory; None if the error is of another kind."""
    if isinstance(error, BrokenExecutor):
        return (
            "a worker process was killed, perhaps for want of memory; give the command again, with fewer "
            "--workers"
        )
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}"
    if isinstance(error, MemoryError) or OUT_OF_MEMORY.search(str(error)):
        return f"there is not enough memory ({reason(error)}); choose smaller batches, networks or images"
    return None


def _give_up_stdout() -> None:
    """Drop what stdout could not take, which Python would try to write, and fail with, again at its exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object, **__: object
) -> None:
    """Print a warning: those for users like an error, without the place in the code."""
    text = str(message) if issubclass(category, UnlikelyInput) else f"{filename}:{lineno}: {message}"
    print(f"murauer: warning: {text}", file=sys.stderr)


def _fail(message: str) -> int:
    print(f"murauer: {' '.join(printable(message).split())}", file=sys.stderr)
    return EXIT_USER_ERROR
