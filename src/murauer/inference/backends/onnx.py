"""An exported network run by ONNX Runtime."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from murauer.errors import UserError
from murauer.foreign.documents import parse_object
from murauer.foreign.limits import MOST_SIDE, reading
from murauer.geometry.patches import Floats
from murauer.geometry.skeletons import FINGERS, Skeleton
from murauer.nets.model_facts import ModelFacts
from murauer.nets.onnx_session import open_session

METADATA_KEY = "murauer"
FORMAT_VERSION = 1
INPUT, OUTPUT = "patch", "joints"
MOST_MM = 1e5
"""Of a hand cube."""

CUBE_OUTPUT = "(batch, joints, 3): (x, y, z - centre) / (cube_mm / 2); x right, y down, z forward"
DENSE_OUTPUT = (
    "(batch, joints, 4): column and row, -1 and 1 at the patch's borders; (depth - centre) / (cube_mm / 2); "
    "expected error / (cube_mm / 2). The cube is as large as the hand asks for: cube_mm for a mean adult's"
)


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
    told = parse_object(text, f"the description in {path} is damaged; export it again")
    with reading(f"the description in {path}", mend="export it again"):
        version = told["format_version"]
        if version != FORMAT_VERSION:
            raise UserError(
                f"{path} is of format {version}, this murauer reads {FORMAT_VERSION}; export it again"
            )
        parts: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in told["skeleton"].items()
        }
        facts = ModelFacts(
            Skeleton(**parts),
            float(told["cube_mm"]),
            int(told["patch_size"]),
            dense=bool(told.get("dense")),
            box="published" if told.get("box") == "published" else "exact",
        )
        _check(facts)
        return facts


def _check(facts: ModelFacts) -> None:
    """Refuse what no model is.

    Raises:
        ValueError: It is said of this one.
    """
    skeleton = facts.skeleton
    places = range(len(skeleton.joints))
    if not (
        len(skeleton.parents) == len(skeleton.groups) == len(places) > 0
        and all(isinstance(name, str) for name in (skeleton.name, *skeleton.joints))
        and skeleton.centre in places
        and all(parent == -1 or parent in places for parent in skeleton.parents)
        and {*skeleton.groups} <= {*FINGERS, "palm"}
    ):
        raise ValueError(f"its skeleton {skeleton.name} is none")
    if not (0 < facts.cube_mm < MOST_MM and 0 < facts.patch_size <= MOST_SIDE):
        raise ValueError(f"cubes of {facts.cube_mm:g} mm in {facts.patch_size} pixels are none")
