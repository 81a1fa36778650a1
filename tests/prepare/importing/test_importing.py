"""Importing a dataset: what is stored is what was seen, problems are listed, interruptions leave no trace."""

import csv
import filecmp
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fake_dataset import CAMERA, HAND_MM, FakeDataset
from murauer.chunks import Shard
from murauer.errors import UserError
from murauer.geometry.camera import Camera, uvd_to_xyz, xyz_to_uvd
from murauer.geometry.crop import crop_hand
from murauer.prepare.importing import run as importing
from murauer.prepare.importing.images import ImportSettings
from murauer.prepare.importing.run import import_dataset, import_shard
from murauer.store.integrity import verify
from murauer.store.store import Store, open_store

SMALL = ImportSettings(region_size=48)


def load(dataset: FakeDataset, folder: Path, **options) -> Store:
    return import_dataset(
        dataset, Path("somewhere/fake"), folder, **{"settings": SMALL, "workers": 1, **options}
    )


@pytest.fixture(scope="module")
def dataset() -> FakeDataset:
    return FakeDataset(
        frames={"real": 70, "twin": 70, "synthetic": 20, "test": 10},
        corrupt={("real", 5, 0), ("twin", 65, 1)},
        empty={("real", 6, 1), ("test", 2, 0)},
        unlabelled={("test", 4)},
    )


@pytest.fixture(scope="module")
def store(dataset: FakeDataset, tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("store") / "store"
    return load(dataset, folder, centres=["joint"])


def test_the_store_knows_what_the_dataset_told(store: Store, dataset: FakeDataset) -> None:
    assert store.skeleton is dataset.skeleton and store.rig is None and store.view_pair == (0, 1)
    assert {name: len(frames) for name, frames in store.sets.items()} == dataset.frames
    assert store.validation is None and store.unseen_persons == {7}
    assert store.require("real").person.tolist() == [3, 7] * 35
    assert store.require("real").valid.sum() == 138 and store.require("real").labelled.sum() == 70


def test_windows_show_what_the_images_show(store: Store, dataset: FakeDataset) -> None:
    """Each measured pixel of a window, taken to 3D and into the image, falls on the same depth there."""
    for name, index, view in (("real", 0, 1), ("real", 69, 0), ("test", 9, 0)):
        joints, depth = dataset.draw(name, index, view)
        region = store.require(name).regions(np.array([index]), view)
        assert torch.allclose(region.joints[0], joints, atol=1e-3)
        assert torch.equal(region.centre[0], joints[dataset.skeleton.centre])
        v, u = torch.nonzero(region.depth[0], as_tuple=True)
        xyz = uvd_to_xyz(torch.stack((u, v, region.depth[0, v, u]), -1), region.intrinsics[0])
        column, line, d = xyz_to_uvd(xyz, CAMERA.intrinsics()).unbind(-1)
        column, line = column.round().long(), line.round().long()
        assert len(v) > 1000 and column.min() >= 0 and column.max() < 160
        assert (depth[line, column] - d).abs().max() <= 0.051  # the step of the stored depth
        # The middle of the window is the centre.
        seen = xyz_to_uvd(region.centre, region.intrinsics)
        assert torch.allclose(seen[0, :2], torch.full((2,), 23.5), atol=1e-3)


def test_windows_hold_all_that_training_crops(store: Store, dataset: FakeDataset) -> None:
    """Patches in any rotation and with a large offset are the same from the image and from the window."""
    _, depth = dataset.draw("real", 0, 0)
    fine = load(
        replace(dataset, frames={"real": 1}), store.folder.with_name("fine"), settings=ImportSettings()
    )
    region = fine.require("real").regions(np.array([0]))
    for degrees in (0, 45, -60):
        options = {
            "cube_mm": 300.0,
            "patch_size": 64,
            "rotation": torch.tensor([degrees * torch.pi / 180]),
            "pivot": region.centre,
        }
        centre = region.centre + torch.tensor([10.0, -10.0, 10.0])
        direct, _ = crop_hand(depth[None], CAMERA.intrinsics()[None], centre, **options)
        stored, _ = crop_hand(region.depth, region.intrinsics, centre, **options)
        assert ((direct - stored).abs() < 0.002).float().mean() > 0.95


def test_problems_are_listed_and_nothing_is_dropped(store: Store) -> None:
    with open(store.folder / "problems.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["set"], int(row["index"]), int(row["view"])) for row in rows] == [
        ("real", 5, 0),
        ("real", 6, 1),
        ("twin", 65, 1),
        ("test", 2, 0),
        ("test", 4, 0),
    ]
    assert "damaged" in rows[0]["reason"] and rows[1]["name"] == "real/1/6.png"
    assert "no hand" in rows[1]["reason"] and "no label" in rows[4]["reason"]
    for name, frames in store.sets.items():
        wrong = {(row["set"], int(row["index"]), int(row["view"])) for row in rows}
        found = {(name, *place) for place in np.argwhere(~frames.valid).tolist()}
        assert found == {place for place in wrong if place[0] == name}
    assert store.require("test").labelled.tolist() == [i not in (2, 4) for i in range(10)]
    # One usable labelled view is enough.
    assert store.require("real").labelled.all()


def same_files(first: Path, second: Path) -> bool:
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(second) for path in second.rglob("*") if path.is_file())
    return all(filecmp.cmp(first / file, second / file, shallow=False) for file in files)


