import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from murauer.capture import camera_file
from murauer.capture.camera_file import (
    NAMED_CAMERAS,
    CaptureCamera,
    camera_of_frames,
    find_camera,
    make_rig,
    read_camera_file,
    register_camera,
    write_camera_file,
)
from murauer.cli.main import main
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
    assert camera_of_frames("sr305", [front]).depth_scale == 0.125
    assert camera_of_frames("nyu", [front]).packing == "nyu"
    assert camera_of_frames(str(several), [front, front]).camera == nyu
    assert camera_of_frames(str(several), [side]).camera == sr305
    assert camera_of_frames(str(single), [side, tmp_path / "2.png"]).depth_scale == 0.5
    assert find_camera(str(single)).depth_scale == 0.5
    with pytest.raises(UserError, match="describes the cameras front, side; give a file with one"):
        find_camera(str(several))
    found = camera_of_frames(str(flat), [front, side])
    assert (found.camera, found.depth_scale, found.distortion) == (nyu, 0.125, Distortion(k1=0.1))
    with pytest.raises(UserError, match="cameras front, side, but the frames are in front, side; give"):
        camera_of_frames(str(several), [front, side])
    with pytest.raises(UserError, match="but the frames are in other; give the frames of one camera"):
        camera_of_frames(str(several), [tmp_path / "other" / "1.png"])
    with pytest.raises(UserError, match="unknown camera 'kinect7'"):
        camera_of_frames("kinect7", [front])


def test_a_registered_camera_is_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(camera_file, "NAMED_CAMERAS", dict(NAMED_CAMERAS))
    mine = CaptureCamera("bench", Camera(430.0, 430.0, 424.0, 240.0, 848, 480), depth_scale=0.1)
    register_camera(mine)
    assert find_camera("bench") is mine
    assert main(["info", "--json"]) == 0
    cameras = json.loads(capsys.readouterr().out)["cameras"]
    assert (cameras["bench"]["fx"], cameras["bench"]["depth_scale"]) == (430.0, 0.1)
    assert cameras["sr305"]["depth_scale"] == 0.125 and cameras["nyu"]["packing"] == "nyu"


ROS_MESSAGE = """
header: {stamp: {sec: 1, nanosec: 2}, frame_id: depth}
height: 480
width: 640
distortion_model: MODEL
d: D
k: [615.2, 0.0, 318.7, 0.0, 615.4, 241.0, 0.0, 0.0, 1.0]
r: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
p: [600.0, 0.0, 318.7, 0.0, 0.0, 600.0, 241.0, 0.0, 0.0, 0.0, 1.0, 0.0]
binning_x: 0
binning_y: 0
roi: {x_offset: 0, y_offset: 0, height: 0, width: 0, do_rectify: false}
---
header: the next message
"""
ROS_FILE = """
image_width: 640
image_height: 480
camera_name: depth
camera_matrix: {rows: 3, cols: 3, data: [615.2, 0, 318.7, 0, 615.4, 241.0, 0, 0, 1]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [0.12, -0.25, 0.0004, -0.0002, 0.01]}
rectification_matrix: {rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}
projection_matrix: {rows: 3, cols: 4, data: [600, 0, 318, 0, 0, 600, 241, 0, 0, 0, 1, 0]}
"""
KALIBR = """
cam0:
  cam_overlaps: [1]
  camera_model: pinhole
  distortion_coeffs: [0.12, -0.25, 0.0004, -0.0002]
  distortion_model: radtan
  intrinsics: [615.2, 615.4, 318.7, 241.0]
  resolution: [640, 480]
  rostopic: /front/depth
cam1:
  T_cn_cnm1: [[1, 0, 0, -0.25], [0, 1, 0, 0.0], [0, 0, 1, 0.01], [0, 0, 0, 1]]
  camera_model: pinhole
  distortion_coeffs: [0, 0, 0, 0]
  distortion_model: radtan
  intrinsics: [615.2, 615.4, 318.7, 241.0]
  resolution: [640, 480]
"""
PLAIN = Camera(615.2, 615.4, 318.7, 241.0, 640, 480)
BROWN = Distortion(k1=0.12, k2=-0.25, p1=0.0004, p2=-0.0002, k3=0.01)
RATIONAL = [0.5, -2.7, 0.0005, -0.0003, 1.5, 0.4, -2.5, 1.4]
ROW_BY_ROW = [615.2, 0, 318.7, 0, 615.4, 241.0, 0, 0, 1]
REALSENSE = {"width": 640, "height": 480, "fx": 615.2, "fy": 615.4, "ppx": 318.7, "ppy": 241.0}
SIZE = {"width": 640, "height": 480}


