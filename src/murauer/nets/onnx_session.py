"""Opening a network's file with ONNX Runtime."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from murauer.errors import UserError
from murauer.seals import check_seal

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def open_session(path: Path, *, made_by: str, mend: str, threads: int = 1) -> "InferenceSession":
    """Open an .onnx file for the processor.

    Args:
        path: The file.
        made_by: Command that makes such a file, for the message that there is none.
        mend: What helps against a damaged one.
        threads: Threads for one call. Networks for real time are too small to be shared out.

    Raises:
        UserError: The file is missing or damaged, of a newer ONNX version than the installed ONNX Runtime
            knows, or ONNX Runtime is not installed.
    """
    try:
        import onnxruntime  # start-up
    except ModuleNotFoundError as error:
        raise UserError(
            f"{path} needs ONNX Runtime, which is not installed: pip install onnxruntime"
        ) from error
    if not path.is_file():
        raise UserError(f"{path} does not exist; '{made_by}' makes it")
    check_seal(path, mend)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # it has a dozen unrelated classes of its own
        reason = _reason(str(error))
        if _TOO_NEW.search(reason):
            raise UserError(
                f"{path} is of a newer ONNX version than ONNX Runtime {onnxruntime.__version__} reads "
                f"({reason}); pip install -U onnxruntime, or {mend}"
            ) from error
        raise UserError(f"{path} is no complete ONNX model; {mend} ({reason})") from error


_TOO_NEW = re.compile(r"max supported IR version|under development and support|Current official support")
"""How ONNX Runtime says that a file is of a newer version of the format, or of its operators."""


def _reason(message: str) -> str:
    """What ONNX Runtime says is wrong: without its codes and the place in its sources, which come first."""
    said = " ".join(message.split()).rpartition(" failed:")[2]
    return re.sub(r"^/\S+:\d+ .*?\) (?=[A-Z])", "", said).rstrip(".")
