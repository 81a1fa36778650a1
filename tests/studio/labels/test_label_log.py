"""No change of a label is ever lost, whatever ends the studio."""

import json
from pathlib import Path

import numpy as np
import pytest

from murauer.errors import UserError
from murauer.geometry.skeletons import SKELETONS
from murauer.studio.labels.label_log import LABEL_LOG_FILE, LabelLog

NYU = SKELETONS["nyu14"]


def pose(value: float) -> np.ndarray:
    return np.full((14, 3), value, np.float32)


def current(label_log: LabelLog, key: str) -> float | None:
    label = label_log.label(key)
    return None if label is None or label.joints is None else float(label.joints[0, 0])


def test_changes_undo_and_redo(tmp_path: Path) -> None:
    with LabelLog(tmp_path, NYU) as label_log:
        assert label_log.label("a") is None and not label_log.undo("a") and not label_log.redo("a")
        for value in (1, 2, 3):
            label_log.change("a", pose(value), "move")
        label_log.change("b", pose(9), "move")
        assert label_log.undo("a") and label_log.undo("a") and current(label_log, "a") == 1
        assert label_log.redo("a") and current(label_log, "a") == 2
        label_log.change("a", pose(7), "move")
        assert not label_log.redo("a") and current(label_log, "a") == 7
        assert all(label_log.undo("a") for _ in range(3)) and label_log.label("a") is None
        assert not label_log.undo("a") and current(label_log, "b") == 9


def test_everything_is_there_after_opening_again_even_what_was_undone(tmp_path: Path) -> None:
    with LabelLog(tmp_path, NYU) as label_log:
        label_log.change("a", pose(1), "move")
        label_log.change("a", pose(2), "accept", accepted=True)
        label_log.change("b", pose(3), "move")
        label_log.undo("b")
        label_log.change("c", None, "delete", accepted=True)
    with LabelLog(tmp_path, NYU) as label_log:
        accepted = label_log.accepted()
        assert list(accepted) == ["a", "c"] and accepted["c"] is None
        assert accepted["a"] is not None and accepted["a"][0, 0] == 2
        assert label_log.label("b") is None and label_log.redo("b") and label_log.unfinished() == ["b"]
        assert label_log.undo("a") and current(label_log, "a") == 1


def test_every_change_is_on_disk_before_the_next(tmp_path: Path) -> None:
    with LabelLog(tmp_path, NYU) as label_log:
        for count in range(1, 4):
            label_log.change("a", pose(count), "move")
            lines = (tmp_path / LABEL_LOG_FILE).read_text().splitlines()
            assert len(lines) == 1 + count and json.loads(lines[-1])["joints_mm"][0] == [count] * 3


@pytest.mark.parametrize("lost", [1, 40, 200])
def test_a_line_that_a_power_cut_left_unfinished_costs_that_change_alone(tmp_path: Path, lost: int) -> None:
    with LabelLog(tmp_path, NYU) as label_log:
        label_log.change("a", pose(1), "move")
        label_log.change("a", pose(2), "move")
    path = tmp_path / LABEL_LOG_FILE
    path.write_bytes(path.read_bytes()[:-lost])
    with LabelLog(tmp_path, NYU) as label_log:
        assert current(label_log, "a") == 1
        label_log.change("a", pose(3), "move")
    with LabelLog(tmp_path, NYU) as label_log:
        assert current(label_log, "a") == 3 and label_log.undo("a") and current(label_log, "a") == 1


def test_a_change_that_cannot_be_written_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with LabelLog(tmp_path, NYU) as label_log:
        label_log.change("a", pose(1), "move")
        with monkeypatch.context() as patched:
            patched.setattr("murauer.files.os.fsync", full)
            with pytest.raises(UserError, match="No space left"):
                label_log.change("a", pose(2), "move")
        assert current(label_log, "a") == 1
        label_log.change("a", pose(3), "move")
    with LabelLog(tmp_path, NYU) as label_log:
        assert current(label_log, "a") == 3 and label_log.undo("a") and current(label_log, "a") == 1


def test_damage_and_other_skeletons_are_told(tmp_path: Path) -> None:
    with LabelLog(tmp_path, NYU) as label_log:
        label_log.change("a", pose(1), "move")
    with pytest.raises(UserError, match="nyu14, not of anny21"):
        LabelLog(tmp_path, SKELETONS["anny21"])
    path = tmp_path / LABEL_LOG_FILE
    path.write_text(path.read_text() + "{}\n")
    with pytest.raises(UserError, match="line 3 is damaged"):
        LabelLog(tmp_path, NYU)


def test_what_is_no_label_is_refused(tmp_path: Path) -> None:
    with LabelLog(tmp_path, NYU) as label_log:
        for joints in (np.zeros((13, 3), np.float32), np.full((14, 3), np.nan, np.float32)):
            with pytest.raises(ValueError, match="no label"):
                label_log.change("a", joints, "move")
        assert label_log.label("a") is None
