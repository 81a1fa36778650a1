"""Chooses what runs the network: PyTorch, or ONNX Runtime, which needs no PyTorch."""

from pathlib import Path

from murauer.errors import UserError
from murauer.inference.backends.backend import Engine
from murauer.nets.model_facts import EngineName, packaged_model


def load_engine(
    source: str | Path = "default",
    *,
    engine: EngineName | None = None,
    device: str = "cpu",
    threads: int | None = None,
) -> Engine:
    """Load a model; see `Estimator.load`.

    Raises:
        UserError: The model or what runs it is missing or damaged, or they do not fit.
    """
    if engine not in (None, "onnx", "torch"):
        raise UserError(f"unknown engine {engine!r}; use 'onnx' or 'torch'")
    if str(source) == "default":
        wanted = engine or ("onnx" if device == "cpu" else "torch")
        path = packaged_model(wanted)
    else:
        path = Path(source)
    exported = path.suffix == ".onnx"
    if engine is not None and exported != (engine == "onnx"):
        fix = f"use engine='{'onnx' if exported else 'torch'}'"
        raise UserError(
            f"{source} does not run by {engine}; {fix}" + ("" if exported else " or 'murauer export' it")
        )
    if exported:
        if device != "cpu":
            raise UserError(f"{source} runs on the CPU only; load the run folder to use {device}")
        from murauer.inference.backends.onnx import OnnxEngine

        return OnnxEngine(path, threads or 1)
    if threads is not None:
        raise UserError("threads are those of ONNX Runtime; for PyTorch call torch.set_num_threads")
    try:
        from murauer.inference.backends.torch import TorchEngine
    except ModuleNotFoundError as error:
        raise UserError(
            f"{source} needs {error.name}, which is not installed; use an exported model (.onnx), or "
            "pip install 'murauer[train]'"
        ) from error
    return TorchEngine(path, device)
