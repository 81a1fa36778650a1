"""Stores on disk: choice of labels, and clear refusal of what is damaged."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from murauer.errors import UserError
from murauer.store.frame_set import LATER_ARRAYS
from murauer.store.store import DESCRIPTION_FILE, SPLITS, Store, check_place, open_store


def test_labelled_rows_are_nested_and_depend_on_the_seed(tiny_store: Store) -> None:
    few, more = tiny_store.labelled_rows(5, seed=3), tiny_store.labelled_rows(15, seed=3)
    assert set(few) < set(more) and len(set(more)) == 15
    assert not np.array_equal(more, tiny_store.labelled_rows(15, seed=4))
    assert len(tiny_store.labelled_rows(len(tiny_store.real), seed=0)) == len(tiny_store.real)


def test_more_labels_than_frames_are_refused(tiny_store: Store) -> None:
    with pytest.raises(UserError, match="41 labelled frames asked for"):
        tiny_store.labelled_rows(41, seed=0)


def with_real(store: Store, **arrays: np.ndarray) -> Store:
    return dataclasses.replace(store, real=dataclasses.replace(store.require("real"), **arrays))


def test_only_usable_labelled_frames_are_chosen(tiny_store: Store) -> None:
    labelled, valid = np.ones(40, bool), np.ones((40, 2), bool)
    labelled[::4], valid[1::4, 0], valid[2::4, 1] = False, False, False
    store = with_real(tiny_store, labelled=labelled, valid=valid)
    rows = store.labelled_rows(20, seed=0)  # the second camera's image is not needed
    assert set(rows) == {row for row in range(40) if row % 4 >= 2}
    with pytest.raises(UserError, match="has 20 usable labelled ones among its 40 real frames"):
        store.labelled_rows(21, seed=0)


def test_labelled_frames_from_a_file(tiny_store: Store, tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_text("# mine\n7\n3\n\n39\n")
    assert tiny_store.labelled_rows_from(path).tolist() == [3, 7, 39]


LABEL_FILES = {
    "beyond the end": ("3\n40\n", "frame 40 of .* none of its 40 real frames"),
    "negative": ("-1\n", "frame -1"),
    "twice": ("3\n5\n3\n", "frame 3 of .* named twice"),
    "unlabelled": ("5\n9\n", "frame 9 of .* has no label or cannot be used"),
    "no number": ("three\n", "one index a line"),
    "empty": ("# none\n", "names no frame"),
}


@pytest.mark.parametrize("name", LABEL_FILES)
def test_wrong_files_of_labelled_frames_are_refused(tiny_store: Store, tmp_path: Path, name: str) -> None:
    text, message = LABEL_FILES[name]
    path = tmp_path / "labels.txt"
    path.write_text(text)
    labelled = np.arange(40) != 9
    with pytest.raises(UserError, match=message):
        with_real(tiny_store, labelled=labelled).labelled_rows_from(path)
    with pytest.raises(UserError, match="cannot read a list of frames"):
        tiny_store.labelled_rows_from(tmp_path / "none.txt")


def test_missing_sets_name_the_command_that_makes_them(tiny_store: Store) -> None:
    bare = dataclasses.replace(tiny_store, synthetic=None, pairs=None, test=None)
    assert list(bare.sets) == ["real", "validation", "validation_twin"]
    for name, message in (("synthetic", "murauer synthesise"), ("twin", "murauer twin"), ("test", "import")):
        with pytest.raises(UserError, match=message):
            bare.require(name)
    with pytest.raises(UserError, match="no set 'train'"):
        bare.require("train")


def test_format_version_1_is_read_with_everything_usable(copy: Path) -> None:
    path = copy / DESCRIPTION_FILE
    description = json.loads(path.read_text())
    old = {key: description[key] for key in description if key != "checksums"} | {"format_version": 1}
    path.write_text(json.dumps(old))
    for split in SPLITS:
        for name in LATER_ARRAYS:
            (copy / split / f"{name}.npy").unlink()
    store = open_store(copy)
    real = store.require("real")
    assert (
        real.valid.shape == (40, 2)
        and real.valid.all()
        and real.labelled.all()
        and (real.confidence == 1).all()
    )
    assert store.centre_kind("test") == "joint"


@pytest.fixture
def copy(tiny_store: Store, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_store.folder, tmp_path / "copy"))


def test_missing_and_truncated_arrays_are_named(copy: Path) -> None:
    array = copy / "real" / "depth.npy"
    array.write_bytes(array.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"real.depth\.npy"):
        open_store(copy)
    array.unlink()
    with pytest.raises(UserError, match=r"real.depth\.npy"):
        open_store(copy)


def test_arrays_of_different_sets_are_not_mixed(copy: Path) -> None:
    shutil.copy(copy / "test" / "labelled.npy", copy / "real" / "labelled.npy")
    with pytest.raises(UserError, match=r"real.labelled\.npy has shape \(16,\)"):
        open_store(copy)
    shutil.copy(copy / "twin" / "labelled.npy", copy / "real" / "labelled.npy")
    (copy / "real" / "valid.npy").unlink()
    with pytest.raises(UserError, match=r"real.valid\.npy"):
        open_store(copy)


def test_pairs_must_be_as_many_as_their_frames(copy: Path) -> None:
    shutil.rmtree(copy / "twin")
    shutil.copytree(copy / "validation_twin", copy / "twin")
    with pytest.raises(UserError, match="40 real frames but 16 synthetic pairs"):
        open_store(copy)


@pytest.mark.parametrize("change", [{"format_version": 99}, {"rig": {}}, {"skeleton": "octopus"}])
def test_foreign_descriptions_are_refused(copy: Path, change: dict[str, object]) -> None:
    path = copy / DESCRIPTION_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError, match=r"recording\.json"):
        open_store(copy)


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="is not a store"):
        check_place(tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
