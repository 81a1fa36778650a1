"""docs/first_steps.md from its beginning to its end, as it stands there but with small numbers."""

import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest

from murauer.capture.keypoint_file import read_keypoint_file
from murauer.cli.main import main, make_parser
from murauer.store.row_file import read_rows
from murauer.store.store import open_store
from murauer.studio.labels.label_log import LabelLog
from murauer.training.adapt import like_sensors

PAGE = Path(__file__).resolve().parent.parent / "docs" / "first_steps.md"
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

SMALLER = {
    "--frames 600": "--frames 16",
    "500 599": "12 15",
    "-n 20": "-n 4",
    "import recording": "import recording --workers 1",
    "adapt stores/first": "adapt --steps 2 stores/first",
}
"""What the test has in place of the numbers on the page; each must be there."""


def label_by_hand(words: list[str]) -> None:
    """Do what somebody does on the page of `murauer studio`: accept a label of each frame."""
    args = make_parser().parse_args(words)
    skeleton, truth = read_keypoint_file(Path(args.folder) / "truth.json")
    joints = {Path(label.image).stem: label.xyz for label in truth}
    with LabelLog(Path(args.folder), skeleton) as label_log:
        for row in read_rows(args.frames):
            label_log.change(f"{row:06d}", joints[f"{row:06d}"], "accept", accepted=True)


def steps() -> list[tuple[str, str]]:
    """Language and text of each step, a command alone."""
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    return [
        (language, step)
        for language, text in blocks
        for step in (text.splitlines() if language == "bash" else [text])
    ]


def test_the_whole_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(like_sensors, "TRIED", 7)
    used, done = set(), []
    for language, step in steps():
        if language == "python":
            exec(compile(step, str(PAGE), "exec"), {})
            continue
        for large, small in SMALLER.items():
            if large in step:
                step = step.replace(large, small)
                used.add(large)
        program, *words = shlex.split(step)
        if program == "seq":
            subprocess.run(step, shell=True, check=True)
        elif "--live" in words:
            make_parser().parse_args(words)
        elif words[0] == "studio" and "--export" not in words:
            label_by_hand(words)
        elif program == "murauer":
            assert main(words) == 0, f"{step}\n{capsys.readouterr().err}"
            done.append(words[0])
        if words[-1] == "--export":
            assert len(read_keypoint_file(Path("captures/first/labels.json"))[1]) == 4
    assert used == set(SMALLER)
    assert done == [
        "record", "import", "select", "studio", "import", "adapt", "evaluate", "evaluate",
    ]  # fmt: skip

    store = open_store(Path("stores/first"))
    chosen = read_rows(Path("captures/to_label.txt"))
    assert np.flatnonzero(store.require("real").labelled).tolist() == sorted(chosen)
    assert len(chosen) == 4 and len(store.require("real")) == 12
    assert store.require("test").labelled.all() and store.rig is not None
    assert "mm" in capsys.readouterr().out
