"""What a file or folder that murauer made says of itself, and of where it comes from."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from murauer.errors import UserError
from murauer.foreign.documents import parse_object
from murauer.foreign.limits import MOST_SETTINGS
from murauer.nets.model_facts import MODEL_FILE, PACKAGED, packaged_model
from murauer.provenance import PROVENANCE, Provenance, decode_provenance
from murauer.text_files import read_text

TOLD = (
    "skeleton", "cube_mm", "patch_size", "precision", "source", "model", "store", "split", "mean_error_mm"
)  # fmt: skip
"""What is shown of files that say much more."""


@dataclass(frozen=True)
class Origin:
    """What a file says.

    Attributes:
        path: The file.
        kind: What it is, in words.
        facts: What else it says of itself.
        made: Where it comes from; None if it does not say. Of parts by their names, "" for the whole.
    """

    path: Path
    kind: str
    facts: dict[str, Any]
    made: dict[str, Provenance | None]


def read_origin(path: Path) -> Origin:
    """Read what a model, a checkpoint, a run folder, an ONNX file or a result says.

    Args:
        path: Or the name of a packaged model.

    Raises:
        UserError: It is damaged, or nothing of that.
    """
    if str(path) in PACKAGED and not path.exists():
        path = packaged_model("onnx", str(path))
    if path.is_dir():
        path = next((file for file in _files_of_run(path) if file.is_file()), path)
    readers = {".safetensors": _read_tensors_file, ".onnx": _read_onnx, ".json": _read_result}
    if path.suffix not in readers or not path.is_file():
        missing = "" if path.exists() else " does not exist or"
        raise UserError(
            f"{path}{missing} is nothing that says where it comes from; give a store, a run folder, a model, "
            "a checkpoint or a result (.json)"
        )
    return readers[path.suffix](path)


def _files_of_run(folder: Path) -> list[Path]:
    """Files that say where a run comes from, the best first."""
    from murauer.training.checkpoint import CHECKPOINT_FILE  # extra
    from murauer.training.train import PRETRAINED_FILE, PRETRAINING_CHECKPOINT_FILE  # extra

    names = (MODEL_FILE, CHECKPOINT_FILE, PRETRAINED_FILE, PRETRAINING_CHECKPOINT_FILE)
    return [folder / name for name in names]


def _read_tensors_file(path: Path) -> Origin:
    from murauer.nets.model_file import read_metadata  # extra

    told = read_metadata(path)
    kind = "checkpoint" if "step" in told else "model" if "config" in told else "tensors"
    fault = f"the description in {path} is damaged"
    facts = parse_object(told.get("facts", "{}"), fault)
    facts |= _some(parse_object(told.get("config", "{}"), fault))
    facts.pop("identity", None)  # a longer form of the configuration
    if "step" in told:
        facts["step"] = told["step"]
    return Origin(path, kind, facts, {"": decode_provenance(told.get(PROVENANCE), path)})


def _read_onnx(path: Path) -> Origin:
    from murauer.nets.onnx_session import open_session  # start-up

    session = open_session(path, made_by=f"murauer export RUN --out {path.name}", mend="export it again")
    told = session.get_modelmeta().custom_metadata_map
    facts = _some(parse_object(told.get("murauer", "{}"), f"the description in {path} is damaged"))
    if isinstance(facts.get("skeleton"), dict):
        facts["skeleton"] = facts["skeleton"].get("name")
    return Origin(path, "ONNX model", facts, {"": decode_provenance(told.get(PROVENANCE), path)})


def _read_result(path: Path) -> Origin:
    document = parse_object(read_text(path, MOST_SETTINGS), f"{path} is damaged")
    parts = {"": document} | {name: part for name, part in document.items() if isinstance(part, dict)}
    made = {
        name: decode_provenance(json.dumps(part[PROVENANCE]), path)
        for name, part in parts.items()
        if PROVENANCE in part
    }
    return Origin(path, "result", _some(document), made or {"": None})


def _some(document: dict[str, Any]) -> dict[str, Any]:
    return {name: document[name] for name in TOLD if name in document}
