"""Depth in a lossless video: 16-bit grey in FFV1, as ffmpeg makes it; one stream for each camera."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from murauer.capture.depth import read_frame
from murauer.capture.sources.camera_option import choose_cameras
from murauer.capture.sources.source import Source, SourceFrame, skip_unreadable
from murauer.errors import UserError

GREY = ("gray16le", "gray16be")
"""Pixel formats that hold depth; what is meant for eyes has lost it."""


class VideoSource(Source):
    """A video whose grey values are depth.

    Args:
        address: The file. Streams belong to the cameras in the order of the camera file.
        camera: Name of a camera, or camera file; by default the `camera.json` beside the file.
        depth_scale: Millimetres per unit; by default that of the camera file, or 1.

    Raises:
        UserError: PyAV is not installed, the file is no such video, or it is not known which cameras took it.
    """

    def __init__(self, address: str, *, camera: str | None = None, depth_scale: float | None = None) -> None:
        self.path = Path(address)
        self._av = _import_av()
        with self._open() as file:
            streams = file.streams.video
            formats = [stream.codec_context.pix_fmt for stream in streams]
            if not formats or any(name not in GREY for name in formats):
                raise UserError(
                    f"{self.path} has the pixels {', '.join(map(str, formats)) or 'of no video'}; depth "
                    "needs 16-bit grey without loss: ffmpeg ... -c:v ffv1 -pix_fmt gray16le"
                )
            names = [stream.metadata.get("title") for stream in streams]
            if len(streams) == 1 and names[0] is None:
                names = [self.path.stem]
            if None in names:
                raise UserError(f"{self.path} has several streams; give each its camera's name as title")
            self.cameras = choose_cameras(camera, self.path.parent, names, depth_scale)
            self._order = [names.index(each.name) for each in self.cameras]
            for index, each in zip(self._order, self.cameras, strict=True):
                each.camera.for_image(streams[index].width, streams[index].height)
            self.rate = None if streams[0].average_rate is None else float(streams[0].average_rate)

    def __iter__(self) -> Iterator[SourceFrame]:
        """Give the moments of the video from its beginning, without blank ones; see `Source`."""
        return skip_unreadable(partial(self._moment, frames) for frames in self._frames())

    def _frames(self) -> Iterator[list[Any]]:
        """Decode one frame of each camera after the other."""
        with self._open() as file:
            waiting: list[list[Any]] = [[] for _ in self.cameras]
            try:
                for packet in file.demux(video=self._order):
                    waiting[self._order.index(packet.stream_index)].extend(packet.decode())
                    while all(waiting):
                        yield [frames.pop(0) for frames in waiting]
            except self._av.error.FFmpegError as error:
                raise UserError(f"{self.path} is damaged ({error}); the frames before are good") from error

    def _moment(self, frames: list[Any]) -> SourceFrame:
        time_s = float(frames[0].time or 0.0)
        try:
            depths = tuple(
                read_frame(frame.to_ndarray(), each.camera, each.depth_scale or 1.0, None).astype(np.float32)
                for frame, each in zip(frames, self.cameras, strict=True)
            )
        except UserError as error:
            raise UserError(f"{self.path}, at {time_s:.3f} s: {error}") from error
        return SourceFrame(time_s, depths)

    def _open(self) -> Any:
        try:
            return self._av.open(str(self.path))
        except (OSError, self._av.error.FFmpegError) as error:
            raise UserError(f"cannot read {self.path}: {error.strerror or error}") from error


def _import_av() -> Any:
    try:
        import av  # extra
    except ImportError as error:
        raise UserError("depth in videos needs PyAV; pip install 'murauer[video]'") from error
    return av
