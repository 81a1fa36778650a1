"""Recordings on disk: choice of labels, and clear refusal of what is damaged."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from murauer.data.recording import DESCRIPTION_FILE, Recording, open_recording, prepare_folder
from murauer.errors import UserError


def test_labelled_rows_are_nested_and_depend_on_the_seed(tiny_recording: Recording) -> None:
    few, more = tiny_recording.labelled_rows(5, seed=3), tiny_recording.labelled_rows(15, seed=3)
    assert set(few) < set(more) and len(set(more)) == 15
    assert not np.array_equal(more, tiny_recording.labelled_rows(15, seed=4))
    assert len(tiny_recording.labelled_rows(len(tiny_recording.real), seed=0)) == len(tiny_recording.real)


def test_more_labels_than_frames_are_refused(tiny_recording: Recording) -> None:
    with pytest.raises(UserError, match="41 labelled frames asked for"):
        tiny_recording.labelled_rows(41, seed=0)


@pytest.fixture
def copy(tiny_recording: Recording, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_recording.folder, tmp_path / "copy"))


def test_missing_and_truncated_arrays_are_named(copy: Path) -> None:
    array = copy / "real" / "depth.npy"
    array.write_bytes(array.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"real.depth\.npy"):
        open_recording(copy)
    array.unlink()
    with pytest.raises(UserError, match=r"real.depth\.npy"):
        open_recording(copy)


@pytest.mark.parametrize("change", [{"format_version": 99}, {"rig": {}}, {"skeleton": "octopus"}])
def test_foreign_descriptions_are_refused(copy: Path, change: dict[str, object]) -> None:
    path = copy / DESCRIPTION_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError, match=r"recording\.json"):
        open_recording(copy)


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="is not a recording"):
        prepare_folder(tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
