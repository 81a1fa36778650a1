"""`murauer predict` on images: frames without a hand, and cameras as `murauer record` describes them."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from murauer.capture.camera_file import CaptureCamera
from murauer.capture.writer import CaptureWriter
from murauer.cli.main import main
from murauer.geometry.camera import CAMERAS
from murauer.geometry.distortion import Distortion
from murauer.inference.estimator import Estimator

CENTRE = "--centre=400,240,610"


def ball(row: int = 240) -> np.ndarray:
    """Something of a palm's size beside the axis, in mm."""
    rows, columns = np.mgrid[:480, :640]
    return np.where((rows - row) ** 2 + (columns - 400) ** 2 < 40**2, 600.0, 0.0)


def wall() -> np.ndarray:
    return np.full((480, 640), 3000.0)


def save(folder: Path, *images: np.ndarray) -> list[str]:
    paths = [folder / f"{index}.png" for index in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image.astype(np.uint16)).save(path)
    return [str(path) for path in paths]


def test_frames_without_a_hand_are_in_the_results(tmp_path: Path, small_model: Path, capsys) -> None:
    frames = save(tmp_path, ball(), wall(), ball(230), wall())
    outs = ["--out", f"{tmp_path}/a.json", "--out", f"{tmp_path}/a.csv", "--overlay", f"{tmp_path}/a.png"]
    assert main(["predict", *frames, "--camera", "nyu", "--model", str(small_model), CENTRE, *outs]) == 0
    said = capsys.readouterr().err
    assert "no joints in 2 of the 4 frames: 1.png, 3.png (the first: the hand cube around 400,240,610" in said
    results = json.loads((tmp_path / "a.json").read_text())["frames"]
    assert [each["file"] for each in results] == frames
    assert [each["joints_xyz_mm"] is None for each in results] == [False, True, False, True]
    assert [each["problem"] is None for each in results] == [True, False, True, False]
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows[::14]] == frames
    assert [row["x_mm"] == "" for row in rows] == 2 * (14 * [False] + 14 * [True])
    assert Image.open(tmp_path / "a.png").size == (3 * 256, 2 * (256 + 22))


def test_a_frame_without_a_hand_alone(tmp_path: Path, capsys) -> None:
    (frame,) = save(tmp_path, np.full((480, 640), 700))
    assert main(["predict", frame, "--camera", "nyu", "--overlay", str(tmp_path / "seen.jpg")]) == 0
    printed = capsys.readouterr()
    assert f"{frame}: found no hand; if there is one, give its centre" in printed.err
    assert json.loads(printed.out)["frames"][0]["joints_uvd"] is None
    assert Image.open(tmp_path / "seen.jpg").size == (640, 480)


def test_no_hand_in_any_frame(tmp_path: Path, small_model: Path, capsys) -> None:
    frames = save(tmp_path, *[wall()] * 5)
    out = tmp_path / "a.csv"
    words = ["predict", *frames, "--camera", "nyu", "--model", str(small_model), CENTRE, "--out", str(out)]
    assert main(words) == 0
    assert "no joints in all of the 5 frames: 0.png, 1.png, 2.png, ... (" in capsys.readouterr().err
    assert len(out.read_text().splitlines()) == 1 + 5 * 14


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """Two cameras in tenths of a millimetre, the first with a lens."""
    cameras = (
        CaptureCamera("front", CAMERAS["nyu"], Distortion(k1=-0.3), 0.1),
        CaptureCamera("side", CAMERAS["nyu"], depth_scale=0.1),
    )
    with CaptureWriter(tmp_path / "monday", cameras) as writer:
        writer.write([ball(), ball()])
    return tmp_path / "monday"


def test_the_camera_file_of_a_capture(capture: Path, small_model: Path, capsys) -> None:
    estimator, camera = Estimator.load(small_model), CAMERAS["nyu"]
    centre = [80 / camera.fx * 610, 0, 610]
    for name, lens in (("front", Distortion(k1=-0.3)), ("side", None)):
        frame = str(capture / name / "000000.png")
        options = ["--camera", str(capture / "camera.json"), "--model", str(small_model), CENTRE]
        assert main(["predict", frame, *options]) == 0
        found = json.loads(capsys.readouterr().out)
        expected = estimator(ball(), camera, centre, distortion=lens).joints_xyz
        np.testing.assert_allclose(found["frames"][0]["joints_xyz_mm"], expected, atol=2e-3)
        assert ("distortion" in found) == (name == "front")


def test_a_given_depth_scale_is_preferred(capture: Path, small_model: Path, capsys) -> None:
    frame, camera = str(capture / "side" / "000000.png"), str(capture / "camera.json")
    words = ["predict", frame, "--camera", camera, "--model", str(small_model), "--depth-scale", "0.2"]
    assert main([*words, "--centre=400,240,1210"]) == 0
    assert json.loads(capsys.readouterr().out)["frames"][0]["centre_uvd"][2] == pytest.approx(1210, abs=75)
