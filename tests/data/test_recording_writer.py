from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataset_folders.own import CAMERA
from murauer.data.camera_file import RecordingCamera
from murauer.data.recording_writer import RecordingWriter
from murauer.errors import UserError

DEPTH = np.full((240, 320), 700.0, np.float32)


def test_units_and_range_of_the_stored_numbers(tmp_path: Path) -> None:
    camera = RecordingCamera("front", CAMERA, depth_scale=0.1)
    depth = DEPTH.copy()
    depth[0, :4] = [0.0, 6553.5, 7000.0, float("nan")]
    with RecordingWriter(tmp_path / "r", [camera]) as writer:
        assert [writer.write([depth]) for _ in range(2)] == ["000000", "000001"]
    stored = np.asarray(Image.open(tmp_path / "r/front/000001.png"))
    assert stored.dtype == np.uint16 and stored[1, 0] == 7000
    assert stored[0, :4].tolist() == [0, 65535, 0, 0]  # too far, and NaN: not measured
    assert sorted(path.name for path in (tmp_path / "r").iterdir()) == ["camera.json", "front"]


def test_frames_are_there_before_the_recording_ends(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "r", [RecordingCamera("front", CAMERA)])
    writer.write([DEPTH])
    assert (tmp_path / "r/camera.json").is_file() and (tmp_path / "r/front/000000.png").is_file()


def test_does_not_write_into_another_recording(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r/notes.txt").write_text("mine")
    with pytest.raises(UserError, match="is not empty"):
        RecordingWriter(tmp_path / "r", [RecordingCamera("front", CAMERA)])


def test_images_must_be_those_of_the_cameras(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "r", [RecordingCamera("front", CAMERA)])
    with pytest.raises(ValueError, match="2 images of 1 cameras"):
        writer.write([DEPTH, DEPTH])
    with pytest.raises(ValueError, match="image of shape"):
        writer.write([DEPTH[:100]])
    with pytest.raises(ValueError, match="do not fit the skeleton"):
        writer.write([DEPTH], joints={0: np.zeros((14, 3), np.float32)})
