"""Intel RealSense cameras, and the files that their tools record: .bag, and .db3 of newer SDKs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from murauer.camera import Camera
from murauer.data.camera_file import RecordingCamera
from murauer.distortion import PINHOLE, Distortion
from murauer.errors import UserError
from murauer.sources.source import Moment, Source

FILES = (".bag", ".db3")

WAIT_MS = 5000
"""For a frame of a device, which needs a second or two to start."""

FILE_WAIT_MS = 1000
"""For a frame of a file; none then means its end."""


class RealSenseSource(Source):
    """The depth of one device, with the calibration and the unit that it tells.

    Args:
        address: A `.bag` or `.db3` file, or the serial number of a device; nothing for the first device.
        width: Of the images in pixels; by default what the device or the file has.
        height: Likewise.
        rate: Moments a second; likewise.

    Raises:
        UserError: pyrealsense2 is not installed, there is no such file or device, or it does not give such
            images.
    """

    def __init__(self, address: str = "", *, width: int = 0, height: int = 0, rate: int = 0) -> None:
        rs = self._rs = _import_realsense()
        self.live = Path(address).suffix not in FILES
        self._where = address or "the RealSense camera"
        config = rs.config()
        if not self.live:
            if not Path(address).is_file():
                raise UserError(f"cannot read {address}: there is no such file")
            config.enable_device_from_file(address, repeat_playback=False)
        elif address:
            config.enable_device(address)
        config.enable_stream(rs.stream.depth, -1, width, height, rs.format.z16, rate)
        self._pipeline = rs.pipeline(rs.context())
        try:
            profile = self._pipeline.start(config)
        except RuntimeError as error:
            raise UserError(f"cannot open {self._where}: {error}") from error
        if not self.live:
            profile.get_device().as_playback().set_real_time(False)
        stream = profile.get_stream(rs.stream.depth).as_video_stream_profile()
        metres = profile.get_device().first_depth_sensor().get_depth_scale()
        self.cameras = (_camera(stream.get_intrinsics(), round(1000 * metres, 6), rs),)  # the SDK has float32
        self.rate = float(stream.fps())

    def __iter__(self) -> Iterator[Moment]:
        """Give the moments as they come; see `Source`."""
        before = None
        while True:
            found, frames = self._pipeline.try_wait_for_frames(WAIT_MS if self.live else FILE_WAIT_MS)
            if not found:
                if self.live:
                    raise UserError(f"{self._where} gave nothing for {WAIT_MS / 1000:g} s; is it plugged in?")
                return  # the end of the file
            frame = frames.get_depth_frame()
            if frame:
                yield moment_of(frame, self.cameras[0], before)
                before = frame.get_frame_number()

    def close(self) -> None:
        """Stop the device."""
        self._pipeline.stop()


def moment_of(frame: Any, camera: RecordingCamera, before: int | None) -> Moment:
    """Take the depth out of a frame of the SDK.

    Args:
        frame: `rs.depth_frame`.
        camera: that took it.
        before: number of the last frame that was had; None if there was none.
    """
    depth = np.asanyarray(frame.get_data()).astype(np.float32) * np.float32(camera.depth_scale or 1.0)
    dropped = 0 if before is None else max(0, frame.get_frame_number() - before - 1)
    return Moment(frame.get_timestamp() / 1000, (depth,), dropped)


def _camera(intrinsics: Any, depth_scale: float, rs: Any) -> RecordingCamera:
    """The camera of a stream. Depth is rectified in nearly all devices; the SDK says so by zeros."""
    size = (intrinsics.width, intrinsics.height)
    camera = Camera(intrinsics.fx, intrinsics.fy, intrinsics.ppx, intrinsics.ppy, *size)
    distortion = PINHOLE
    if any(intrinsics.coeffs) and intrinsics.model == rs.distortion.brown_conrady:
        distortion = Distortion(*intrinsics.coeffs)  # k1, k2, p1, p2, k3: OpenCV's
    return RecordingCamera("depth", camera, distortion, depth_scale)


def _import_realsense() -> Any:
    try:
        import pyrealsense2
    except ImportError as error:
        raise UserError("RealSense cameras need pyrealsense2; pip install 'murauer[realsense]'") from error
    return pyrealsense2
