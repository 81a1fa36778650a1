"""A bit that is not what it was is noticed, wherever it is."""

import os
import random
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from murauer.capture.keypoint_file import Keypoints, read_keypoint_file, write_keypoint_file
from murauer.errors import UnlikelyInput, UserError
from murauer.geometry.skeletons import SKELETONS
from murauer.nets.model_file import load_model
from murauer.seals import check_seal
from murauer.store.store import Store, open_store
from murauer.studio.labels.label_log import LABEL_LOG_FILE, LabelLog
from murauer.training.checkpoint import load_checkpoint, previous_checkpoint, save_checkpoint

FLIPS = int(os.environ.get("MURAUER_FLIPS", "100"))
"""Bits that are flipped, one after the other, in files of all kinds together; `make faults` flips more."""

Read = Callable[[Path], object]


def read_store(folder: Path) -> None:
    """Read all that training reads."""
    for frames in open_store(folder).sets.values():
        for view in range(frames.views):
            frames.windows(np.arange(len(frames)), view)


def read_labels(folder: Path) -> None:
    LabelLog(folder, SKELETONS["nyu14"]).close()


def read_keypoints(path: Path) -> None:
    """What tools of others may have changed is read with a warning."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        read_keypoint_file(path)
    if told:
        raise UserError(str(told[0].message))


def read_state(path: Path) -> int:
    return load_checkpoint(path, {"network": nn.Linear(20, 20)}, {}, "this")


@pytest.fixture
def files(tiny_store: Store, small_model: Path, tmp_path: Path) -> dict[str, tuple[Path, Path, Read]]:
    """Kinds of files: where they are, what reads them, and from where."""
    shutil.copytree(tiny_store.folder, tmp_path / "store")
    shutil.copy(small_model, tmp_path / "model.safetensors")
    save_checkpoint(tmp_path / "checkpoint.safetensors", {"network": nn.Linear(20, 20)}, {}, "this", 3)
    labelled = tmp_path / "labelled"
    labelled.mkdir()
    with LabelLog(labelled, SKELETONS["nyu14"]) as log:
        for number in range(5):
            log.change(f"real/{number}", np.full((14, 3), number + 0.5, np.float32), "move", accepted=True)
        log.undo("real/2")
    label = Keypoints("front/0.png", np.full((14, 2), 9.0, np.float32), np.full((14, 3), 99.5, np.float32))
    write_keypoint_file(tmp_path / "labels.json", SKELETONS["nyu14"], [label])
    store = tmp_path / "store"
    return {
        "model": (tmp_path / "model.safetensors", tmp_path / "model.safetensors", load_model),
        "checkpoint": (tmp_path / "checkpoint.safetensors", tmp_path / "checkpoint.safetensors", read_state),
        "depth": (store / "real" / "depth.npy", store, read_store),
        "joints": (store / "test" / "joints.npy", store, read_store),
        "manifest": (store / "recording.json", store, read_store),
        "label log": (labelled / LABEL_LOG_FILE, labelled, read_labels),
        "labels": (tmp_path / "labels.json", tmp_path / "labels.json", read_keypoints),
    }


@pytest.mark.parametrize(
    "kind", ["model", "checkpoint", "depth", "joints", "manifest", "label log", "labels"]
)
def test_every_flipped_bit_is_noticed(files, kind: str):
    path, whole, read = files[kind]
    read(whole)
    content, bits = path.read_bytes(), random.Random(kind)
    # The first bytes say what a file is and the last ones that it is complete: some of the flips are there.
    places = [*range(12), *range(len(content) - 4, len(content))]
    for number in range(-(-FLIPS // len(files))):
        place = places[number] if number < len(places) else bits.randrange(len(content))
        bit = bits.randrange(8)
        damaged = bytearray(content)
        damaged[place] ^= 1 << bit
        path.write_bytes(damaged)
        with pytest.raises(UserError) as told:
            read(whole)
        assert path.name in str(told.value), (place, bit)
    path.write_bytes(content)
    read(whole)


def test_a_torn_file_is_noticed_wherever_it_ends(files):
    for kind in ("model", "checkpoint", "depth", "joints", "manifest"):
        path, whole, read = files[kind]
        content = path.read_bytes()
        for size in (0, 1, 8, len(content) // 2, len(content) - 1):
            path.write_bytes(content[:size])
            with pytest.raises(UserError, match=path.name):
                read(whole)
        path.write_bytes(content)


def test_the_last_good_checkpoint_is_gone_on_from(tmp_path: Path):
    path, linear = tmp_path / "checkpoint.safetensors", nn.Linear(20, 20)
    for step in (3, 4, 5):
        nn.init.constant_(linear.weight, step)
        save_checkpoint(path, {"network": linear}, {}, "this", step)
    flip_last(path)
    with pytest.warns(
        UnlikelyInput, match=r"checkpoint\.safetensors is damaged.* at the checkpoint before it"
    ):
        assert load_checkpoint(path, {"network": linear}, {}, "this") == 4
    assert torch.unique(linear.weight).tolist() == [4.0]
    assert read_state(path) == 4  # it is the last one now
    flip_last(path)
    flip_last(previous_checkpoint(path))
    with pytest.raises(UserError, match="is damaged"):
        read_state(path)


def test_a_kill_while_a_checkpoint_is_written_leaves_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path, linear = tmp_path / "checkpoint.safetensors", nn.Linear(20, 20)
    save_checkpoint(path, {"network": linear}, {}, "this", 3)

    def no_links(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    for links in (True, False):
        with monkeypatch.context() as patched:
            if not links:
                patched.setattr(os, "link", no_links)
            patched.setattr("murauer.nets.model_file.save_file", killed)
            with pytest.raises(KeyboardInterrupt):
                save_checkpoint(path, {"network": linear}, {}, "this", 4)
        assert read_state(path) == 3


def flip_last(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.unlink()  # not through the link
    path.write_bytes(content)


def test_files_without_a_digest_are_read_as_they_are(tiny_store: Store, tmp_path: Path, small_model: Path):
    from murauer.nets.model_facts import packaged_model

    for backend in ("torch", "onnx"):
        assert not check_seal(packaged_model(backend, "small"), "")  # written before there were digests
    assert check_seal(small_model, "") and check_seal(tiny_store.folder / "recording.json", "")
    assert open_store(tiny_store.folder).manifest.format_version == 4
