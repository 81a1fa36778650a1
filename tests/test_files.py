import os
from pathlib import Path

import pytest

from murauer.errors import UserError
from murauer.files import as_utf8, written_whole


def test_appears_at_the_end(tmp_path: Path):
    target = tmp_path / "new" / "a.json"
    with written_whole(target) as partial:
        assert partial.suffix == ".json"
        partial.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert [path.name for path in target.parent.iterdir()] == ["a.json"]


def test_failure_keeps_the_old_file(tmp_path: Path):
    target = tmp_path / "a.json"
    target.write_text("old")
    with pytest.raises(RuntimeError), written_whole(target) as partial:
        partial.write_text("ha")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_full_disk():
    with (
        pytest.raises(UserError, match="cannot write /dev/full: No space left"),
        written_whole("/dev/full") as path,
    ):
        path.write_text("anything")
    assert Path("/dev/full").is_char_device()  # written to, not replaced


def test_folder_in_the_way(tmp_path: Path):
    with pytest.raises(UserError, match="it is a folder"), written_whole(tmp_path):
        pass


def test_file_in_place_of_a_folder(tmp_path: Path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="cannot write"), written_whole(tmp_path / "file" / "a.json"):
        pass
    assert (tmp_path / "file").read_text() == "mine"


def test_names_that_the_locale_could_not_decode_are_text():
    assert as_utf8("Übung") == "Übung"
    assert as_utf8(os.fsdecode("Übung".encode())) == "Übung"
    assert as_utf8("\udcc3\udc9cbung") == "Übung"
