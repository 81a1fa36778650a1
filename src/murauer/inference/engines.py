"""What runs the network: PyTorch, or ONNX Runtime, which needs no PyTorch.

Both take patches and give joints as arrays; all that is between them and depth frames is the same code.
"""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal, Protocol

from murauer.errors import UserError
from murauer.inference.patches import Floats
from murauer.skeletons import Skeleton

EngineName = Literal["onnx", "torch"]


@dataclass(frozen=True)
class ModelFacts:
    """What must be known of a model to use it.

    Attributes:
        skeleton: the J joints that it predicts.
        cube_mm: side of the hand cube that it was trained with.
        patch_size: side P of its patches in pixels.
    """

    skeleton: Skeleton
    cube_mm: float
    patch_size: int


class Engine(Protocol):
    """Runs f, m and p for real frames."""

    @property
    def facts(self) -> ModelFacts:
        """What the model is for."""
        ...

    def __call__(self, patches: Floats) -> Floats:
        """Predict joints of patches (B, P, P): (B, J, 3) in units of half the cube."""
        ...


def packaged_model(engine: EngineName) -> Path:
    """Where the packaged model lies, in the format that an engine runs."""
    suffix = {"onnx": "onnx", "torch": "safetensors"}[engine]
    return Path(str(resources.files("murauer") / "models" / f"default.{suffix}"))


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
        from murauer.inference.onnx_engine import OnnxEngine

        return OnnxEngine(path, threads or 1)
    if threads is not None:
        raise UserError("threads are those of ONNX Runtime; for PyTorch call torch.set_num_threads")
    try:
        from murauer.inference.torch_engine import TorchEngine
    except ModuleNotFoundError as error:
        raise UserError(
            f"{source} needs {error.name}, which is not installed; use an exported model (.onnx), or "
            "pip install 'murauer[train]'"
        ) from error
    return TorchEngine(path, device)
