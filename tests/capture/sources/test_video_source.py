"""Depth in lossless videos."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from murauer.capture.sources import open_source
from murauer.errors import UserError

av = pytest.importorskip("av", reason="PyAV, of the extra 'video', is not installed")

CAMERA = {"fx": 60, "fy": 60, "cx": 31.5, "cy": 23.5, "width": 64, "height": 48, "depth_scale": 0.5}


def write(path: Path, stacks: dict[str | None, np.ndarray], codec: str = "ffv1", pixels: str = "gray16le"):
    with av.open(str(path), "w") as file:
        streams = []
        for name, stack in stacks.items():
            stream = file.add_stream(codec, rate=25)
            stream.width, stream.height, stream.pix_fmt = stack.shape[2], stack.shape[1], pixels
            stream.time_base = Fraction(1, 25)
            if name is not None:
                stream.metadata["title"] = name
            streams.append(stream)
        for index in range(len(next(iter(stacks.values())))):
            for stream, stack in zip(streams, stacks.values(), strict=True):
                frame = av.VideoFrame.from_ndarray(stack[index], format="gray16le").reformat(format=pixels)
                frame.pts = index
                file.mux(stream.encode(frame))
        for stream in streams:
            file.mux(stream.encode())


@pytest.fixture
def depth() -> np.ndarray:
    return np.random.default_rng(0).integers(800, 3000, (5, 48, 64)).astype(np.uint16)


def test_every_value_of_one_camera_comes_back(tmp_path: Path, depth: np.ndarray) -> None:
    write(tmp_path / "hand.mkv", {None: depth})
    (tmp_path / "camera.json").write_text(json.dumps(CAMERA))
    source = open_source(tmp_path / "hand.mkv")
    assert source.rate == 25 and source.cameras[0].name == "hand"
    for _ in range(2):  # from the beginning each time
        moments = list(source)
        np.testing.assert_array_equal([moment.depths[0] for moment in moments], depth / 2)
        assert [moment.time_s for moment in moments] == pytest.approx(np.arange(5) / 25)


def test_blank_frames_count_as_dropped_and_end_nothing(tmp_path: Path, depth: np.ndarray) -> None:
    (tmp_path / "camera.json").write_text(json.dumps(CAMERA))
    depth[[1, 2]] = 0
    write(tmp_path / "hand.mkv", {None: depth})
    moments = list(open_source(tmp_path / "hand.mkv"))
    assert [moment.dropped for moment in moments] == [0, 2, 0]
    np.testing.assert_array_equal([moment.depths[0] for moment in moments], depth[[0, 3, 4]] / 2)
    write(tmp_path / "blank.mkv", {None: 0 * depth})
    with pytest.raises(UserError, match=r"blank.mkv, at 0.160 s, holds no measurement"):
        list(open_source(tmp_path / "blank.mkv"))
    with pytest.raises(UserError, match="depth_scale, the millimetres per unit, must be positive, got 0"):
        open_source(f"{tmp_path}/hand.mkv?depth_scale=0")


def test_streams_belong_to_the_cameras_of_their_titles(tmp_path: Path, depth: np.ndarray) -> None:
    write(tmp_path / "hand.mkv", {"side": depth + 1, "front": depth})
    (tmp_path / "camera.json").write_text(json.dumps({"front": CAMERA, "side": CAMERA}))
    source = open_source(tmp_path / "hand.mkv")
    assert [each.name for each in source.cameras] == ["front", "side"]
    moments = list(source)
    assert len(moments) == 5
    np.testing.assert_array_equal([moment.depths[1] for moment in moments], (depth + 1) / 2)


def test_infrared_is_never_taken_for_depth(tmp_path: Path, depth: np.ndarray) -> None:
    write(tmp_path / "kinect.mkv", {"IR": depth + 1, "DEPTH": depth})
    (tmp_path / "camera.json").write_text(json.dumps({"DEPTH": CAMERA}))
    for track in ("", "?track=depth", "?track=1"):
        source = open_source(f"{tmp_path}/kinect.mkv{track}")
        assert [each.name for each in source.cameras] == ["DEPTH"]
        np.testing.assert_array_equal([moment.depths[0] for moment in source], depth / 2)
        assert "also has the tracks IR (gray16le)" in source.left_out[0]
    for track in ("IR", "0"):
        with pytest.raises(UserError, match=rf"DEPTH \(gray16le\), {track} is not depth"):
            open_source(f"{tmp_path}/kinect.mkv?track={track}")
    with pytest.raises(UserError, match=r"no track 'COLOR'; it has IR \(gray16le\), DEPTH \(gray16le\)"):
        open_source(f"{tmp_path}/kinect.mkv?track=COLOR")
    write(tmp_path / "two.mkv", {"depth": depth, None: depth + 1})
    with pytest.raises(UserError, match=r"depth \(gray16le\), track 1 \(gray16le\); take one by \?track="):
        open_source(tmp_path / "two.mkv")


def test_videos_for_eyes_and_other_files_are_refused(tmp_path: Path, depth: np.ndarray) -> None:
    write(tmp_path / "eyes.mkv", {None: depth}, pixels="yuv420p")
    with pytest.raises(
        UserError, match=r"tracks track 0 \(yuv420p\), none of them depth: that is 16-bit grey"
    ):
        open_source(tmp_path / "eyes.mkv")
    (tmp_path / "text.mkv").write_text("no video")
    with pytest.raises(UserError, match=r"text.mkv is no video \(Invalid data"):
        open_source(tmp_path / "text.mkv")
    with pytest.raises(UserError, match=r"cannot read .*missing.mkv"):
        open_source(tmp_path / "missing.mkv")
