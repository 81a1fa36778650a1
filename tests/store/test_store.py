"""Stores on disk: choice of labels, and clear refusal of what is damaged."""

import dataclasses
import json
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from changed_store import described
from murauer.errors import UserError
from murauer.store.frame_set import SINCE_VERSION
from murauer.store.manifest import MANIFEST_FILE, SPLITS, store_identity, write_manifest
from murauer.store.store import Store, check_place, open_store


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
    with pytest.raises(UserError, match="cannot read"):
        tiny_store.labelled_rows_from(tmp_path / "none.txt")


def test_missing_sets_name_the_command_that_makes_them(tiny_store: Store) -> None:
    bare = dataclasses.replace(tiny_store, synthetic=None, pairs=None, test=None)
    assert list(bare.sets) == ["real", "validation", "validation_twin"]
    for name, message in (
        ("synthetic", "murauer render frames"),
        ("twin", "murauer render pairs"),
        ("test", "import"),
    ):
        with pytest.raises(UserError, match=message):
            bare.require(name)
    with pytest.raises(UserError, match="no set 'train'"):
        bare.require("train")


OLD_KEYS = ("skeleton", "rig", "cube_mm", "view_pair", "unseen_persons", "simulation")


@pytest.mark.parametrize("version", [1, 2])
def test_older_formats_are_read_and_stay_readable(copy: Path, version: int) -> None:
    path = copy / MANIFEST_FILE
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({key: manifest[key] for key in OLD_KEYS} | {"format_version": version}))
    for split in SPLITS:
        for name, since in SINCE_VERSION.items():
            if since > version:
                (copy / split / f"{name}.npy").unlink()
    write_manifest(copy, open_store(copy).manifest)  # as whatever adds a set or a label to a store does
    store = open_store(copy)
    real = store.require("real")
    assert real.valid.shape == (40, 2) and real.valid.all()
    assert real.labelled.all() and (real.confidence == 1).all() and not real.left.any()
    assert store.centre_kind("test") == "joint" and store.manifest.format_version == version


def test_what_is_missing_from_a_store_of_today_is_named(copy: Path) -> None:
    (copy / "real" / "left.npy").unlink()
    with pytest.raises(UserError, match=r"real.left\.npy"):
        open_store(copy)


def test_the_identity_of_a_store_is_all_that_its_file_says(copy: Path) -> None:
    told = json.loads((copy / MANIFEST_FILE).read_text())
    assert told.pop("digest") and told.pop("provenance") and store_identity(copy) == told
    write_manifest(copy, msgspec.structs.replace(open_store(copy).manifest, unseen_persons=(1,)))
    assert store_identity(copy) == told | {"unseen_persons": [1]}


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


FOREIGN = [
    ({"format_version": 99}, "99, this program reads 1 to 4"),
    ({"rig": {}}, "cameras"),
    ({"skeleton": "octopus"}, "octopus"),
    ({"cube": 300}, "unknown field `cube`"),
    ({"cube_mm": "wide"}, r"got `str` - at `\$.cube_mm`"),
    ({"centres": {"real": "guessed"}}, "guessed"),
    ({"simulation": {"wind": 3}}, r"unknown field `wind` - at `\$.simulation`"),
    ({"simulation": {"real_frames": 0}}, "real_frames"),
]


@pytest.mark.parametrize(("change", "message"), FOREIGN)
def test_foreign_manifests_are_refused(copy: Path, change: dict[str, object], message: str) -> None:
    described(copy, **change)
    with pytest.raises(UserError, match=rf"recording\.json.*{message}"):
        open_store(copy)


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="is not a store"):
        check_place(tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
