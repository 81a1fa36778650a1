"""Opening sources by name, and the ones that read files."""

from pathlib import Path

import numpy as np
import pytest

from murauer.capture.camera_file import CaptureCamera
from murauer.capture.sources import open_source
from murauer.capture.writer import CaptureWriter
from murauer.errors import UserError
from murauer.geometry.camera import CAMERAS, Camera

CAMERA = Camera(fx=60.0, fy=60.0, u0=31.5, v0=23.5, width=64, height=48)


def images(count: int, cameras: int = 1) -> np.ndarray:
    """Depth (count, cameras, 48, 64) in mm that names its frame and camera, with a hole."""
    depth = 500.0 + 10 * np.arange(count)[:, None, None, None] + np.arange(cameras)[:, None, None]
    depth = np.broadcast_to(depth, (count, cameras, 48, 64)).astype(np.float32)
    depth[..., :8] = 0
    return depth


def record(folder: Path, frames: np.ndarray) -> None:
    cameras = [
        CaptureCamera(name, CAMERA, depth_scale=0.5, camera_from_world=_moved(200.0 * view))
        for view, (name, _) in enumerate(zip(("front", "above"), frames[0], strict=False))
    ]
    with CaptureWriter(folder, cameras) as writer:
        for moment in frames:
            writer.write(list(moment))


def _moved(x: float) -> np.ndarray:
    pose = np.eye(4)
    pose[0, 3] = x
    return pose


def test_folder_gives_a_capture_as_it_was_written(tmp_path: Path) -> None:
    frames = images(3, cameras=2)
    record(tmp_path / "monday", frames)
    with open_source(tmp_path / "monday") as source:
        assert [each.name for each in source.cameras] == ["front", "above"]
        moments = list(source)
        assert len(source) == 3 and not source.live
        np.testing.assert_array_equal(source[2].depths[1], frames[2, 1])
    assert [moment.time_s for moment in moments] == [0, 1 / 30, 2 / 30]
    for moment, expected in zip(moments, frames, strict=True):
        np.testing.assert_array_equal(np.stack(moment.depths), expected)


def test_damaged_frames_count_as_dropped_and_the_last_reason_is_told_if_there_are_no_others(
    tmp_path: Path,
) -> None:
    record(tmp_path / "monday", images(4))
    front = tmp_path / "monday" / "front"
    for index in (1, 2):
        (front / f"00000{index}.png").write_bytes(b"no image")
    assert [(m.time_s, m.dropped) for m in open_source(f"folder:{tmp_path / 'monday'}?rate=10")] == [
        (0.0, 0),
        (0.3, 2),
    ]
    for path in front.iterdir():
        path.write_bytes(b"no image")
    with pytest.raises(UserError, match=r"000003.png is no PNG image"):
        list(open_source(tmp_path / "monday"))


def test_plain_folder_of_images_needs_only_a_camera(tmp_path: Path) -> None:
    depth = np.full((480, 640), 7000, np.uint16)
    np.save(tmp_path / "a.npy", depth)
    with pytest.raises(UserError, match=r"has no camera.json; say which camera took the frames by \?camera="):
        open_source(tmp_path)
    source = open_source(f"{tmp_path}?camera=sr305&depth_scale=0.125")
    assert source.cameras[0].camera == CAMERAS["sr305"]
    assert float(source[0].depths[0].max()) == 875.0


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_stack_of_one_camera(tmp_path: Path, suffix: str) -> None:
    frames, path = (images(5)[:, 0] * 2).astype(np.uint16), tmp_path / f"stack.{suffix}"
    (tmp_path / "camera.json").write_text(
        '{"fx": 60, "fy": 60, "cx": 31.5, "cy": 23.5, "width": 64, "height": 48, "depth_scale": 0.5}'
    )
    if suffix == "npy":
        np.save(path, frames)
    else:
        np.savez(path, front=frames, time_s=np.arange(5) + 100.5)
    source = open_source(path)
    assert source.cameras[0].camera == CAMERA
    moment = source[3]
    assert moment.time_s == (0.1 if suffix == "npy" else 103.5)
    assert moment.depths[0].dtype == np.float32
    np.testing.assert_array_equal(moment.depths[0], images(5)[3, 0])


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nonsense:", "there is no source 'nonsense:'"),
        ("simulated:?colour=red", "has no option 'colour'; its options are cameras, rate"),
        ("simulated:?cameras=two", "option cameras=two: Expected `int`"),
        ("simulated:?cameras=4", "has 1 to 3 cameras, not 4"),
        ("simulated:?rate=0", "rate of the source simulated: must be positive"),
        ("simulated:?sensor=eyes", "unknown sensor 'eyes'"),
        ("simulated:5", "takes no address"),
        ("tcp://127.0.0.1:9?timeout=0", "the timeout of tcp://127.0.0.1:9 must be positive, got 0"),
        ("folder:nowhere", "nowhere is no folder"),
        ("nowhere.npy", "cannot read nowhere.npy: No such file"),
    ],
)
def test_names_that_mean_nothing_are_refused_in_one_sentence(name: str, sentence: str) -> None:
    with pytest.raises(UserError) as refusal:
        open_source(name)
    assert sentence in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize("place", ["", "stack.npy"])
@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("rate=0", "must be positive, got 0"),
        ("rate=nan", "must be positive, got nan"),
        ("depth_scale=0", "depth_scale, the millimetres per unit, must be positive, got 0"),
        ("depth_scale=-1", "depth_scale, the millimetres per unit, must be positive, got -1"),
    ],
)
def test_rates_and_scales_that_cannot_be(tmp_path: Path, place: str, option: str, sentence: str) -> None:
    frames = np.full((2, 480, 640), 700, np.uint16)
    np.save(tmp_path / "stack.npy", frames if place else frames[0])
    with pytest.raises(UserError) as refusal:
        open_source(f"{tmp_path / place}?camera=nyu&{option}")
    assert sentence in str(refusal.value)


def test_names_of_arrays_that_lead_out_of_a_capture_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "stack.npz", **{"../../escaped": np.full((1, 480, 640), 700, np.uint16)})
    with pytest.raises(UserError, match=r"a camera cannot be called '../../escaped'"):
        open_source(f"{tmp_path}/stack.npz?camera=nyu")


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.zeros((480, 640)), "expected depth, frames x height x width"),
        (np.zeros((2, 10, 10)), "is 10 x 10 pixels but the camera has 640 x 480"),
        (np.array("text"), "it holds <U4, no numbers"),
    ],
)
def test_stacks_of_something_else_are_refused(tmp_path: Path, array: np.ndarray, sentence: str) -> None:
    np.save(tmp_path / "stack.npy", array)
    with pytest.raises(UserError) as refusal:
        open_source(f"{tmp_path}/stack.npy?camera=nyu")
    assert sentence in str(refusal.value)


def test_frame_in_another_unit_is_named(tmp_path: Path) -> None:
    """A stack has one unit: metres if its first frame is in metres."""
    metres = np.full((2, 480, 640), 0.7, np.float32)
    np.save(tmp_path / "stack.npy", metres)
    assert open_source(f"{tmp_path}/stack.npy?camera=nyu")[1].depths[0].max() == pytest.approx(700)
    np.save(tmp_path / "stack.npy", metres * np.float32([1000, 1])[:, None, None])
    with pytest.raises(UserError, match=r"stack.npy, frame 1, reaches only 0.7 mm"):
        open_source(f"{tmp_path}/stack.npy?camera=nyu")[1]
