"""An exported network run by ONNX Runtime."""

import json
from dataclasses import asdict
from pathlib import Path

import msgspec
import numpy as np

from murauer.errors import UserError
from murauer.foreign.documents import convert_json
from murauer.foreign.ranges import Millimetres, Size
from murauer.geometry.patches import Floats
from murauer.geometry.skeletons import FINGERS, Skeleton
from murauer.nets.model_facts import ModelFacts
from murauer.nets.onnx_session import open_session

METADATA_KEY = "murauer"
FORMAT_VERSION = 1
INPUT, OUTPUT = "patch", "joints"

CUBE_OUTPUT = "(batch, joints, 3): (x, y, z - centre) / (cube_mm / 2); x right, y down, z forward"
DENSE_OUTPUT = (
    "(batch, joints, 4): column and row, -1 and 1 at the patch's borders; (depth - centre) / (cube_mm / 2); "
    "expected error / (cube_mm / 2). The cube is as large as the hand asks for: cube_mm for a mean adult's"
)


class _Version(msgspec.Struct):
    """What a model says of itself, whatever its format."""

    format_version: int


class _Facts(msgspec.Struct):
    """What a model says of itself; more is left to people to read."""

    skeleton: Skeleton
    cube_mm: Millimetres
    patch_size: Size
    dense: bool = False


class OnnxBackend:
    """A file that `murauer export` wrote.

    Args:
        path: The .onnx file.
        threads: Threads for one prediction. Networks for real time are too small to be shared out.

    Raises:
        UserError: The file is missing, damaged or no model of ours, or ONNX Runtime is not installed.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        made_by = f"murauer export RUN --out {path.name}"
        self._session = open_session(path, made_by=made_by, mend="export it again", threads=threads)
        metadata = self._session.get_modelmeta().custom_metadata_map
        self.facts = decode_facts(metadata.get(METADATA_KEY), path)

    def __call__(self, patches: Floats) -> Floats:
        """Predict joints, see `Backend`."""
        return np.asarray(self._session.run([OUTPUT], {INPUT: patches[:, None]})[0], np.float32)


def encode_facts(facts: ModelFacts, **more: object) -> str:
    """Describe a model for its file: skeleton, units, cube, patch; and what else is worth knowing."""
    document = {
        "format_version": FORMAT_VERSION,
        "skeleton": asdict(facts.skeleton),
        "cube_mm": facts.cube_mm,
        "patch_size": facts.patch_size,
        "dense": facts.dense,
        "box": facts.box,
        INPUT: "(batch, 1, patch_size, patch_size): (depth - centre) / (cube_mm / 2), background 1",
        OUTPUT: DENSE_OUTPUT if facts.dense else CUBE_OUTPUT,
    }
    return json.dumps(document | more)


def decode_facts(text: str | None, path: Path) -> ModelFacts:
    """Read what `encode_facts` wrote.

    Raises:
        UserError: It is missing, or of another version.
    """
    if text is None:
        raise UserError(f"{path} was not made by 'murauer export': it holds no description of its joints")
    fault = f"the description in {path} is damaged; export it again"
    version = convert_json(text, _Version, fault).format_version
    if version != FORMAT_VERSION:
        raise UserError(
            f"{path} is of format {version}, this murauer reads {FORMAT_VERSION}; export it again"
        )
    told = convert_json(text, _Facts, fault)
    skeleton, count = told.skeleton, len(told.skeleton.joints)
    if not (
        len(skeleton.parents) == len(skeleton.groups) == count
        and skeleton.centre in range(count)
        and all(parent in range(-1, count) for parent in skeleton.parents)
        and set(skeleton.groups) <= {*FINGERS, "palm"}
    ):
        raise UserError(f"{fault}: its skeleton {skeleton.name} is none")
    return ModelFacts(skeleton, told.cube_mm, told.patch_size, dense=told.dense)
