"""What must be known of a model to use it, and where the packaged one lies."""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

from murauer.geometry.patches import BoxRule
from murauer.geometry.skeletons import Skeleton

BackendName = Literal["onnx", "torch"]


@dataclass(frozen=True)
class ModelFacts:
    """What must be known of a model to use it.

    Attributes:
        skeleton: the J joints that it predicts.
        cube_mm: side of the hand cube that it was trained with.
        patch_size: side P of its patches in pixels.
        dense: whether it gives joints as the patch shows them, each with its expected error, of cubes as
            large as the hand asks for. Other models give camera coordinates in cubes that are all alike.
        box: how its patches are cut out.
    """

    skeleton: Skeleton
    cube_mm: float
    patch_size: int
    dense: bool = False
    box: BoxRule = "exact"


MODEL_FILE = "model.safetensors"
"""The model in a run folder."""

PACKAGED = ("default", "small")
"""Names of the packaged models: the base model, of skeleton hand21, and a small one of skeleton nyu14."""


def packaged_model(backend: BackendName, name: str = "default") -> Path:
    """Where a packaged model lies, in the format that a backend runs."""
    suffix = {"onnx": "onnx", "torch": "safetensors"}[backend]
    return Path(str(resources.files("murauer") / "models" / f"{name}.{suffix}"))