def ros(model: str, lens: object) -> str:
    return ROS_MESSAGE.replace("MODEL", model).replace("d: D", f"d: {lens}")


SPELLINGS: dict[str, tuple[str, str]] = {
    "BOP": ("json", json.dumps({"cam_K": ROW_BY_ROW, "depth_scale": 0.1} | SIZE)),
    "ROS 2, no lens": ("yaml", ros("''", [])),
    "ROS 2, plumb_bob": ("yaml", ros("plumb_bob", [0.12, -0.25, 0.0004, -0.0002, 0.01])),
    "ROS 2, rational_polynomial": ("yml", ros("rational_polynomial", RATIONAL)),
    "ROS 2, 12 coefficients of which 4 are 0": ("yaml", ros("rational_polynomial", [*RATIONAL, 0, 0, 0, 0])),
    "ROS 1": ("json", json.dumps({"K": ROW_BY_ROW, "D": [], "distortion_model": "plumb_bob"} | SIZE)),
    "ROS file": ("yaml", ROS_FILE),
    "RealSense": (
        "json",
        json.dumps(REALSENSE | {"model": "distortion.inverse_brown_conrady", "coeffs": 5 * [0]}),
    ),
    "RealSense with metres per unit": (
        "json",
        json.dumps(REALSENSE | {"depth_scale": 0.0001, "model": "None"}),
    ),
    "Open3D": (
        "json",
        json.dumps({"intrinsic_matrix": np.reshape(ROW_BY_ROW, (3, 3)).T.ravel().tolist()} | SIZE),
    ),
    "Open3D with a pose": (
        "json",
        json.dumps(
            {
                "intrinsic": {"intrinsic_matrix": np.reshape(ROW_BY_ROW, (3, 3)).T.tolist()} | SIZE,
                "extrinsic": [],
            }
        ),
    ),
    "size left to the images": ("json", json.dumps({"fx": 615.2, "fy": 615.4, "cx": 318.7, "cy": 241.0})),
    "byte-order mark": ("json", chr(0xFEFF) + json.dumps(PLAIN.to_dict())),
}

