"""Chooses what runs the network: PyTorch, or ONNX Runtime, which needs no PyTorch."""

from pathlib import Path

from murauer.errors import UserError
from murauer.inference.backends.backend import Backend
from murauer.nets.model_facts import MODEL_FILE, PACKAGED, BackendName, packaged_model


def model_of(source: str | Path, backend: BackendName | None = None, device: str = "cpu") -> Path:
    """The file that `load_backend` loads."""
    if str(source) in PACKAGED:
        return packaged_model(backend or ("onnx" if device == "cpu" else "torch"), str(source))
    path = Path(source)
    return path / MODEL_FILE if path.is_dir() else path


def load_backend(
    source: str | Path = "default",
    *,
    backend: BackendName | None = None,
    device: str = "cpu",
    threads: int | None = None,
) -> Backend:
    """Load a model; see `Estimator.load`.

    Raises:
        UserError: The model or what runs it is missing or damaged, or they do not fit.
    """
    if backend not in (None, "onnx", "torch"):
        raise UserError(f"unknown backend {backend!r}; use 'onnx' or 'torch'")
    path = model_of(source, backend, device)
    exported = path.suffix == ".onnx"
    if backend is not None and exported != (backend == "onnx"):
        fix = f"use backend='{'onnx' if exported else 'torch'}'"
        raise UserError(
            f"{source} does not run by {backend}; {fix}" + ("" if exported else " or 'murauer export' it")
        )
    if exported:
        if device != "cpu":
            raise UserError(f"{source} runs on the CPU only; load the run folder to use {device}")
        from murauer.inference.backends.onnx import OnnxBackend  # start-up

        return OnnxBackend(path, threads or 1)
    if threads is not None:
        raise UserError("threads are those of ONNX Runtime; for PyTorch call torch.set_num_threads")
    try:
        from murauer.inference.backends.torch import TorchBackend  # extra
    except ModuleNotFoundError as error:
        raise UserError(
            f"{source} needs {error.name}, which is not installed; use an exported model (.onnx), or "
            "pip install 'murauer[train]'"
        ) from error
    return TorchBackend(path, device)
