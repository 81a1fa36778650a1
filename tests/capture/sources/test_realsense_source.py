"""RealSense recordings, made by the SDK's software device in place of hardware."""

import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from murauer.capture.sources import open_source
from murauer.errors import UserError
from murauer.geometry.camera import Camera
from murauer.geometry.distortion import PINHOLE, project

rs = pytest.importorskip("pyrealsense2", reason="pyrealsense2, of the extra 'realsense', is not installed")

from murauer.capture.sources.realsense import common_time_s, lens_of  # noqa: E402  needs the SDK


def record(
    path: Path,
    times_ms: list[float],
    numbers: list[int],
    lens: tuple[str, list[float]] = ("brown_conrady", [0.0] * 5),
    clock: str = "global_time",
    arrive_ms: float | None = None,
) -> Path:
    """Make a file of a device of 0.5 mm a unit; the depth of a frame is 1000 units and its place."""
    device = rs.software_device()
    sensor = device.add_sensor("Depth")
    stream = rs.video_stream()
    stream.type, stream.index, stream.uid, stream.fmt = rs.stream.depth, 0, 1, rs.format.z16
    stream.width, stream.height, stream.fps, stream.bpp = 64, 48, 30, 2
    stream.intrinsics = intrinsics_of(*lens)
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
    for index, (time_ms, number) in enumerate(zip(times_ms, numbers, strict=True)):
        frame = rs.software_video_frame()
        frame.pixels, frame.stride, frame.bpp = np.full((48, 64), 1000 + index, np.uint16), 128, 2
        frame.timestamp, frame.domain = time_ms, rs.timestamp_domain.__members__[clock]
        frame.frame_number, frame.profile = number, profile.as_video_stream_profile()
        if arrive_ms is not None:
            sensor.set_metadata(rs.frame_metadata_value.time_of_arrival, int(time_ms + arrive_ms))
        sensor.on_video_frame(frame)
        time.sleep(0.05)  # the recorder drops what comes at once
    recorded.stop()
    recorded.close()
    return path


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six frames; two were lost behind the third."""
    times = [5000 + 100.0 * index for index in range(6)]
    folder = tmp_path_factory.mktemp("realsense")
    return record(folder / "hand.db3", times, [10, 11, 12, 15, 16, 17], clock="hardware_clock")


def test_capture_gives_depth_unit_calibration_and_losses(recorded: Path) -> None:
    with open_source(recorded) as source:
        assert not source.live and source.rate == 30
        (each,) = source.cameras
        assert each.camera == Camera(61.0, 62.0, 31.0, 23.0, 64, 48)
        assert each.depth_scale == 0.5 and each.distortion.is_pinhole
        moments = list(source)
    assert [float(moment.depths[0].max()) for moment in moments] == [500, 500.5, 501, 501.5, 502, 502.5]
    assert [moment.dropped for moment in moments] == [0, 0, 0, 2, 0, 0]
    assert [moment.time_s for moment in moments] == pytest.approx([5, 5.1, 5.2, 5.3, 5.4, 5.5])


SR300 = [0.13, 0.08, 0.004, 0.0045, 0.07]
"""Of the size that the depth lens of an SR300 has."""


def intrinsics_of(model: str, coefficients: list[float]) -> "rs.intrinsics":
    intrinsics = rs.intrinsics()
    intrinsics.width, intrinsics.height = 64, 48
    intrinsics.fx, intrinsics.fy, intrinsics.ppx, intrinsics.ppy = 61.0, 62.0, 31.0, 23.0
    intrinsics.model, intrinsics.coeffs = rs.distortion.__members__[model], coefficients
    return intrinsics


@pytest.mark.parametrize("model", ["brown_conrady", "inverse_brown_conrady", "kannala_brandt4"])
def test_lens_shows_rays_where_the_sdk_has_them(model: str) -> None:
    intrinsics = intrinsics_of(model, SR300)
    pixels = [(u, v) for u in range(0, 64, 3) for v in range(0, 48, 3)]
    points = np.array([rs.rs2_deproject_pixel_to_point(intrinsics, pixel, 700.0) for pixel in pixels])
    camera = Camera(61.0, 62.0, 31.0, 23.0, 64, 48)
    without = np.abs(project(points, camera, PINHOLE)[:, :2] - pixels).max()
    assert without > 2  # pixels
    assert np.abs(project(points, camera, lens_of(intrinsics))[:, :2] - pixels).max() < 0.1


def test_lens_that_the_sdk_cannot_undo_is_refused() -> None:
    with pytest.raises(UserError, match=r"its lens, modified_brown_conrady 0.13, .* cannot be undone"):
        lens_of(intrinsics_of("modified_brown_conrady", SR300))
    assert lens_of(intrinsics_of("modified_brown_conrady", [0.0] * 5)).is_pinhole


def test_two_devices_give_what_they_saw_at_nearly_the_same_time(tmp_path: Path) -> None:
    times = [1000 + 33.0 * index for index in range(5)]
    front = record(tmp_path / "front.db3", times, list(range(5)))
    late = [time + 9 for time in times[2:]]
    side = record(tmp_path / "side.db3", late, list(range(3)), ("inverse_brown_conrady", SR300))
    with open_source(f"{front},{side}") as source:
        assert [each.name for each in source.cameras] == ["front", "side"] and not source.live
        assert [each.distortion.is_pinhole for each in source.cameras] == [True, False]
        moments = list(source)
    depths = [[float(depth[0, 0]) for depth in moment.depths] for moment in moments]
    assert depths == [[501.0, 500.0], [501.5, 500.5], [502.0, 501.0]]
    assert [moment.time_s for moment in moments] == pytest.approx([1.066, 1.099, 1.132])
    assert [moment.dropped for moment in moments] == [0, 0, 0]


def test_devices_with_clocks_of_their_own_are_put_together_by_arrival(tmp_path: Path) -> None:
    times = [33.0 * index for index in range(3)]
    front = record(tmp_path / "a.db3", times, [0, 1, 2], clock="hardware_clock", arrive_ms=7000)
    later = [time + 4000 for time in times]
    side = record(tmp_path / "b.db3", later, [0, 1, 2], clock="hardware_clock", arrive_ms=3005)
    with open_source(f"{front},{side}") as source:
        assert [moment.time_s for moment in source] == pytest.approx([7.0, 7.033, 7.066])


def test_device_without_any_common_clock_is_refused() -> None:
    frame = SimpleNamespace(
        get_frame_timestamp_domain=lambda: rs.timestamp_domain.hardware_clock,
        supports_frame_metadata=lambda _: False,
    )
    with pytest.raises(UserError, match="one device at a time"):
        common_time_s(frame)


@pytest.mark.parametrize("address", ["1,1", "1,", "1,a.bag", "x/a.bag,y/a.bag"])
def test_devices_must_have_names_of_their_own(address: str) -> None:
    with pytest.raises(UserError, match="either devices or files, each with its own name"):
        open_source(f"realsense:{address}")


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read nowhere.bag: there is no such file"):
        open_source("nowhere.bag")
    (tmp_path / "text.bag").write_text("no recording")
    with pytest.raises(UserError, match=r"cannot open .*text.bag"):
        open_source(tmp_path / "text.bag")
    if not len(rs.context().query_devices()):
        with pytest.raises(UserError, match="cannot open the RealSense camera: No device connected"):
            open_source("realsense:")
