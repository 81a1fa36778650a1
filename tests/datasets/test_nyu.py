import shutil
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch

from dataset_folders.hands import assert_reads, distance_to_hand
from dataset_folders.nyu import EVALUATED, JOINT_NAMES, all_joints, write_labels, write_nyu
from murauer.datasets import DATASETS, nyu
from murauer.datasets.nyu import NyuDataset
from murauer.errors import UserError
from murauer.geometry.camera import xyz_to_uvd
from murauer.geometry.crop import crop_hand

Y_UP = torch.tensor([1.0, -1.0, 1.0])
JOINTS_MM = 0.01  # float32
DEPTH_MM = 0.5  # whole mm


@pytest.fixture(scope="module")
def dataset(nyu_folder) -> NyuDataset:
    return NyuDataset(nyu_folder.path)


@pytest.mark.parametrize(
    ("set_name", "part", "views", "rendered"),
    [
        ("real", "train", 2, False),
        ("synthetic", "train", 3, True),
        ("validation", "test", 2, False),
        ("validation_twin", "test", 2, True),
        ("test", "test", 1, False),
    ],
)
def test_every_view_shows_the_hand_that_its_joints_tell(nyu_folder, dataset, set_name, part, views, rendered):
    assert dataset.sets[set_name].views == views
    for view in range(views):
        assert_reads(
            dataset,
            set_name,
            getattr(nyu_folder, part),
            joints_mm=JOINTS_MM,
            depth_mm=DEPTH_MM,
            view=view,
            rendered=rendered,
        )


def test_sets_persons_and_views(dataset):
    assert set(dataset.sets) == {"real", "synthetic", "validation", "validation_twin", "test"}
    assert {name for name, info in dataset.sets.items() if info.real} == {"real", "validation", "test"}
    assert dataset.aliases == {"twin": "synthetic"}
    assert dataset.view_pair == (0, 1)
    assert dataset.skeleton.name == "nyu14"
    assert set(dataset.sets["real"].person) == {0}
    assert set(dataset.sets["synthetic"].person) == {-1}
    assert dataset.view("real", 3, 0).person == 0


def test_side_cameras_change_places_where_the_dataset_says(tmp_path, monkeypatch):
    assert nyu.CAMERAS_SWAP_AT == 29_116
    monkeypatch.setattr(nyu, "CAMERAS_SWAP_AT", 4)
    written = write_nyu(tmp_path / "nyu", train=7, test=1, swap_at=4)
    dataset = NyuDataset(written.path)
    for view in range(3):
        assert_reads(
            dataset,
            "synthetic",
            written.train,
            joints_mm=JOINTS_MM,
            depth_mm=DEPTH_MM,
            view=view,
            rendered=True,
        )
    assert_reads(dataset, "real", written.train, joints_mm=JOINTS_MM, depth_mm=DEPTH_MM, view=1)
    names = [dataset.view("real", index, 1).name for index in (0, 3, 4, 6)]
    assert names == [f"train/depth_{c}_000000{n}.png" for c, n in ((2, 1), (2, 4), (3, 5), (3, 7))]
    # The test frames have no such change.
    assert dataset.view("validation", 0, 1).name == "test/depth_2_0000001.png"


def test_nyu_cs_begins_when_the_cameras_had_been_moved(tmp_path, monkeypatch):
    assert nyu.CONSISTENT_FRAMES == 43_640
    monkeypatch.setattr(nyu, "CAMERAS_SWAP_AT", 4)
    monkeypatch.setattr(nyu, "CONSISTENT_FRAMES", 2)
    folder = write_nyu(tmp_path / "nyu", train=7, test=3, swap_at=4).path
    whole, subset = NyuDataset(folder), DATASETS["nyu-cs"](folder)
    assert {name: info.frames for name, info in subset.sets.items()} == {
        "synthetic": 2, "real": 2, "validation": 3, "validation_twin": 3, "test": 3,
    }  # fmt: skip
    assert (subset.name, subset.aliases, subset.view_pair) == ("nyu-cs", whole.aliases, (0, 1))
    for name in ("real", "synthetic"):
        for index in range(2):
            for view in range(subset.sets[name].views):
                own, other = subset.view(name, index, view), whole.view(name, index + 5, view)
                assert own.name == other.name and torch.equal(own.joints, other.joints)
                assert own.person == other.person
    assert subset.view("test", 2, 0).name == "test/depth_1_0000003.png"
    # Images of frames that are not in it need not be there.
    (folder / "train/depth_1_0000001.png").unlink()
    assert DATASETS["nyu-cs"](folder).left_out == ()
    with pytest.raises(UserError, match=r"misses 1 of the 7 images"):
        NyuDataset(folder)


def test_the_second_person_begins_in_the_test_set(nyu_folder, monkeypatch):
    monkeypatch.setattr(nyu, "NYU_SECOND_PERSON_FROM", 4)
    dataset = NyuDataset(nyu_folder.path)
    assert dataset.sets["test"].person.tolist() == [0, 0, 0, 0, 1, 1]
    assert dataset.sets["validation"].frames == dataset.sets["validation_twin"].frames == 4
    assert dataset.unseen_persons == {1}
    assert dataset.view("test", 4, 0).person == 1


