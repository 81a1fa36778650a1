import csv
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from murauer.capture.keypoint_file import read_keypoint_file
from murauer.errors import UserError
from murauer.geometry.camera import CAMERAS, Camera, xyz_to_uvd
from murauer.geometry.distortion import Distortion, project
from murauer.geometry.skeletons import SKELETONS
from murauer.inference.pose import HandPose, Timings, no_pose
from murauer.inference.pose_files import to_document, write_poses

CAMERA = CAMERAS["sr305"]


@pytest.fixture
def document() -> dict[str, object]:
    xyz = torch.randn(2, 14, 3) * 50 + torch.tensor([0.0, 0.0, 600.0])
    uvd = xyz_to_uvd(xyz, CAMERA.intrinsics())
    poses = [
        HandPose(
            xyz[index].numpy(), uvd[index].numpy(), xyz[index, 13].numpy(), 0.75, "left",
            SKELETONS["nyu14"], Timings(1.0, 0.0, 1.0),
        )
        for index in range(2)
    ]  # fmt: skip
    return to_document(list(zip(("a.png", "b, with comma.png"), poses, strict=True)), CAMERA, "default")


def test_json(document, tmp_path: Path):
    write_poses(tmp_path / "joints.json", document)
    read = json.loads((tmp_path / "joints.json").read_text())
    assert read == document
    assert read["skeleton"] == "nyu14" and len(read["joints"]) == 14
    assert Camera.from_dict(read["camera"]) == CAMERA
    frame = read["frames"][1]
    assert frame["file"] == "b, with comma.png"
    assert (frame["handedness"], frame["confidence"]) == ("left", 0.75)
    uvd = xyz_to_uvd(torch.tensor(frame["joints_xyz_mm"]), CAMERA.intrinsics())
    torch.testing.assert_close(uvd, torch.tensor(frame["joints_uvd"]), atol=2e-3, rtol=0)
    assert frame["centre_xyz_mm"] == frame["joints_xyz_mm"][13]
    assert frame["centre_uvd"] == pytest.approx(frame["joints_uvd"][13], abs=2e-3)


def test_csv_says_the_same(document, tmp_path: Path):
    write_poses(tmp_path / "joints.csv", document)
    with open(tmp_path / "joints.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 28
    for number, row in enumerate(rows):
        frame, joint = document["frames"][number // 14], number % 14
        assert (row["file"], row["joint"]) == (frame["file"], document["joints"][joint])
        assert [float(row[key]) for key in ("x_mm", "y_mm", "z_mm")] == frame["joints_xyz_mm"][joint]
        assert [float(row[key]) for key in ("u_px", "v_px", "d_mm")] == frame["joints_uvd"][joint]


def test_coco_keypoints_are_labels_of_a_store(document, tmp_path: Path):
    write_poses(tmp_path / "poses.coco.json", document)
    skeleton, labels = read_keypoint_file(tmp_path / "poses.coco.json")
    assert skeleton is SKELETONS["nyu14"]
    for label, frame in zip(labels, document["frames"], strict=True):
        assert (label.image, label.width, label.height) == (frame["file"], 640, 480)
        assert np.allclose(label.xyz, frame["joints_xyz_mm"], atol=1e-3)
        assert np.allclose(label.uv, np.array(frame["joints_uvd"])[:, :2], atol=6e-3)
    coco = json.loads((tmp_path / "poses.coco.json").read_text())
    category, annotation = coco["categories"][0], coco["annotations"][0]
    assert [category["keypoints"][end - 1] for end in category["skeleton"][0]] == ["F1_KNU3_A", "F1_KNU2_B"]
    assert annotation["num_keypoints"] == 14 and annotation["keypoints"][2::3] == [2] * 14
    u, v = annotation["keypoints"][0::3], annotation["keypoints"][1::3]
    x, y, width, height = annotation["bbox"]
    assert (x, y) == (min(u), min(v)) and annotation["area"] == pytest.approx(width * height)
    assert x + width == pytest.approx(max(u), abs=0.02)


def test_unknown_format(document, tmp_path: Path):
    with pytest.raises(UserError, match=r"\.json or \.csv"):
        write_poses(tmp_path / "joints.xml", document)


def test_frames_without_a_hand(document, tmp_path: Path):
    nothing = to_document([("c.png", no_pose("none", SKELETONS["nyu14"], Timings(1, 1, 0)))], CAMERA, "m")
    frames = [*document["frames"], *nothing["frames"]]
    for end in ("json", "csv", "coco.json"):
        write_poses(tmp_path / f"joints.{end}", document | {"frames": frames})
    assert json.loads((tmp_path / "joints.json").read_text())["frames"][2] == {
        "file": "c.png", "handedness": None, "confidence": 0.0, "centre_xyz_mm": None, "centre_uvd": None,
        "joints_xyz_mm": None, "joints_uvd": None, "problem": "none",
    }  # fmt: skip
    lines = (tmp_path / "joints.csv").read_text().splitlines()
    assert lines[29:] == [f"c.png,{joint},,,,,," for joint in document["joints"]]
    assert [label.image for label in read_keypoint_file(tmp_path / "joints.coco.json")[1]] == [
        frame["file"] for frame in document["frames"]
    ]


def test_coco_pixels_are_those_of_the_stored_image(document, tmp_path: Path):
    lens = Distortion(k1=-0.2, p1=0.01)
    write_poses(tmp_path / "poses.coco.json", document | {"distortion": asdict(lens)})
    for label in read_keypoint_file(tmp_path / "poses.coco.json")[1]:
        shown = project(label.xyz.astype(np.float64), CAMERA, lens)
        assert np.allclose(label.uv, shown[:, :2], atol=0.02)
        straight = xyz_to_uvd(label.xyz.astype(np.float64), CAMERA.intrinsics_array())
        assert np.abs(straight - shown).max() > 0.1
