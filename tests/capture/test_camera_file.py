import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from murauer.capture.camera_file import (
    CaptureCamera,
    camera_of_frames,
    make_rig,
    read_camera_file,
    write_camera_file,
)
from murauer.errors import UserError
from murauer.geometry.camera import CAMERAS, Camera
from murauer.geometry.distortion import Distortion

GUIDE = (Path(__file__).parents[2] / "docs" / "capture_format.md").read_text(encoding="utf-8")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    pose = np.eye(4)
    pose[:3, 3] = [-300.0, 2.5, 10.0]
    camera = Camera(fx=615.2, fy=615.4, u0=318.7, v0=241.0, width=640, height=480)
    cameras = (
        CaptureCamera("front", camera, Distortion(k1=0.1, p2=-0.001), 0.1, np.eye(4)),
        CaptureCamera("side", camera, depth_scale=1.0, camera_from_world=pose),
    )
    write_camera_file(tmp_path / "camera.json", cameras)
    for read, written in zip(read_camera_file(tmp_path / "camera.json", ()), cameras, strict=True):
        assert (read.name, read.camera, read.distortion, read.depth_scale) == (
            written.name, written.camera, written.distortion, written.depth_scale
        )  # fmt: skip
        assert np.allclose(read.camera_from_world, written.camera_from_world)


def test_the_example_of_the_guide(tmp_path: Path) -> None:
    example = next(block for block in re.findall(r"```json\n(.*?)```", GUIDE, re.S) if "cam_R_w2c" in block)
    (tmp_path / "camera.json").write_text(example)
    front, side = read_camera_file(tmp_path / "camera.json", ())
    assert front.distortion.k2 == -0.25 and side.distortion.is_pinhole
    # The second camera looks at the point in front of the first that it is turned about.
    seen = make_rig((front, side)).transform(torch.tensor([0.0, 0.0, 700.0]), 0, 1)
    assert torch.allclose(seen, torch.tensor([0.0, 0.0, 700.0]), atol=1.0)


def test_the_python_example_of_the_guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", GUIDE, re.S)
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "guide", "exec"), {})
    assert (tmp_path / "captures/tuesday/front/000000.png").is_file()


@pytest.mark.parametrize("name", ["", ".", "..", "../up", "/tmp/root", "a/b", "a\\b", "a\0b"])
def test_names_are_those_of_folders(name: str, tmp_path: Path) -> None:
    camera = {"fx": 500, "fy": 500, "cx": 320, "cy": 240, "width": 640, "height": 480}
    (tmp_path / "camera.json").write_text(json.dumps({name: camera}))
    with pytest.raises(UserError, match=r"camera.json, camera .*: a camera cannot be called"):
        read_camera_file(tmp_path / "camera.json", ())


def test_one_camera_alone_needs_one_folder(tmp_path: Path) -> None:
    camera = {"fx": 500, "fy": 500, "cx": 320, "cy": 240, "width": 640, "height": 480}
    (tmp_path / "camera.json").write_text(json.dumps(camera))
    assert read_camera_file(tmp_path / "camera.json", ["only"])[0].name == "only"
    with pytest.raises(UserError, match=r"describes one camera, but there are 2 folders of frames \(a, b\)"):
        read_camera_file(tmp_path / "camera.json", ["b", "a"])


def test_a_single_camera_is_a_rig_and_several_without_poses_are_none() -> None:
    camera = CaptureCamera("front", Camera(500, 500, 320, 240, 640, 480))
    assert torch.equal(make_rig((camera,)).camera_from_world, torch.eye(4)[None])
    assert make_rig((camera, camera)) is None


def test_the_camera_that_took_frames(tmp_path: Path) -> None:
    nyu, sr305 = CAMERAS["nyu"], CAMERAS["sr305"]
    several, single, flat = (tmp_path / f"{name}.json" for name in ("several", "single", "flat"))
    write_camera_file(several, [CaptureCamera("front", nyu), CaptureCamera("side", sr305)])
    write_camera_file(single, [CaptureCamera("front", nyu, depth_scale=0.5)])
    flat.write_text(json.dumps(nyu.to_dict() | {"k1": 0.1, "depth_scale": 0.125}))
    front, side = tmp_path / "front" / "1.png", tmp_path / "side" / "1.png"
    assert camera_of_frames("sr305", [front]).camera == sr305
    assert camera_of_frames(str(several), [front, front]).camera == nyu
    assert camera_of_frames(str(several), [side]).camera == sr305
    assert camera_of_frames(str(single), [side, tmp_path / "2.png"]).depth_scale == 0.5
    found = camera_of_frames(str(flat), [front, side])
    assert (found.camera, found.depth_scale, found.distortion) == (nyu, 0.125, Distortion(k1=0.1))
    with pytest.raises(UserError, match="cameras front, side, but the frames are in front, side; give"):
        camera_of_frames(str(several), [front, side])
    with pytest.raises(UserError, match="but the frames are in other; give the frames of one camera"):
        camera_of_frames(str(several), [tmp_path / "other" / "1.png"])
    with pytest.raises(UserError, match="unknown camera 'kinect7'"):
        camera_of_frames("kinect7", [front])
