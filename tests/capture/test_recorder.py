"""Sources recorded to disk."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from murauer.capture.camera_file import CaptureCamera
from murauer.capture.keypoint_file import read_keypoint_file
from murauer.capture.recorder import record
from murauer.capture.sources import open_source
from murauer.capture.sources.source import Source, SourceFrame
from murauer.cli.main import main
from murauer.datasets.captured import CaptureDataset
from murauer.errors import UserError
from murauer.geometry.camera import Camera
from murauer.geometry.skeletons import SKELETONS

CAMERA = Camera(fx=60.0, fy=60.0, u0=31.5, v0=23.5, width=64, height=48)


class Scripted(Source):
    """Two cameras whose depth is the number of the moment; some moments are lost, some action may follow."""

    skeleton = SKELETONS["nyu14"]

    def __init__(self, moments: range = range(5), action: BaseException | None = None) -> None:
        near, far = np.eye(4), np.eye(4)
        far[0, 3] = 300.0
        self.cameras = tuple(
            CaptureCamera(name, CAMERA, depth_scale=0.5, camera_from_world=pose)
            for name, pose in (("front", near), ("side", far))
        )
        self._moments, self._action = moments, action

    def __iter__(self) -> Iterator[SourceFrame]:
        for index in self._moments:
            depth = np.full((48, 64), 500.0 + index, np.float32)
            joints = np.full((14, 3), 500.0 + index, np.float32)
            yield SourceFrame(10 + index / 10, (depth, depth + 100), dropped=index % 2, joints=joints)
        if self._action is not None:
            raise self._action


def test_what_was_recorded_is_a_capture_with_times_and_truth(tmp_path: Path) -> None:
    done = record(Scripted(), tmp_path / "r")
    assert (done.frames, done.new, done.dropped) == (5, 5, 2)
    assert done.seconds == pytest.approx(0.4)
    own = CaptureDataset(tmp_path / "r")
    assert own.rig is not None and own.sets["real"].frames == 5
    frame = own.view("real", 3, 1)
    assert frame.joints is None  # the truth is no label
    assert float(frame.depth.min()) == float(frame.depth.max()) == 603.0
    skeleton, truth = read_keypoint_file(tmp_path / "r" / "truth.json")
    assert skeleton is SKELETONS["nyu14"] and truth[4].image == "front/000004.png"
    assert np.unique(truth[4].xyz).tolist() == [504.0]
    again = list(open_source(tmp_path / "r"))
    assert [(m.time_s, m.dropped) for m in again] == [(10, 0), (10.1, 1), (10.2, 0), (10.3, 1), (10.4, 0)]


def test_stops_where_it_is_told_to(tmp_path: Path) -> None:
    assert record(Scripted(), tmp_path / "a", frames=3).frames == 3
    assert record(Scripted(), tmp_path / "b", seconds=0.25).frames == 3


def test_ctrl_c_keeps_what_is_there_and_the_same_call_goes_on(tmp_path: Path) -> None:
    assert record(Scripted(range(2), KeyboardInterrupt()), tmp_path / "r", frames=5).frames == 2
    done = record(Scripted(range(2, 9)), tmp_path / "r", frames=5)
    assert (done.frames, done.new) == (5, 3)
    depths = [float(moment.depths[0][0, 0]) for moment in open_source(tmp_path / "r")]
    assert depths == [500.0, 501.0, 502.0, 503.0, 504.0]
    assert len(read_keypoint_file(tmp_path / "r" / "truth.json")[1]) == 5
    with pytest.raises(UserError, match="has 5 frames already"):
        record(Scripted(), tmp_path / "r", frames=5)


def test_a_frame_that_one_camera_lacks_after_a_kill_is_taken_again(tmp_path: Path) -> None:
    record(Scripted(range(3)), tmp_path / "r")
    (tmp_path / "r" / "side" / "000002.png").unlink()
    record(Scripted(range(2, 4)), tmp_path / "r")
    assert CaptureDataset(tmp_path / "r").sets["real"].frames == 4
    assert sorted(path.name for path in (tmp_path / "r" / "front").iterdir()) == [
        f"00000{index}.png" for index in range(4)
    ]


def test_device_that_fails_leaves_the_frames_before(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unplugged"):
        record(Scripted(range(2), UserError("unplugged")), tmp_path / "r")
    assert len(list(open_source(tmp_path / "r"))) == 2


def test_refuses_another_capture_and_other_things(tmp_path: Path) -> None:
    record(Scripted(range(1)), tmp_path / "r")
    with pytest.raises(UserError, match="holds a capture of other cameras"):
        record(open_source("simulated:?paced=false"), tmp_path / "r", frames=2)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    with pytest.raises(UserError, match="is not empty"):
        record(Scripted(), tmp_path / "notes")
    with pytest.raises(UserError, match="gave no frame"):
        record(Scripted(range(0)), tmp_path / "none")


@pytest.mark.parametrize("kind", ["stack", "folder"])
def test_depth_in_metres_is_kept(tmp_path: Path, kind: str) -> None:
    metres = np.full((1, 480, 640), 0.7, np.float32)
    metres[:, :240] = 0.62
    place = tmp_path / "in"
    place.mkdir()
    np.save(place / "m.npy", metres if kind == "stack" else metres[0])
    source = place / "m.npy" if kind == "stack" else place
    assert main(["record", f"{source}?camera=nyu&depth_scale=1000", "--out", str(tmp_path / "r")]) == 0
    assert np.unique(open_source(tmp_path / "r")[0].depths[0]).tolist() == [620.0, 700.0]


def test_what_a_file_lacks_is_not_blamed_on_the_disk(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    frames = np.full((3, 480, 640), 700, np.uint16)
    frames[1] = 0
    np.save(tmp_path / "m.npy", frames)
    assert main(["record", f"{tmp_path}/m.npy?camera=nyu", "--out", str(tmp_path / "r")]) == 0
    assert "1 frames were dropped; lost before, damaged or blank" in capsys.readouterr().out


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "r"
    assert (
        main(["record", "simulated:?cameras=2&paced=false", "--out", str(out), "--frames", "2", "--json"])
        == 0
    )
    assert json.loads(capsys.readouterr().out) == {
        "frames": 2, "new": 2, "dropped": 0, "seconds": pytest.approx(1 / 30, abs=1e-3),
    }  # fmt: skip
    assert main(["record", str(out), "--out", str(tmp_path / "copy")]) == 0
    assert "2 frames of front, side, 2 of them new" in capsys.readouterr().out
    for first, second in zip(open_source(out), open_source(tmp_path / "copy"), strict=True):
        np.testing.assert_array_equal(first.depths, second.depths)
    assert main(["record", "simulated:", "--out", str(out), "--frames", "9"]) == 2
    assert "other cameras" in capsys.readouterr().err
