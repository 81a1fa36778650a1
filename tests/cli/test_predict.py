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
    assert main(["predict", frame, "--camera", "nyu", "--overlay", str(tmp_path / "seen.jpg")]) == 1
    printed = capsys.readouterr()
    assert f"{frame}: found no hand; if there is one, give its centre" in printed.err
    assert json.loads(printed.out)["frames"][0]["joints_uvd"] is None
    assert Image.open(tmp_path / "seen.jpg").size == (640, 480)


def test_no_hand_in_any_frame(tmp_path: Path, small_model: Path, capsys) -> None:
    frames = save(tmp_path, *[wall()] * 5)
    out = tmp_path / "a.csv"
    words = ["predict", *frames, "--camera", "nyu", "--model", str(small_model), CENTRE, "--out", str(out)]
    assert main(words) == 1
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


def results_of(path: Path) -> list[dict]:
    return json.loads(path.read_text())["frames"]


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Six frames, of which the second is cut off and the fifth is a picture."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    frames = save(folder, *(ball(230 + index) for index in range(6)))
    Path(frames[1]).write_bytes(Path(frames[1]).read_bytes()[:500])
    Image.fromarray(ball().clip(0, 255).astype(np.uint8)).save(frames[4])
    return folder


@pytest.mark.parametrize("as_folder", [True, False])
def test_bad_frames_are_told_and_passed_over(
    mixed: Path, small_model: Path, as_folder: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = [str(mixed)] if as_folder else [str(path) for path in sorted(mixed.glob("*.png"))]
    out, overlay = mixed.parent / "a.json", mixed.parent / "a.png"
    options = ["--camera", "nyu", "--model", str(small_model), "--out", str(out), "--overlay", str(overlay)]
    assert main(["predict", *frames, *options, CENTRE]) == 1
    said = capsys.readouterr().err
    assert "1.png is damaged" in said and "4.png is an 8-bit image" in said
    assert "2 of 6 frames could not be used" in said
    found = results_of(out)
    assert [each["problem"] is None for each in found] == [True, False, True, True, False, True]
    assert [Path(each["file"]).name for each in found] == [f"{index}.png" for index in range(6)]
    assert "is damaged" in found[1]["problem"] and found[1]["joints_uvd"] is None
    assert Image.open(overlay).size == (3 * 256, 2 * (256 + 22))


def test_strict_stops_at_a_bad_frame(mixed: Path, small_model: Path, capsys) -> None:
    out = mixed.parent / "a.json"
    out.write_text("older")
    options = ["--camera", "nyu", "--model", str(small_model), "--out", str(out), CENTRE]
    assert main(["predict", str(mixed), *options, "--strict"]) == 2
    assert "1.png is damaged" in capsys.readouterr().err and out.read_text() == "older"


def test_nothing_but_bad_frames_is_an_error(mixed: Path, small_model: Path, capsys) -> None:
    frames = [str(mixed / "1.png"), str(mixed / "4.png")]
    assert main(["predict", *frames, "--camera", "nyu", "--model", str(small_model), CENTRE]) == 2
    assert "1.png is damaged" in capsys.readouterr().err


@pytest.mark.parametrize("camera", ["nyu", "without size"])
def test_a_stack_of_frames(tmp_path: Path, small_model: Path, camera: str, capsys) -> None:
    if camera != "nyu":
        camera = str(tmp_path / "camera.json")
        Path(camera).write_text(json.dumps({"fx": 588.03, "fy": 587.07, "cx": 320, "cy": 240}))
    np.save(tmp_path / "stack.npy", np.stack([ball(), ball(230), wall()]) / 1000)
    options = ["--camera", camera, "--model", str(small_model), CENTRE]
    assert main(["predict", str(tmp_path / "stack.npy"), *options]) == 0
    printed = json.loads(capsys.readouterr().out)
    stack = f"{tmp_path}/stack.npy"
    assert [each["file"] for each in printed["frames"]] == [f"{stack}#0", f"{stack}#1", f"{stack}#2"]
    assert [each["problem"] is None for each in printed["frames"]] == [True, True, False]
    (frame,) = save(tmp_path, ball())
    assert main(["predict", frame, *options]) == 0
    alone = json.loads(capsys.readouterr().out)["frames"][0]
    assert alone["joints_xyz_mm"] == printed["frames"][0]["joints_xyz_mm"]


def test_centres_of_each_frame(tmp_path: Path, small_model: Path, capsys) -> None:
    frames = save(tmp_path, ball(), ball(100))
    centres = tmp_path / "centres.csv"
    centres.write_text("frame,u,v,d\n0.png,400,240,610\n1.png,400,100,610\n")
    words = ["--camera", "nyu", "--model", str(small_model)]
    assert main(["predict", *frames, *words, "--centres", str(centres)]) == 0
    both = json.loads(capsys.readouterr().out)["frames"]
    assert main(["predict", frames[1], *words, "--centre=400,100,610"]) == 0
    assert json.loads(capsys.readouterr().out)["frames"][0] == both[1]
    centres.write_text("frame,u,v,d\n0.png,400,240,610\n1.png,400,100\n")
    assert main(["predict", *frames, *words, "--centres", str(centres)]) == 2
    assert "the centre of 1.png must be three numbers, got 400,100," in capsys.readouterr().err


def test_a_hand_that_is_cropped(tmp_path: Path, small_model: Path, capsys) -> None:
    """Its centre is that of what is measured, and no one looks for it."""
    (frame,) = save(tmp_path, ball())
    camera = CAMERAS["nyu"].cropped(340, 170, 140, 140)
    Image.fromarray(ball()[170:310, 340:480].astype(np.uint16)).save(tmp_path / "crop.png")
    (tmp_path / "camera.json").write_text(json.dumps(camera.to_dict()))
    model = ["--model", str(small_model)]
    crop = ["predict", str(tmp_path / "crop.png"), "--camera", str(tmp_path / "camera.json"), "--cropped"]
    assert main([*crop, *model]) == 0
    cropped = json.loads(capsys.readouterr().out)["frames"][0]
    assert main(["predict", frame, "--camera", "nyu", *model, "--centre=400,240,600"]) == 0
    whole = json.loads(capsys.readouterr().out)["frames"][0]
    np.testing.assert_allclose(cropped["joints_xyz_mm"], whole["joints_xyz_mm"], atol=0.1)


def test_options_that_exclude_each_other(tmp_path: Path, capsys) -> None:
    (frame,) = save(tmp_path, ball())
    assert main(["predict", frame, "--camera", "nyu", CENTRE, "--hands", "all"]) == 2
    assert "--centre and --hands all exclude each other" in capsys.readouterr().err


def test_all_hands_of_a_frame(tmp_path: Path, capsys) -> None:
    """Of a frame without any there is one result that says so."""
    (frame,) = save(tmp_path, wall())
    assert main(["predict", frame, "--camera", "nyu", "--hands", "all"]) == 1
    (none,) = json.loads(capsys.readouterr().out)["frames"]
    assert "found no hand" in none["problem"]


def test_the_best_quality(tmp_path: Path, small_model: Path, capsys) -> None:
    (frame,) = save(tmp_path, ball())
    words = ["predict", frame, "--camera", "nyu", CENTRE, "--handedness", "right", "--quality"]
    joints = []
    for quality in ("fast", "best"):
        assert main([*words, quality]) == 0
        joints.append(np.array(json.loads(capsys.readouterr().out)["frames"][0]["joints_xyz_mm"]))
    assert joints[0].shape == (21, 3) and 0 < np.abs(joints[0] - joints[1]).max() < 100
    assert main([*words, "best", "--model", str(small_model)]) == 2
    assert "is for dense models" in capsys.readouterr().err
