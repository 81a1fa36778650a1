"""docs/tutorial.ipynb from its first cell to its last, as it stands there."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prose import long_sentences

CELLS = json.loads(
    (Path(__file__).parents[1] / "docs" / "tutorial.ipynb").read_text(encoding="utf-8")
)["cells"]  # fmt: skip


def test_cells_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for number, cell in enumerate(CELLS):
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)
    assert names["pose"] and names["error_mm"] < 30
    assert names["result"].metrics.frames == 8 and Path("runs/tutorial/model.safetensors").is_file()
    assert names["own_pose"].joints_xyz.shape == (21, 3) and np.isfinite(names["own_pose"].joints_xyz).all()


def test_cells_have_no_outputs_and_can_be_read_aloud() -> None:
    for cell in CELLS:
        assert not cell.get("outputs")
        assert cell["cell_type"] == "code" or not long_sentences("".join(cell["source"]))
