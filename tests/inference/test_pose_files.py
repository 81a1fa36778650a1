import csv
import json
from pathlib import Path

import pytest
import torch

from murauer.camera import CAMERAS, Camera, xyz_to_uvd
from murauer.errors import UserError
from murauer.inference.pose_files import PoseRecord, to_document, write_poses
from murauer.inference.predict import HandPoses
from murauer.skeletons import SKELETONS

CAMERA = CAMERAS["sr305"]


@pytest.fixture
def document() -> dict[str, object]:
    xyz = torch.randn(2, 14, 3) * 50 + torch.tensor([0.0, 0.0, 600.0])
    poses = HandPoses(xyz, xyz_to_uvd(xyz, CAMERA.intrinsics()), xyz[:, 13], SKELETONS["nyu14"])
    return to_document([PoseRecord(("a.png", "b, with comma.png"), poses)], CAMERA, "default")


def test_json(document, tmp_path: Path):
    write_poses(tmp_path / "joints.json", document)
    read = json.loads((tmp_path / "joints.json").read_text())
    assert read == document
    assert read["skeleton"] == "nyu14" and len(read["joints"]) == 14
    assert Camera.from_dict(read["camera"]) == CAMERA
    frame = read["frames"][1]
    assert frame["file"] == "b, with comma.png"
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


def test_unknown_format(document, tmp_path: Path):
    with pytest.raises(UserError, match=r"\.json or \.csv"):
        write_poses(tmp_path / "joints.xml", document)