def test_interrupted_imports_resume_to_the_same_bytes(
    dataset: FakeDataset, store: Store, tmp_path: Path
) -> None:
    log = tmp_path / "read"
    broken = replace(dataset, breaks_at=("twin", 66))
    with pytest.raises(RuntimeError, match="a bug"):
        load(broken, tmp_path / "store", centres=["joint"])
    assert not (tmp_path / "store").exists()
    resumed = load(replace(dataset, log=log), tmp_path / "store", centres=["joint"], workers=2)
    assert same_files(store.folder, resumed.folder)
    assert not (tmp_path / "store.partial").exists()
    read = log.read_text().splitlines()
    # The probes look at some images, then only what was not finished is read.
    assert read.count("twin/0/66.png") >= 1 and read.count("real/0/1.png") == 0


def test_shards_are_put_together_to_the_same_bytes(
    dataset: FakeDataset, store: Store, tmp_path: Path
) -> None:
    place, log = tmp_path / "store", tmp_path / "read"
    arguments = (dataset, Path("somewhere/fake"), place)
    for shard in (Shard(2, 2), Shard(1, 2)):
        import_shard(*arguments, shard, centres=["joint"], settings=SMALL, workers=1)
        assert not place.exists()
    together = load(replace(dataset, log=log), place, centres=["joint"])
    assert same_files(store.folder, together.folder)
    assert len(log.read_text().splitlines()) < 24 * 7 + 1  # probes only
    import_shard(*arguments, Shard(1, 2), centres=["joint"], settings=SMALL)  # there is nothing left to do
    assert {path.name for path in tmp_path.iterdir()} == {"store", "read"}


