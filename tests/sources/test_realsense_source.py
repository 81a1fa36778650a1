"""RealSense recordings, made by the SDK's software device in place of hardware."""

import time
from pathlib import Path

import numpy as np
import pytest

from murauer.camera import Camera
from murauer.errors import UserError
from murauer.sources import open_source

rs = pytest.importorskip("pyrealsense2", reason="pyrealsense2, of the extra 'realsense', is not installed")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six frames of a device of 0.5 mm a unit; two were lost behind the third."""
    path = tmp_path_factory.mktemp("realsense") / "hand.db3"
    device = rs.software_device()
    sensor = device.add_sensor("Depth")
    stream = rs.video_stream()
    stream.type, stream.index, stream.uid, stream.fmt = rs.stream.depth, 0, 1, rs.format.z16
    stream.width, stream.height, stream.fps, stream.bpp = 64, 48, 30, 2
    intrinsics = rs.intrinsics()
    intrinsics.width, intrinsics.height = 64, 48
    intrinsics.fx, intrinsics.fy, intrinsics.ppx, intrinsics.ppy = 61.0, 62.0, 31.0, 23.0
    intrinsics.model, intrinsics.coeffs = rs.distortion.brown_conrady, [0.0] * 5
    stream.intrinsics = intrinsics
    profile = sensor.add_video_stream(stream)
    sensor.add_read_only_option(rs.option.depth_units, 0.0005)
    try:
        recorder = rs.recorder(str(path), device)
    except RuntimeError as error:
        pytest.skip(f"this SDK does not record to .db3: {error}")
    recorded = recorder.query_sensors()[0]
    queue = rs.frame_queue(10)
    recorded.open(recorded.get_stream_profiles()[0])
    recorded.start(queue)
    for index, number in enumerate((10, 11, 12, 15, 16, 17)):
        frame = rs.software_video_frame()
        frame.pixels, frame.stride, frame.bpp = np.full((48, 64), 1000 + index, np.uint16), 128, 2
        frame.timestamp, frame.domain = 5000 + 100.0 * index, rs.timestamp_domain.hardware_clock
        frame.frame_number, frame.profile = number, profile.as_video_stream_profile()
        sensor.on_video_frame(frame)
        time.sleep(0.05)  # the recorder drops what comes at once
    recorded.stop()
    recorded.close()
    return path


def test_recording_gives_depth_unit_calibration_and_losses(recorded: Path) -> None:
    with open_source(recorded) as source:
        assert not source.live and source.rate == 30
        (each,) = source.cameras
        assert each.camera == Camera(61.0, 62.0, 31.0, 23.0, 64, 48)
        assert each.depth_scale == 0.5 and each.distortion.is_pinhole
        moments = list(source)
    assert [float(moment.depths[0].max()) for moment in moments] == [500, 500.5, 501, 501.5, 502, 502.5]
    assert [moment.dropped for moment in moments] == [0, 0, 0, 2, 0, 0]
    assert [moment.time_s for moment in moments] == pytest.approx([5, 5.1, 5.2, 5.3, 5.4, 5.5])


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read nowhere.bag: there is no such file"):
        open_source("nowhere.bag")
    (tmp_path / "text.bag").write_text("no recording")
    with pytest.raises(UserError, match=r"cannot open .*text.bag"):
        open_source(tmp_path / "text.bag")
    if not len(rs.context().query_devices()):
        with pytest.raises(UserError, match="cannot open the RealSense camera: No device connected"):
            open_source("realsense:")
