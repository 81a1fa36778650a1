"""The examples of docs/extending*.md work as they stand: applied to a copy of the package, then used."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

EXAMPLE = re.compile(r"^`([^`\n]+)`:\n\n```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
"""A file's name, the language and the text of the block below it."""

SIMULATION = {
    "synthetic_frames": 24, "real_frames": 16, "validation_frames": 8, "test_frames": 8,
    "training_persons": 2, "region_size": 48,
}  # fmt: skip

DRIVER = Path(__file__).with_name("extended_package.py")


def examples() -> list[tuple[str, str, str]]:
    pages = sorted((ROOT / "docs").glob("extending*.md"))
    return [example for page in pages for example in EXAMPLE.findall(page.read_text(encoding="utf-8"))]


def apply(path: Path, language: str, text: str) -> None:
    """Write a new file, or change an existing one where each hunk of a diff says so."""
    if language != "diff":
        assert not path.exists(), f"{path} exists already"
        path.write_text(text, encoding="utf-8")
        return
    changed = path.read_text(encoding="utf-8")
    for hunk in text.split("@@\n"):
        lines = hunk.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line[0] in " -")
        after = "".join(line[1:] for line in lines if line[0] in " +")
        assert changed.count(before) == 1, f"{path} does not have, or not only once:\n{before}"
        changed = changed.replace(before, after)
    path.write_text(changed, encoding="utf-8")


def test_every_extension_is_shown() -> None:
    names = [name for name, _, _ in examples()]
    assert len(names) == len(set(names))
    folders = (
        "hand/sensors",
        "configs",
        "datasets",
        "training",
        "geometry/skeletons",
        "hand/joints",
        "capture/sources",
    )
    for folder in folders:
        assert any(name.startswith(f"src/murauer/{folder}") for name in names), folder
    assert {"reach.py", "pooled.py"} <= set(names)  # which stay outside the package


def test_documented_extensions_train_end_to_end(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("*.pyc", "*.egg-info"))
    for name, language, text in examples():
        apply(tmp_path / name, language, text)
    settings = json.loads((tmp_path / "settings.json").read_text())
    (tmp_path / "settings.json").write_text(json.dumps(settings | SIMULATION))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(DRIVER), str(tmp_path / "work")],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    if done.returncode:
        pytest.fail(done.stderr)
    results = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [result["frames"] for result in results] == [8, 8, 8, 8]
    for result in results:
        assert list(result["per_joint_mm"]) == [
            "middle_mcp", *(f"{finger}_tip" for finger in ("thumb", "index", "middle", "ring", "pinky"))
        ]  # fmt: skip
        assert 0 < result["mean_error_mm"] < 150
