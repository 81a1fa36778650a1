"""No change of a label is ever lost, whatever ends the studio."""

import json
from pathlib import Path

import numpy as np
import pytest

from murauer.errors import UserError
from murauer.geometry.skeletons import SKELETONS
from murauer.studio.labels.journal import JOURNAL_FILE, Journal

NYU = SKELETONS["nyu14"]


def pose(value: float) -> np.ndarray:
    return np.full((14, 3), value, np.float32)


def current(journal: Journal, key: str) -> float | None:
    label = journal.label(key)
    return None if label is None or label.joints is None else float(label.joints[0, 0])


def test_changes_undo_and_redo(tmp_path: Path) -> None:
    with Journal(tmp_path, NYU) as journal:
        assert journal.label("a") is None and not journal.undo("a") and not journal.redo("a")
        for value in (1, 2, 3):
            journal.change("a", pose(value), "move")
        journal.change("b", pose(9), "move")
        assert journal.undo("a") and journal.undo("a") and current(journal, "a") == 1
        assert journal.redo("a") and current(journal, "a") == 2
        journal.change("a", pose(7), "move")
        assert not journal.redo("a") and current(journal, "a") == 7
        assert journal.undo("a") and journal.undo("a") and journal.undo("a") and journal.label("a") is None
        assert not journal.undo("a") and current(journal, "b") == 9


def test_everything_is_there_after_opening_again_even_what_was_undone(tmp_path: Path) -> None:
    with Journal(tmp_path, NYU) as journal:
        journal.change("a", pose(1), "move")
        journal.change("a", pose(2), "accept", accepted=True)
        journal.change("b", pose(3), "move")
        journal.undo("b")
        journal.change("c", None, "delete", accepted=True)
    with Journal(tmp_path, NYU) as journal:
        accepted = journal.accepted()
        assert list(accepted) == ["a", "c"] and accepted["c"] is None
        assert accepted["a"] is not None and accepted["a"][0, 0] == 2
        assert journal.label("b") is None and journal.redo("b") and journal.unfinished() == ["b"]
        assert journal.undo("a") and current(journal, "a") == 1


def test_every_change_is_on_disk_before_the_next(tmp_path: Path) -> None:
    with Journal(tmp_path, NYU) as journal:
        for count in range(1, 4):
            journal.change("a", pose(count), "move")
            lines = (tmp_path / JOURNAL_FILE).read_text().splitlines()
            assert len(lines) == 1 + count and json.loads(lines[-1])["joints_mm"][0] == [count] * 3


@pytest.mark.parametrize("lost", [1, 40, 200])
def test_a_line_that_a_power_cut_left_unfinished_costs_that_change_alone(tmp_path: Path, lost: int) -> None:
    with Journal(tmp_path, NYU) as journal:
        journal.change("a", pose(1), "move")
        journal.change("a", pose(2), "move")
    path = tmp_path / JOURNAL_FILE
    path.write_bytes(path.read_bytes()[:-lost])
    with Journal(tmp_path, NYU) as journal:
        assert current(journal, "a") == 1
        journal.change("a", pose(3), "move")
    with Journal(tmp_path, NYU) as journal:
        assert current(journal, "a") == 3 and journal.undo("a") and current(journal, "a") == 1


def test_a_change_that_cannot_be_written_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with Journal(tmp_path, NYU) as journal:
        journal.change("a", pose(1), "move")
        with monkeypatch.context() as patched:
            patched.setattr("murauer.studio.labels.journal.os.fsync", full)
            with pytest.raises(UserError, match="No space left"):
                journal.change("a", pose(2), "move")
        assert current(journal, "a") == 1
        journal.change("a", pose(3), "move")
        with pytest.raises(UserError, match="another studio"):
            Journal(tmp_path, NYU)
    with Journal(tmp_path, NYU) as journal:
        assert current(journal, "a") == 3 and journal.undo("a") and current(journal, "a") == 1


def test_two_studios_do_not_write_to_one_journal(tmp_path: Path) -> None:
    with Journal(tmp_path, NYU), pytest.raises(UserError, match="another studio"):
        Journal(tmp_path, NYU)
    Journal(tmp_path, NYU).close()


def test_damage_and_other_skeletons_are_told(tmp_path: Path) -> None:
    with Journal(tmp_path, NYU) as journal:
        journal.change("a", pose(1), "move")
    with pytest.raises(UserError, match="nyu14, not of anny21"):
        Journal(tmp_path, SKELETONS["anny21"])
    path = tmp_path / JOURNAL_FILE
    path.write_text(path.read_text() + "{}\n")
    with pytest.raises(UserError, match="line 3 is damaged"):
        Journal(tmp_path, NYU)


def test_what_is_no_label_is_refused(tmp_path: Path) -> None:
    with Journal(tmp_path, NYU) as journal:
        for joints in (np.zeros((13, 3), np.float32), np.full((14, 3), np.nan, np.float32)):
            with pytest.raises(ValueError, match="no label"):
                journal.change("a", joints, "move")
        assert journal.label("a") is None
