"""An exported network run by ONNX Runtime."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from murauer.errors import UserError
from murauer.inference.engines import ModelFacts
from murauer.inference.patches import Floats
from murauer.skeletons import Skeleton

METADATA_KEY = "murauer"
FORMAT_VERSION = 1
INPUT, OUTPUT = "patch", "joints"


class OnnxEngine:
    """A file that `murauer export` wrote.

    Args:
        path: The .onnx file.
        threads: Threads for one prediction. Networks for real time are too small to be shared out.

    Raises:
        UserError: The file is missing, damaged or no model of ours, or ONNX Runtime is not installed.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        try:
            import onnxruntime
        except ModuleNotFoundError as error:
            raise UserError(
                f"{path} needs ONNX Runtime, which is not installed: pip install 'murauer[runtime]'"
            ) from error
        if not path.is_file():
            raise UserError(f"{path} does not exist; 'murauer export RUN --out {path.name}' makes it")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # it has a dozen unrelated classes of its own
            raise UserError(
                f"{path} is no complete ONNX model; export it again ({_first_line(error)})"
            ) from error
        metadata = self._session.get_modelmeta().custom_metadata_map
        self.facts = decode_facts(metadata.get(METADATA_KEY), path)

    def __call__(self, patches: Floats) -> Floats:
        """Predict joints, see `Engine`."""
        return np.asarray(self._session.run([OUTPUT], {INPUT: patches[:, None]})[0], np.float32)


def encode_facts(facts: ModelFacts, **more: object) -> str:
    """Describe a model for its file: skeleton, units, cube, patch; and what else is worth knowing."""
    document = {
        "format_version": FORMAT_VERSION,
        "skeleton": asdict(facts.skeleton),
        "cube_mm": facts.cube_mm,
        "patch_size": facts.patch_size,
        INPUT: "(batch, 1, patch_size, patch_size): (depth - centre) / (cube_mm / 2), background 1",
        OUTPUT: "(batch, joints, 3): (x, y, z - centre) / (cube_mm / 2); x right, y down, z forward",
    }
    return json.dumps(document | more)


def decode_facts(text: str | None, path: Path) -> ModelFacts:
    """Read what `encode_facts` wrote.

    Raises:
        UserError: It is missing, or of another version.
    """
    if text is None:
        raise UserError(f"{path} was not made by 'murauer export': it holds no description of its joints")
    try:
        document: dict[str, Any] = json.loads(text)
        version = document["format_version"]
        if version == FORMAT_VERSION:
            parts: dict[str, Any] = {
                key: tuple(v) if isinstance(v, list) else v for key, v in document["skeleton"].items()
            }
            return ModelFacts(Skeleton(**parts), float(document["cube_mm"]), int(document["patch_size"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"the description in {path} is damaged ({error}); export it again") from error
    raise UserError(f"{path} is of format {version}, this murauer reads {FORMAT_VERSION}; export it again")


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]