def test_stale_remains_of_another_import_are_not_used(dataset: FakeDataset, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        load(replace(dataset, breaks_at=("test", 9)), tmp_path / "store", centres=["joint"])
    other = load(dataset, tmp_path / "store", centres=["mean"])
    direct = load(dataset, tmp_path / "direct", centres=["mean"])
    assert same_files(other.folder, direct.folder)


def test_a_finished_import_is_kept(dataset: FakeDataset, store: Store, tmp_path: Path) -> None:
    log = tmp_path / "read"
    load(replace(dataset, log=log), store.folder, centres=["joint"])
    assert len(log.read_text().splitlines()) < 24 * 7 + 1  # probes only
    with pytest.raises(UserError, match="holds another store"):
        load(dataset, store.folder, centres=["mean"])


def test_frames_are_spread_over_the_set_when_limited(dataset: FakeDataset, tmp_path: Path) -> None:
    settings = ImportSettings(region_size=48, max_frames=7)
    few = load(dataset, tmp_path / "few", centres=["joint"], settings=settings)
    assert {name: len(frames) for name, frames in few.sets.items()} == {
        "real": 7, "twin": 7, "synthetic": 7, "test": 7
    }  # fmt: skip
    joints, _ = dataset.draw("real", 60, 1)
    assert np.allclose(few.require("real").joints[6, 1], joints.numpy(), atol=1e-3)
    assert few.manifest.imported.sets["real"] == (70, 2)


def test_aliases_share_the_frames(tmp_path: Path) -> None:
    dataset = FakeDataset(frames={"synthetic": 4, "real": 4}, aliases={"twin": "synthetic"})
    store = load(dataset, tmp_path / "store")
    assert store.pairs is store.synthetic and not (store.folder / "twin").exists()
    assert store.centre_kind("twin") == "joint"


ERRORS = {
    "wrong intrinsics": (
        {"label_camera": Camera(fx=120.0, fy=120.0, u0=160.0, v0=120.0, width=320, height=240)},
        {},
        r"miss the hand in 2\d of 2\d images",
    ),
    "labels of other frames": (
        {"label_camera": Camera(240, 239, 80, -30, 160, 120)},
        {},
        "unit, axes or order",
    ),
    "no image of a set readable": ({"corrupt": {("test", i, 0) for i in range(10)}}, {}, "none of the test"),
    "no image of the first camera readable": (
        {"corrupt": {("real", i, 0) for i in range(70)}},
        {},
        "none of the real",
    ),
    "an empty set": ({"frames": {"real": 70, "test": 0}}, {}, "has no test frames"),
    "both kinds of centres": ({}, {"centres": ["joint", "mean"]}, "not both"),
    "a file in place of the store": ({}, {"folder": "file"}, "is not a store"),
    "no place to write": ({}, {"folder": "file/store"}, "cannot write"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_cannot_be_imported_is_told_and_leaves_nothing(
    dataset: FakeDataset, tmp_path: Path, name: str
) -> None:
    changes, options, message = ERRORS[name]
    (tmp_path / "file").write_text("")
    options = dict(options)
    folder = tmp_path / options.pop("folder", "store")
    with pytest.raises(UserError, match=message):
        load(replace(dataset, **changes), folder, **options)
    assert {path.name for path in tmp_path.iterdir()} == {"file"}


def test_damage_is_found(store: Store, dataset: FakeDataset, tmp_path: Path) -> None:
    copy = load(replace(dataset, frames={"real": 3}, corrupt=set()), tmp_path / "store")
    sums = open_store(copy.folder).manifest.checksums
    assert verify(copy.folder, sums) == len(sums) > 0
    joints = copy.folder / "real" / "joints.npy"
    content = bytearray(joints.read_bytes())
    content[-1] ^= 1
    joints.write_bytes(content)
    with pytest.raises(UserError, match=r"joints\.npy is damaged"):
        open_store(copy.folder)
    with pytest.raises(UserError, match=r"joints\.npy is damaged"):
        verify(copy.folder, sums)
    joints.unlink()
    with pytest.raises(UserError, match=r"joints\.npy is missing"):
        verify(copy.folder, sums)
    with pytest.raises(UserError, match="without checksums"):
        verify(copy.folder, {})


def test_the_store_is_the_same_whatever_the_number_of_workers(
    dataset: FakeDataset, store: Store, tmp_path: Path
) -> None:
    assert same_files(store.folder, load(dataset, tmp_path / "s", centres=["joint"], workers=2).folder)
    assert importing.IMPORT_CHUNK < 70  # so that the sets above have several chunks
    facts = json.loads((store.folder / "recording.json").read_text())["import"]
    assert facts["folder"] == "fake" and "somewhere" not in json.dumps(facts)
    assert HAND_MM < 1500
