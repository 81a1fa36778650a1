"""Intel RealSense cameras, and the files that their tools record: .bag, and .db3 of newer SDKs."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyrealsense2 as rs
from numpy.typing import NDArray

from murauer.capture.camera_file import CaptureCamera
from murauer.capture.sources.nearest import nearest_in_time
from murauer.capture.sources.source import Source, SourceFrame
from murauer.errors import UserError
from murauer.geometry.camera import Camera
from murauer.geometry.distortion import PINHOLE, Distortion, fit_distortion

FILES = (".bag", ".db3")

WAIT_MS = 5000
"""For a frame of a device, which needs a second or two to start."""

FILE_WAIT_MS = 1000
"""For a frame of a file; none then means its end."""


LENS_ERROR_PX = 0.5
"""Depth is moved by whole pixels: a lens that is known better than by half a one is known."""


class RealSenseSource(Source):
    """The depth of devices, with the calibration and the unit that they tell.

    Args:
        address: A `.bag` or `.db3` file, or the serial number of a device; nothing for the first device.
            Several, with commas between them, are cameras of these names, and what they see at nearly the
            same time is one frame.
        width: Of the images in pixels; by default what the device or the file has.
        height: Likewise.
        rate: Frames a second; likewise.

    Raises:
        UserError: There is no such file or device, it does not give such
            images, or its lens cannot be undone.
    """

    def __init__(self, address: str = "", *, width: int = 0, height: int = 0, rate: int = 0) -> None:
        addresses = [address] if Path(address).exists() else address.split(",")
        names = [Path(each).stem for each in addresses] if len(addresses) > 1 else ["depth"]
        if "" in names or len(set(names)) < len(names) or len({_is_file(each) for each in addresses}) > 1:
            raise UserError(f"realsense:{address} must be either devices or files, each with its own name")
        self._devices: list[_Device] = []
        try:
            for each, name in zip(addresses, names, strict=True):
                self._devices.append(_Device(each, name, width, height, rate))
        except BaseException:
            self.close()
            raise
        self.live = self._devices[0].live
        self.cameras = tuple(device.camera for device in self._devices)
        self.rate = self._devices[0].rate

    def __iter__(self) -> Iterator[SourceFrame]:
        """Give the frames as they come; see `Source`."""
        if len(self._devices) == 1:
            return self._devices[0].frames(_time_s)
        streams = [device.frames(common_time_s) for device in self._devices]
        return nearest_in_time(streams, 1 / self._devices[0].rate)

    def close(self) -> None:
        """Stop the devices."""
        for device in self._devices:
            device.close()


class _Device:
    """One device, or a file of one, that is running."""

    def __init__(self, address: str, name: str, width: int, height: int, rate: int) -> None:
        self.live = not _is_file(address)
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
        self._device = profile.get_device()  # kept: the SDK may abort without, when a file is stopped
        if not self.live:
            self._device.as_playback().set_real_time(False)
        stream = profile.get_stream(rs.stream.depth).as_video_stream_profile()
        metres = self._device.first_depth_sensor().get_depth_scale()
        try:  # the SDK has float32
            self.camera = _camera(name, stream.get_intrinsics(), round(1000 * metres, 6))
        except UserError as error:
            self.close()
            raise UserError(f"{self._where}: {error}") from error
        self.rate = float(stream.fps())

    def frames(self, time_s: Callable[[Any], float]) -> Iterator[SourceFrame]:
        """Give the frames as they come, with their times."""
        before = None
        while True:
            found, frames = self._pipeline.try_wait_for_frames(WAIT_MS if self.live else FILE_WAIT_MS)
            if not found:
                if self.live:
                    raise UserError(f"{self._where} gave nothing for {WAIT_MS / 1000:g} s; is it plugged in?")
                return  # the end of the file
            frame = frames.get_depth_frame()
            if frame:
                dropped = 0 if before is None else max(0, frame.get_frame_number() - before - 1)
                yield SourceFrame(time_s(frame), (_depth(frame, self.camera),), dropped)
                before = frame.get_frame_number()

    def close(self) -> None:
        """Stop the device."""
        self._pipeline.stop()


def _is_file(address: str) -> bool:
    return Path(address).suffix in FILES


def _depth(frame: Any, camera: CaptureCamera) -> NDArray[np.float32]:
    """Depth in mm, (H, W)."""
    return np.asanyarray(frame.get_data()).astype(np.float32) * np.float32(camera.depth_scale or 1.0)


def _time_s(frame: Any) -> float:
    """When a frame was taken, by the best clock that its device has."""
    return float(frame.get_timestamp()) / 1000


def common_time_s(frame: Any) -> float:
    """Say when a frame was taken by the computer's clock, or arrived, if its device has only its own clock.

    Args:
        frame: `rs.depth_frame`.

    Raises:
        UserError: Neither is known.
    """
    if frame.get_frame_timestamp_domain() != rs.timestamp_domain.hardware_clock:
        return _time_s(frame)
    arrival = rs.frame_metadata_value.time_of_arrival
    if not frame.supports_frame_metadata(arrival):
        raise UserError(
            "a RealSense device says neither by the computer's clock when frames are taken, nor when they "
            "arrived; record one device at a time"
        )
    return float(frame.get_frame_metadata(arrival)) / 1000


def _camera(name: str, intrinsics: Any, depth_scale: float) -> CaptureCamera:
    """The camera of a stream."""
    size = (intrinsics.width, intrinsics.height)
    camera = Camera(intrinsics.fx, intrinsics.fy, intrinsics.ppx, intrinsics.ppy, *size)
    return CaptureCamera(name, camera, lens_of(intrinsics), depth_scale)


def lens_of(intrinsics: Any) -> Distortion:
    """Say what the lens of a stream does, in our coefficients.

    Depth is rectified in most devices, which say so by zeros; in an SR300 it is not.

    Args:
        intrinsics: `rs.intrinsics`.

    Raises:
        UserError: It is none that the SDK can undo, or none that our coefficients can stand for.
    """
    model = intrinsics.model
    if model == rs.distortion.none or not any(intrinsics.coeffs):
        return PINHOLE
    if model == rs.distortion.brown_conrady:
        return Distortion(*intrinsics.coeffs)  # k1, k2, p1, p2, k3: OpenCV's
    error_px = np.inf
    if model in (rs.distortion.inverse_brown_conrady, rs.distortion.ftheta, rs.distortion.kannala_brandt4):
        v, u = np.mgrid[: intrinsics.height - 1 : 24j, : intrinsics.width - 1 : 32j]
        pixels = np.stack((u, v), axis=-1).reshape(-1, 2)
        middle, focal = (intrinsics.ppx, intrinsics.ppy), (intrinsics.fx, intrinsics.fy)
        rays = np.array([rs.rs2_deproject_pixel_to_point(intrinsics, each, 1.0) for each in pixels.tolist()])
        lens = fit_distortion(rays[:, :2], (pixels - middle) / focal)
        error_px = np.abs(lens.distort(rays[:, :2]) * focal + middle - pixels).max()
    if not error_px <= LENS_ERROR_PX:
        coefficients = ", ".join(f"{each:g}" for each in intrinsics.coeffs)
        raise UserError(
            f"its lens, {model.name} {coefficients}, cannot be undone; calibrate it in OpenCV's terms and "
            "send its depth over the network, see docs/sources.md"
        )
    return lens
