"""Captures: what is written is read, and what is wrong with them is said."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dataset_folders.hands import distance_to_hand
from dataset_folders.own import CAMERA, Recorded, simulate_frames, write_capture
from murauer.datasets import DATASETS
from murauer.datasets.captured import CaptureDataset
from murauer.errors import UserError
from murauer.geometry.camera import uvd_to_xyz, xyz_to_uvd
from murauer.geometry.distortion import Distortion
from murauer.geometry.skeletons import SKELETONS

LENS = Distortion(k1=-0.2, k2=0.05, p1=0.001, p2=-0.001)


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    return simulate_frames(6, views=2)


@pytest.fixture(scope="module")
def template(recorded: Recorded, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own") / "recording"
    write_capture(
        folder,
        recorded,
        labelled=(0, 2, 4, 5),
        pairs=True,
        held_out={4: "validation", 5: "test"}.get,
        person=lambda index: 7 if index == 5 else 0,
    )
    return folder


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(template, tmp_path / "recording"))


def edit(path: Path, change: Callable[[dict], object]) -> None:
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def test_reads_what_was_written(template: Path, recorded: Recorded) -> None:
    dataset = DATASETS["recording"](template)
    assert dataset.view_pair == (0, 1) and dataset.skeleton is SKELETONS["nyu14"]
    assert {name: info.frames for name, info in dataset.sets.items()} == {
        "real": 4, "validation": 1, "test": 1, "twin": 4, "validation_twin": 1
    }  # fmt: skip
    assert dataset.sets["test"].person.tolist() == [7] and dataset.unseen_persons == {7}
    for index in range(4):
        for view in (0, 1):
            frame = dataset.view("real", index, view)
            assert (frame.depth - recorded.seen[index, view]).abs().max() <= 0.125
            assert frame.camera == CAMERA
            if index in (0, 2):
                assert torch.allclose(frame.joints, recorded.joints[index, view], atol=0.01)
                uv = xyz_to_uvd(frame.joints, frame.camera.intrinsics())[:, :2]
                assert distance_to_hand(recorded.clean[index, view], uv).max() <= 15
            else:
                assert frame.joints is None
        pair = dataset.view("twin", index, 0)
        assert (pair.depth - recorded.clean[index, 0]).abs().max() <= 0.125
    assert dataset.view("test", 0, 0).name == "front/000005.png"
    assert dataset.view("test", 0, 0).person == 7


def test_the_rig_takes_points_from_one_camera_to_the_other(template: Path, recorded: Recorded) -> None:
    rig = CaptureDataset(template).rig
    moved = rig.transform(recorded.joints[:, 0], 0, 1)
    assert torch.allclose(moved, recorded.joints[:, 1], atol=0.01)


def test_lens_distortion_is_undone(recorded: Recorded, tmp_path: Path) -> None:
    write_capture(tmp_path / "bent", recorded, labelled=(0,), lens=LENS)
    dataset = CaptureDataset(tmp_path / "bent")
    straight, seen = dataset.view("real", 0, 0).depth, recorded.seen[0, 0]
    raw = np.asarray(Image.open(tmp_path / "bent/front/000000.png")) * 0.25
    v, u = torch.meshgrid(torch.arange(240), torch.arange(320), indexing="ij")
    bent = (seen > 0) & ((u - CAMERA.u0).square() + (v - CAMERA.v0).square() > 110**2)  # far from the axis

    def same(depth: torch.Tensor) -> float:
        return float(((depth - seen).abs() < 5)[bent].float().mean())

    assert bent.sum() > 1000
    assert same(straight) > 0.9
    assert same(torch.from_numpy(raw).float()) < 0.8
    assert torch.allclose(dataset.view("real", 0, 0).joints, recorded.joints[0, 0], atol=0.01)


def test_one_camera_without_labels(tmp_path: Path) -> None:
    write_capture(tmp_path / "one", simulate_frames(2, views=1), extrinsics=False)
    dataset = CaptureDataset(tmp_path / "one")
    assert dataset.view_pair is None and len(dataset.rig.cameras) == 1
    assert dataset.view("real", 1, 0).joints is None
    assert dataset.skeleton is SKELETONS["hand21"]


def test_a_single_camera_may_be_written_as_bop_does(tmp_path: Path) -> None:
    write_capture(tmp_path / "one", simulate_frames(1, views=1), extrinsics=False)
    (tmp_path / "one/rgb").mkdir()
    k = [CAMERA.fx, 0, CAMERA.u0, 0, CAMERA.fy, CAMERA.v0, 0, 0, 1]
    camera = {"cam_K": k, "width": 320, "height": 240, "depth_scale": 0.25}
    (tmp_path / "one/camera.json").write_text(json.dumps(camera))
    assert CaptureDataset(tmp_path / "one").view("real", 0, 0).camera == CAMERA


def test_without_extrinsics_a_label_is_of_its_own_view_alone(recorded: Recorded, tmp_path: Path) -> None:
    write_capture(tmp_path / "loose", recorded, labelled=(0,), extrinsics=False)
    dataset = CaptureDataset(tmp_path / "loose")
    assert dataset.rig is None
    assert dataset.view("real", 0, 0).joints is not None and dataset.view("real", 0, 1).joints is None


def test_npy_frames_in_metres(recorded: Recorded, tmp_path: Path) -> None:
    folder = tmp_path / "metres"
    write_capture(folder, recorded)
    for name in ("front", "side"):
        for path in (folder / name).iterdir():
            np.save(path.with_suffix(".npy"), np.asarray(Image.open(path)) * np.float32(0.25e-3))
            path.unlink()
    with pytest.raises(UserError, match=r"reaches only 0.* mm with depth_scale 0.25.*camera.json"):
        CaptureDataset(folder)
    edit(folder / "camera.json", lambda values: [values[name].update(depth_scale=1000) for name in values])
    depth = CaptureDataset(folder).view("real", 3, 1).depth
    assert (depth - recorded.seen[3, 1]).abs().max() < 0.2


def test_keypoints_in_another_order_and_another_of_the_same_names(folder: Path, recorded: Recorded) -> None:
    def reverse(values: dict) -> None:
        values["categories"][0]["keypoints"].reverse()
        for annotation in values["annotations"]:
            for key in ("keypoints", "keypoints_3d"):
                annotation[key] = np.reshape(annotation[key], (-1, 3))[::-1].ravel().tolist()

    edit(folder / "labels.json", reverse)
    joints = CaptureDataset(folder).view("real", 0, 0).joints
    assert torch.allclose(joints, recorded.joints[0, 0], atol=0.01)


def test_a_joint_without_label_is_nan(folder: Path) -> None:
    edit(
        folder / "labels.json", lambda values: values["annotations"][0]["keypoints"].__setitem__(3 * 5 + 2, 0)
    )
    joints = CaptureDataset(folder).view("real", 0, 0).joints
    assert joints[5].isnan().all() and joints.isfinite().sum() == 13 * 3


def test_a_truncated_image_spoils_only_its_frame(folder: Path) -> None:
    path = folder / "front/000001.png"
    path.write_bytes(path.read_bytes()[:200])
    dataset = CaptureDataset(folder)
    with pytest.raises(UserError, match=r"front/000001.png is damaged"):
        dataset.view("real", 1, 0)
    assert dataset.view("real", 1, 1).depth.any()


def test_a_frame_without_pair_spoils_only_itself(folder: Path) -> None:
    (folder / "twin/front/000001.png").unlink()
    dataset = CaptureDataset(folder)
    with pytest.raises(UserError, match="no synthetic pair"):
        dataset.view("twin", 1, 0)
    assert dataset.view("twin", 2, 0).depth.any()


def of_camera(**changes: object) -> Callable[[Path], None]:
    return lambda folder: edit(
        folder / "camera.json",
        lambda values: [values["side"].pop(k) if v is None else values["side"].update({k: v})
                        for k, v in changes.items()],
    )  # fmt: skip


def of_label(change: Callable[[dict], object]) -> Callable[[Path], None]:
    return lambda folder: edit(folder / "labels.json", lambda values: change(values["annotations"][0]))


def shrink(folder: Path) -> None:
    Image.new("I;16", (160, 120), 700).save(folder / "front/000003.png")


def centimetres(folder: Path) -> None:
    """Depth in tenths of a mm, of which the camera file says nothing."""
    for path in (folder / "side").iterdir():
        Image.fromarray((np.asarray(Image.open(path)) * 2.5).astype(np.uint16)).save(path)
    of_camera(depth_scale=None)(folder)


MIRROR = [1, 0, 0, 0, 1, 0, 0, 0, -1]
STRETCHED = [1.1, 0, 0, 0, 1, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda f: (f / "camera.json").unlink(), "has no camera.json; write the intrinsics"),
        (lambda f: (f / "camera.json").write_text("{"), "camera.json is not valid JSON"),
        (of_camera(fx=None), "camera side lacks fx"),
        (of_camera(fx="wide"), "fx must be a number"),
        (of_camera(depth_scale=0), "depth_scale must be positive"),
        (of_camera(k1="none"), "k1 must be a number"),
        (of_camera(k7=0.1), "unknown k7"),
        (of_camera(cam_R_w2c=MIRROR), r"is no rotation \(its determinant is -1"),
        (of_camera(cam_R_w2c=STRETCHED), r"is no rotation \(its determinant is 1.1"),
        (of_camera(cam_R_w2c=[1, 0, 0]), "must be 9 numbers"),
        (of_camera(cam_t_w2c=None), "lacks cam_t_w2c"),
        (of_camera(cam_t_w2c=None, cam_R_w2c=None), "front has a pose but side has none"),
        (of_camera(cam_R_w2c=np.eye(3).tolist(), cam_t_w2c=[0.3, 0, 0]), "0.3 mm apart.*millimetres"),
        (of_camera(width=640, height=480), r"side/000000.png is 320 x 240 pixels, but .* says 640 x 480"),
        (shrink, r"front/000003.png is 160 x 120 pixels"),
        (centimetres, r"farther than .* give depth_scale"),
        (of_camera(depth_scale=0.25e-3), r"reaches only .* depth_scale 0.00025; set depth_scale of side"),
        (lambda f: (f / "side/000002.png").unlink(), r"camera side lacks 1 of the 6 frames .* 000002;"),
        (lambda f: shutil.rmtree(f / "side"), "names camera side, but there is no folder"),
        (lambda f: [p.unlink() for p in (f / "side").iterdir()], "holds no frames"),
        (lambda f: np.save(f / "front/000001.npy", np.zeros((240, 320))), "are the same frame"),
        (lambda f: (f / "labels.json").write_text("[]"), "no COCO keypoint file"),
        (lambda f: edit(f / "labels.json", lambda v: v["images"][0].update(file_name="front/000099.png")),
         "labels front/000099.png, which the capture does not have"),
        (lambda f: edit(f / "labels.json", lambda v: v["categories"][0]["keypoints"].__setitem__(0, "nose")),
         r"unknown keypoint names \(nose\)"),
        (lambda f: edit(f / "labels.json", lambda v: v["categories"][0]["keypoints"].pop()),
         "only 13 of the 14 keypoints of skeleton nyu14"),
        (lambda f: edit(f / "labels.json", lambda v: v["annotations"].append(v["annotations"][0])), "second"),
        (of_label(lambda a: a.pop("keypoints_3d")), "has no keypoints_3d"),
        (of_label(lambda a: a["keypoints"].pop()), "has 41 numbers as keypoints"),
        (of_label(lambda a: a.update(keypoints_3d=[v / 1000 for v in a["keypoints_3d"]])), "metres by 1000"),
        (of_label(lambda a: a.update(image_id=77)), "of image 77"),
        (lambda f: edit(f / "camera.json", lambda v: v["front"].update(fx=400.0)),
         r"project \d+ px away .* intrinsics of front"),
        (lambda f: (f / "test.txt").write_text("000099"), "test.txt names frame '000099'"),
        (lambda f: (f / "test.txt").write_text("000004"), "validation.txt has, too"),
        (lambda f: (f / "persons.csv").write_text("000000,1\n"), "must begin with the line frame,person"),
        (lambda f: (f / "persons.csv").write_text("frame,person\n000000,anna\n"), "must be a number"),
    ],
)  # fmt: skip
def test_mistakes_are_named(folder: Path, spoil: Callable[[Path], object], sentence: str) -> None:
    spoil(folder)
    with pytest.raises(UserError, match=sentence) as caught:
        CaptureDataset(folder)
    assert "\n" not in str(caught.value)


def test_poses_that_contradict_the_labels_are_noticed(folder: Path, recorded: Recorded) -> None:
    """A hand labelled in both views must be in one place."""

    def label_side(values: dict) -> None:
        label = dict(values["annotations"][0], id=50, image_id=50)
        xyz = recorded.joints[0, 1]
        uv = xyz_to_uvd(xyz, CAMERA.intrinsics())[:, :2]
        label["keypoints_3d"] = xyz.flatten().tolist()
        label["keypoints"] = torch.cat((uv, torch.full((14, 1), 2)), 1).flatten().tolist()
        values["images"].append({"id": 50, "file_name": "side/000000.png"})
        values["annotations"].append(label)

    edit(folder / "labels.json", label_side)
    CaptureDataset(folder)
    edit(folder / "camera.json", lambda values: values["side"]["cam_t_w2c"].__setitem__(0, 0.0))
    with pytest.raises(UserError, match=r"as labelled in side is \d+ mm from the label in front"):
        CaptureDataset(folder)


def test_a_rotation_rounded_to_three_digits_is_one(folder: Path) -> None:
    def round_rotation(values: dict) -> None:
        values["side"]["cam_R_w2c"] = np.round(values["side"]["cam_R_w2c"], 3).tolist()

    before = CaptureDataset(folder).rig.camera_from_world
    edit(folder / "camera.json", round_rotation)
    assert torch.allclose(CaptureDataset(folder).rig.camera_from_world, before, atol=2e-3)


def test_genuine_frames(shared_dir: Path, tmp_path: Path) -> None:
    """Ten frames of an SR305 as its software writes them: 1/8 mm a unit."""
    folder = tmp_path / "sr305"
    (folder / "front").mkdir(parents=True)
    for path in (shared_dir / "data/real").glob("sr305_*.png"):
        shutil.copy(path, folder / "front")
    camera = {"fx": 476.007, "fy": 476.007, "cx": 313.683, "cy": 242.755, "width": 640, "height": 480}
    (folder / "camera.json").write_text(json.dumps({"front": camera}))
    with pytest.raises(UserError, match="give depth_scale"):
        CaptureDataset(folder)
    (folder / "camera.json").write_text(json.dumps({"front": camera | {"depth_scale": 0.125}}))
    dataset = CaptureDataset(folder)
    assert dataset.sets["real"].frames == 10
    frame = dataset.view("real", 0, 0)
    nearest = uvd_to_xyz(torch.tensor([0.0, 0.0, float(frame.depth[frame.depth > 0].min())]),
                         frame.camera.intrinsics())  # fmt: skip
    assert 350 < nearest[2] < 700
