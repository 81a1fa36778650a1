"""Changes an ONNX model of this project, which tells damage by its digest."""

from pathlib import Path
from typing import Any

from murauer.seals import FIELD, UNSEALED, seal


def save_changed(model: Any, path: Path) -> None:
    """Write a model as if it had been exported like that."""
    import onnx  # optional

    next(text for text in model.metadata_props if text.key == FIELD).value = UNSEALED
    onnx.save(model, path)
    seal(path)