MEANT: dict[str, dict[str, object]] = {
    "BOP": {"depth_scale": 0.1},
    "ROS 2, plumb_bob": {"distortion": BROWN},
    "ROS 2, rational_polynomial": {"distortion": Distortion(*RATIONAL)},
    "ROS 2, 12 coefficients of which 4 are 0": {"distortion": Distortion(*RATIONAL)},
    "ROS file": {"distortion": BROWN},
    "RealSense with metres per unit": {"depth_scale": 0.1},
    "size left to the images": {"camera": Camera(615.2, 615.4, 318.7, 241.0)},
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_cameras_of_other_programs(spelling: str, tmp_path: Path) -> None:
    suffix, text = SPELLINGS[spelling]
    path = tmp_path / f"mine.{suffix}"
    path.write_text(text, encoding="utf-8")
    meant = CaptureCamera("mine", **({"camera": PLAIN} | MEANT.get(spelling, {})))
    assert vars(find_camera(str(path))) == vars(meant)


def test_a_chain_of_kalibr(tmp_path: Path) -> None:
    (tmp_path / "camchain.yaml").write_text(KALIBR)
    first, second = read_camera_file(tmp_path / "camchain.yaml", ())
    assert (first.name, first.camera, first.distortion) == (
        "cam0",
        PLAIN,
        Distortion(0.12, -0.25, 0.0004, -0.0002),
    )
    assert second.distortion.is_pinhole
    assert np.array_equal(first.camera_from_world, np.eye(4))
    assert second.camera_from_world[:3, 3] == pytest.approx([-250.0, 0.0, 10.0])


def test_a_part_of_the_sensor_read_out_coarsely(tmp_path: Path) -> None:
    text = ros("plumb_bob", []).replace(
        "x_offset: 0, y_offset: 0, height: 0, width: 0",
        "x_offset: 320, y_offset: 40, height: 200, width: 300",
    )
    (tmp_path / "a.yaml").write_text(
        text.replace("binning_x: 0", "binning_x: 2").replace("binning_y: 0", "binning_y: 2")
    )
    assert find_camera(str(tmp_path / "a.yaml")).camera == PLAIN.cropped(320, 40, 300, 200).resized(150, 100)


@pytest.mark.parametrize(
    ("suffix", "text", "message"),
    [
        ("json", "", "a.json is not valid JSON"),
        ("json", "fx = 3", "a.json is not valid JSON"),
        ("json", "[" * 100_000, "a.json is not valid JSON"),
        ("yaml", "fx: [", "a.yaml is not valid YAML"),
        ("yaml", "", "must hold an object with a camera"),
        ("yaml", "!!python/object/apply:os.getcwd []", "a.yaml is not valid YAML"),
        (
            "yaml",
            ros("equidistant", [0.1, 0, 0, 0]),
            "a lens of the model 'equidistant', which cannot be undone",
        ),
        ("yaml", ros("rational_polynomial", 12 * [0.1]), "a lens of 12 coefficients, which cannot be undone"),
        ("yaml", ros("plumb_bob", "[a, b]"), "the lens's coefficients must be 2 numbers"),
        ("yaml", KALIBR.replace("camera_model: pinhole", "camera_model: omni"), "cam0 is no pinhole camera"),
        ("yaml", KALIBR.replace("[640, 480]", "[640]"), "resolution must be 2 numbers"),
        ("json", json.dumps({"K": [1, 2, 3]}), "the camera matrix must be 9 numbers"),
        ("json", json.dumps({"K": [600, 3, 318, 0, 600, 240, 0, 0, 1]}), "the camera matrix must be fx 0 cx"),
        ("json", json.dumps({"K": 9 * [10**400]}), "the camera matrix must be 9 numbers"),
        ("json", json.dumps(PLAIN.to_dict() | {"width": 10**400}), "width must be finite"),
        ("json", json.dumps(PLAIN.to_dict() | {"k2": 10**400}), "k2 must be finite"),
        ("json", json.dumps(PLAIN.to_dict() | {"k2": -2e6}), "k2 must be finite, at most 1e+06"),
        ("json", json.dumps(PLAIN.to_dict() | {"binning_x": 5000}), "image sides must be positive"),
        ("json", json.dumps(PLAIN.to_dict() | {"roi": {"width": -3, "height": 9}}), "sides must be positive"),
        ("json", json.dumps(PLAIN.to_dict() | {"packing": "png"}), "packing must be plain or nyu"),
        ("json", json.dumps(PLAIN.to_dict() | {"zoom": 2}), "unknown zoom"),
        ("json", json.dumps(PLAIN.to_dict() | {"fx": 1.9, "fy": 1.9}), "no camera is like this"),
    ],
)
def test_camera_files_that_say_why_not(suffix: str, text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_text(text)
    with pytest.raises(UserError, match=re.escape(message)) as error:
        find_camera(str(path))
    assert str(path) in str(error.value)