def test_all_36_joints(nyu_folder):
    dataset = DATASETS["nyu36"](nyu_folder.path)
    joints = dataset.view("real", 2, 0).joints
    torch.testing.assert_close(joints, all_joints(nyu_folder.train)[2, 0], rtol=0, atol=JOINTS_MM)
    evaluated = NyuDataset(nyu_folder.path).view("real", 2, 0).joints
    assert torch.equal(joints[EVALUATED], evaluated)
    assert list(dataset.skeleton.joints) == JOINT_NAMES
    assert dataset.name == "nyu36"


def test_joints_are_found_by_name(nyu_folder, copied):
    folder = copied(nyu_folder.path)
    labels = scipy.io.loadmat(folder / "test/joint_data.mat")
    backwards = {name: labels[name][:, :, ::-1] for name in ("joint_uvd", "joint_xyz")}
    write_labels(
        folder / "test/joint_data.mat", backwards["joint_uvd"], backwards["joint_xyz"], JOINT_NAMES[::-1]
    )
    changed, original = (NyuDataset(path).view("test", 1, 0) for path in (folder, nyu_folder.path))
    assert torch.equal(changed.joints, original.joints)


def test_sets_without_images_are_left_out(tmp_path):
    without = NyuDataset(write_nyu(tmp_path / "a", train=2, test=2, synthetic_test=False).path)
    assert "validation_twin" not in without.sets
    folder = write_nyu(tmp_path / "b", train=2, test=2, synthetic=False).path
    assert set(NyuDataset(folder).sets) == {"real", "validation", "validation_twin", "test"}
    assert NyuDataset(folder).aliases == {}
    for image in folder.glob("train/depth_[23]_*.png"):
        image.unlink()
    assert NyuDataset(folder).sets["real"].views == 1
    assert NyuDataset(folder).view_pair is None
    shutil.rmtree(folder / "train")
    assert set(NyuDataset(folder).sets) == {"validation", "validation_twin", "test"}


def test_a_lost_or_truncated_image_spoils_only_its_frame(nyu_folder, copied):
    folder = copied(nyu_folder.path)
    (folder / "train/depth_1_0000005.png").unlink()
    damaged = folder / "train/depth_1_0000007.png"
    damaged.write_bytes(damaged.read_bytes()[:500])
    dataset = NyuDataset(folder)
    with pytest.raises(UserError, match=r"depth_1_0000005.png"):
        dataset.view("real", 4, 0)
    with pytest.raises(UserError, match=r"depth_1_0000007.png is damaged"):
        dataset.view("real", 6, 0)
    assert dataset.view("real", 4, 1).depth.any()


def lose_mat(folder: Path) -> None:
    (folder / "train/joint_data.mat").unlink()


def damage_mat(folder: Path) -> None:
    path = folder / "train/joint_data.mat"
    path.write_bytes(path.read_bytes()[:2000])


def foreign_mat(folder: Path) -> None:
    (folder / "train/joint_data.mat").write_text("no matrix")


def hdf5_mat(folder: Path) -> None:
    header = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"
    (folder / "train/joint_data.mat").write_bytes(header + b"\x89HDF" + bytes(500))


def edit_mat(folder: Path, edit) -> None:
    path = folder / "train/joint_data.mat"
    content = scipy.io.loadmat(path)
    arrays = {name: content[name] for name in ("joint_names", "joint_uvd", "joint_xyz")}
    edit(arrays)
    scipy.io.savemat(path, arrays)


def drop_labels(folder: Path) -> None:
    def edit(arrays):
        for name in ("joint_uvd", "joint_xyz"):
            arrays[name] = arrays[name][:, :10]

    edit_mat(folder, edit)


def fewer_xyz(folder: Path) -> None:
    edit_mat(folder, lambda arrays: arrays.update(joint_xyz=arrays["joint_xyz"][:, :11]))


def shuffle_xyz(folder: Path) -> None:
    edit_mat(folder, lambda arrays: arrays.update(joint_xyz=arrays["joint_xyz"][:, ::-1]))


def other_camera(folder: Path) -> None:
    edit_mat(folder, lambda arrays: arrays.update(joint_xyz=arrays["joint_xyz"] * (1.05, 1.05, 1.0)))


def y_down(folder: Path) -> None:
    edit_mat(folder, lambda arrays: arrays.update(joint_xyz=arrays["joint_xyz"] * (1.0, -1.0, 1.0)))


def no_uvd(folder: Path) -> None:
    edit_mat(folder, lambda arrays: arrays.pop("joint_uvd"))


def other_names(folder: Path) -> None:
    edit_mat(folder, lambda arrays: arrays["joint_names"][0].__setitem__(0, np.array(["THUMB"])))


def two_cameras(folder: Path) -> None:
    edit_mat(folder, lambda arrays: arrays.update(joint_uvd=arrays["joint_uvd"][:2]))


def lose_many_images(folder: Path) -> None:
    for number in range(2, 6):
        (folder / f"train/synthdepth_2_000000{number}.png").unlink()


