"""Frames that should be labelled."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from changed_store import resealed
from murauer.cli.main import main
from murauer.errors import UserError
from murauer.inference.frames import encode_frames
from murauer.nets.model_file import load_model
from murauer.selection.selecting import principal_part, propose_frames, write_proposals
from murauer.store.frame_set import open_frame_set
from murauer.store.row_file import read_rows
from murauer.store.store import Store, open_store


@pytest.fixture
def store_folder(tiny_store: Store, tmp_path: Path) -> Path:
    """A store of which two frames are labelled, and one cannot be used."""
    folder = tmp_path / "store"
    shutil.copytree(tiny_store.folder, folder)
    real = open_frame_set(folder / "real", writable=True)
    real.labelled[:] = False
    real.labelled[[1, 4]] = True
    real.valid[2] = False
    real.flush()
    return resealed(folder)


def test_proposes_unlabelled_usable_frames_by_what_the_model_sees(
    store_folder: Path, small_model: Path
) -> None:
    store = open_store(store_folder)
    network, _ = load_model(small_model)
    proposals = propose_frames(store, network, 5)
    rows = [one.row for one in proposals]
    assert len(set(rows)) == 5 and not {1, 2, 4}.intersection(rows)
    assert [one.share for one in proposals] == sorted((one.share for one in proposals), reverse=True)
    assert 0 < sum(one.share for one in proposals) <= 1
    assert propose_frames(store, network, 5) == proposals


def test_labels_are_not_looked_at(store_folder: Path, small_model: Path) -> None:
    network, _ = load_model(small_model)
    before = propose_frames(open_store(store_folder), network, 4)
    real = open_frame_set(store_folder / "real", writable=True)
    real.joints[:] = np.nan
    real.flush()
    assert propose_frames(open_store(resealed(store_folder)), network, 4) == before


def test_copies_of_a_frame_are_proposed_once(store_folder: Path, small_model: Path) -> None:
    real = open_frame_set(store_folder / "real", writable=True)
    for array in (real.depth, real.intrinsics, real.centre):
        array[5:] = array[5]
    real.flush()
    proposals = propose_frames(open_store(resealed(store_folder)), load_model(small_model)[0], 6)
    assert sum(one.row >= 5 for one in proposals) == 1


def test_refuses_more_frames_than_there_are(store_folder: Path, tiny_store: Store, small_model: Path) -> None:
    network, _ = load_model(small_model)
    with pytest.raises(UserError, match="usable unlabelled real frames"):
        propose_frames(open_store(store_folder), network, 10_000)
    with pytest.raises(UserError, match="has 0 usable unlabelled real frames; --among-labelled"):
        propose_frames(tiny_store, network, 1)
    assert len(propose_frames(tiny_store, network, 1, among_labelled=True)) == 1


def test_principal_part_keeps_distances_when_all_directions_are_kept() -> None:
    points = np.random.default_rng(0).standard_normal((50, 6)) * [9, 5, 3, 1, 0.1, 0]
    part = principal_part(points, 6)
    assert (np.diff(part.var(axis=0)) <= 1e-12).all()
    np.testing.assert_allclose(
        np.linalg.norm(part[0] - part[1:], axis=1), np.linalg.norm(points[0] - points[1:], axis=1)
    )
    assert principal_part(points, 2).shape == (50, 2)


def test_latents_are_those_of_the_rows(tiny_store: Store, small_model: Path) -> None:
    network, _ = load_model(small_model)
    both = encode_frames(network, tiny_store.real, tiny_store.cube_mm, np.array([3, 0]))
    alone = encode_frames(network, tiny_store.real, tiny_store.cube_mm, np.array([0]))
    np.testing.assert_allclose(both[1], alone[0], atol=1e-5)


def test_command_writes_what_training_reads(
    store_folder: Path, small_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["select", str(store_folder), "-n", "3", "--model", str(small_model)]
    out = tmp_path / "chosen.txt"
    assert main([*words, "--json", "--out", str(out)]) == 0
    rows = [one["row"] for one in json.loads(capsys.readouterr().out)]
    assert read_rows(out) == rows and "stands for" in out.read_text()
    assert main(words) == 0
    assert capsys.readouterr().out == out.read_text()
    real = open_frame_set(store_folder / "real", writable=True)
    real.labelled[rows] = True
    real.flush()
    assert open_store(resealed(store_folder)).labelled_rows_from(out).tolist() == sorted(rows)
    write_proposals(out, [])
    with pytest.raises(UserError, match="names no frame"):
        read_rows(out)
