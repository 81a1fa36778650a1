from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataset_folders.own import CAMERA
from murauer.capture.camera_file import CaptureCamera, read_camera_file, write_camera_file
from murauer.capture.depth import read_depth
from murauer.capture.writer import CaptureWriter
from murauer.errors import UserError
from murauer.geometry.distortion import Distortion

DEPTH = np.full((240, 320), 700.0, np.float32)


def test_units_and_range_of_the_stored_numbers(tmp_path: Path) -> None:
    camera = CaptureCamera("front", CAMERA, depth_scale=0.1)
    depth = DEPTH.copy()
    depth[0, :4] = [0.0, 6553.5, 7000.0, float("nan")]
    with CaptureWriter(tmp_path / "r", [camera]) as writer:
        assert [writer.write([depth]) for _ in range(2)] == ["000000", "000001"]
    stored = np.asarray(Image.open(tmp_path / "r/front/000001.png"))
    assert stored.dtype == np.uint16 and stored[1, 0] == 7000
    assert stored[0, :4].tolist() == [0, 65535, 0, 0]  # too far, and NaN: not measured
    assert sorted(path.name for path in (tmp_path / "r").iterdir()) == ["camera.json", "front"]


@pytest.mark.parametrize(("given", "stored"), [(1000.0, 1.0), (0.001, 0.1), (None, 1.0), (0.125, 0.125)])
def test_scale_too_coarse_or_too_fine_for_16_bits_is_not_that_of_the_images(
    tmp_path: Path, given: float | None, stored: float
) -> None:
    depth = DEPTH.copy()
    depth[0] = 620.0
    with CaptureWriter(tmp_path / "r", [CaptureCamera("front", CAMERA, depth_scale=given)]) as writer:
        writer.write([depth])
    (camera,) = read_camera_file(tmp_path / "r/camera.json", [])
    assert camera.depth_scale == stored
    back = read_depth(tmp_path / "r/front/000000.png", camera.camera, camera.depth_scale)
    np.testing.assert_allclose(back, depth, atol=1e-3)


def test_goes_on_after_the_lens_and_the_poses_were_written_down(tmp_path: Path) -> None:
    cameras = [CaptureCamera(name, CAMERA, depth_scale=0.5) for name in ("front", "side")]
    with CaptureWriter(tmp_path / "r", cameras) as writer:
        writer.write([DEPTH, DEPTH])
    path, moved = tmp_path / "r/camera.json", np.eye(4)
    moved[0, 3] = 300.0
    calibrated = [
        replace(each, distortion=Distortion(k1=0.1), camera_from_world=pose)
        for each, pose in zip(cameras, (np.eye(4), moved), strict=True)
    ]
    write_camera_file(path, calibrated)
    before = path.read_bytes()
    with CaptureWriter(tmp_path / "r", cameras, go_on=True) as writer:
        assert writer.write([DEPTH, DEPTH]) == "000001"
    assert path.read_bytes() == before  # what was measured stays
    for other in (replace(CAMERA, fx=CAMERA.fx + 1), replace(CAMERA, width=160)):
        with pytest.raises(UserError, match="holds a capture of other cameras"):
            CaptureWriter(tmp_path / "r", [replace(each, camera=other) for each in cameras], go_on=True)


def test_goes_on_beside_other_pictures_but_not_with_a_damaged_camera_file(tmp_path: Path) -> None:
    front = CaptureCamera("front", CAMERA)
    with CaptureWriter(tmp_path / "r", [front]) as writer:
        writer.write([DEPTH])
    (tmp_path / "r/front/preview.png").write_bytes(b"mine")
    assert CaptureWriter(tmp_path / "r", [front], go_on=True).frames == 1
    assert (tmp_path / "r/front/preview.png").read_bytes() == b"mine"
    (tmp_path / "r/camera.json").write_text('{"front": {"fx": 1,}}')
    with pytest.raises(UserError, match=r"camera.json is not valid JSON"):
        CaptureWriter(tmp_path / "r", [front], go_on=True)


def test_takes_away_no_more_than_the_moment_that_broke_off(tmp_path: Path) -> None:
    cameras = [CaptureCamera(name, CAMERA) for name in ("front", "side")]
    with CaptureWriter(tmp_path / "r", cameras) as writer:
        for _ in range(3):
            writer.write([DEPTH, DEPTH])
    (tmp_path / "r/side/000001.png").rename(tmp_path / "elsewhere.png")
    with pytest.raises(UserError, match="not all cameras have frame 000001; put it back or delete it"):
        CaptureWriter(tmp_path / "r", cameras, go_on=True)
    assert (tmp_path / "r/front/000001.png").is_file()


def test_frames_are_there_before_the_capture_ends(tmp_path: Path) -> None:
    writer = CaptureWriter(tmp_path / "r", [CaptureCamera("front", CAMERA)])
    writer.write([DEPTH])
    assert (tmp_path / "r/camera.json").is_file() and (tmp_path / "r/front/000000.png").is_file()


def test_does_not_write_into_another_capture(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r/notes.txt").write_text("mine")
    with pytest.raises(UserError, match="is not empty"):
        CaptureWriter(tmp_path / "r", [CaptureCamera("front", CAMERA)])


def test_images_must_be_those_of_the_cameras(tmp_path: Path) -> None:
    writer = CaptureWriter(tmp_path / "r", [CaptureCamera("front", CAMERA)])
    with pytest.raises(ValueError, match="2 images of 1 cameras"):
        writer.write([DEPTH, DEPTH])
    with pytest.raises(ValueError, match="image of shape"):
        writer.write([DEPTH[:100]])
    with pytest.raises(ValueError, match="do not fit the skeleton"):
        writer.write([DEPTH], joints={0: np.zeros((14, 3), np.float32)})