def lose_all_images(folder: Path) -> None:
    for image in folder.glob("*/*depth_*.png"):
        image.unlink()


def deeper(folder: Path) -> None:
    (folder / "dataset").mkdir()
    for part in ("train", "test"):
        (folder / part).rename(folder / "dataset" / part)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lose_mat, ("train/joint_data.mat is missing",)),
        (damage_mat, ("train/joint_data.mat", "copy it again")),
        (foreign_mat, ("train/joint_data.mat", "copy it again")),
        (hdf5_mat, ("train/joint_data.mat", "7.3", "-v7")),
        (drop_labels, ("labels of 10 frames", "0000012.png")),
        (fewer_xyz, ("11 frames in joint_xyz but 12 in joint_uvd",)),
        (shuffle_xyz, ("joint_uvd and joint_xyz of frame 1", "shuffled")),
        (other_camera, ("joint_uvd and joint_xyz of frame 1", "588.03")),
        (y_down, ("joint_uvd and joint_xyz of frame 1", "y up")),
        (no_uvd, ("no joint_uvd",)),
        (other_names, ("no joint F1_KNU3_A",)),
        (two_cameras, ("(2, 12, 36, 3)", "(3, frames, 36, 3)")),
        (lose_many_images, ("misses 4 of the 12", "synthdepth_2_0000002.png")),
        (lose_all_images, ("depth_1_0000001.png",)),
        (deeper, ("neither train nor test",)),
    ],
)
def test_what_does_not_belong_together_ends_in_one_sentence(nyu_folder, assert_refused, damage, words):
    assert_refused(NyuDataset, nyu_folder.path, damage, words)


@pytest.mark.parametrize("number", [1, 6, 12])
def test_one_lost_image_is_named_wherever_it_is(nyu_folder, copied, number):
    folder = copied(nyu_folder.path)
    (folder / f"train/depth_1_{number:07d}.png").unlink()
    dataset = NyuDataset(folder)
    (sentence,) = dataset.left_out
    assert "misses 1 of the 12 images" in sentence and f"depth_1_{number:07d}.png" in sentence
    assert dataset.sets["real"].frames == 12
    with pytest.raises(UserError, match=f"{number:07d}"):
        dataset.view("real", number - 1, 0)


@pytest.fixture(scope="module")
def genuine_folder(shared_dir, tmp_path_factory) -> Path:
    """The first test frame of the real dataset with its labels, as the dataset has them."""
    folder = tmp_path_factory.mktemp("genuine") / "test"
    folder.mkdir()
    shutil.copy(shared_dir / "data/real/nyu_test_depth_1_0000001.png", folder / "depth_1_0000001.png")
    uvd = np.load(shared_dir / "data/nyu/nyu_test_joints36_uvd.npz")["joints_uvd"][:1].astype(float)
    u, v, d = np.moveaxis(np.broadcast_to(uvd, (3, 1, 36, 3)), -1, 0)
    xyz_up = np.stack(((u - 320) * d / 588.03, (240 - v) * d / 587.07, d), -1)
    write_labels(folder / "joint_data.mat", np.stack((u, v, d), -1), xyz_up)
    return folder.parent


@pytest.mark.parametrize("name", ["nyu", "nyu36"])
def test_joints_of_the_genuine_frame_lie_on_its_hand(genuine_folder, name):
    frame = DATASETS[name](genuine_folder).view("test", 0, 0)
    assert frame.joints is not None
    palm = frame.joints[list(DATASETS[name](genuine_folder).skeleton.joints).index("PALM_3")]
    hand = torch.where((frame.depth - palm[2]).abs() < 100, frame.depth, 0)
    uv = xyz_to_uvd(frame.joints, frame.camera.intrinsics())[:, :2]
    assert distance_to_hand(hand, uv).max() <= 3  # asked for: 15


def test_the_genuine_frame_gives_the_golden_crop_and_targets(shared_dir, genuine_folder):
    golden = np.load(shared_dir / "data/golden/a_nojitter.npz")
    dataset = NyuDataset(genuine_folder)
    frame = dataset.view("test", 0, 0)
    assert frame.joints is not None
    torch.testing.assert_close(frame.joints * Y_UP, torch.from_numpy(golden["gt_xyz"]), rtol=0, atol=0.01)
    centre = frame.joints[dataset.skeleton.centre]
    torch.testing.assert_close(centre * Y_UP, torch.from_numpy(golden["com3D"]), rtol=0, atol=0.01)
    patch, geometry = crop_hand(
        frame.depth[None], frame.camera.intrinsics()[None], centre[None], box="published"
    )
    same = (patch[0] - torch.from_numpy(golden["img"])).abs() < 1e-4
    assert same.float().mean() >= 0.97
    assert same[torch.from_numpy(golden["img"] < 1)].float().mean() >= 0.97
    target = (geometry.normalise_joints(frame.joints[None])[0] * Y_UP).clamp(-1, 1)
    torch.testing.assert_close(target.double(), torch.from_numpy(golden["target"]), rtol=0, atol=1e-4)
