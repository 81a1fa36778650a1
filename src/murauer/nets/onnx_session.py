"""Opening a network's file with ONNX Runtime."""

from pathlib import Path
from typing import TYPE_CHECKING

from murauer.errors import UserError

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
        UserError: The file is missing or damaged, or ONNX Runtime is not installed.
    """
    try:
        import onnxruntime  # start-up
    except ModuleNotFoundError as error:
        raise UserError(
            f"{path} needs ONNX Runtime, which is not installed: pip install onnxruntime"
        ) from error
    if not path.is_file():
        raise UserError(f"{path} does not exist; '{made_by}' makes it")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # it has a dozen unrelated classes of its own
        reason = str(error).strip().partition("\n")[0][:200]
        raise UserError(f"{path} is no complete ONNX model; {mend} ({reason})") from error
