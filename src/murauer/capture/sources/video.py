"""Depth in a lossless video: 16-bit grey, one track for each camera.

ffmpeg makes such videos (FFV1), and so do recorders of cameras: those of the Azure Kinect also hold its
colour and infrared images. Infrared is 16-bit grey, too, and would look like depth; it is known by its title.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import av
import av.error

from murauer.capture.depth import read_stored
from murauer.capture.sources.camera_option import choose_cameras
from murauer.capture.sources.source import Source, SourceFrame, skip_unreadable
from murauer.errors import UserError
from murauer.foreign.limits import check_pixels, reading, reason

GREY = ("gray16le", "gray16be")
"""Pixel formats that hold depth; what is meant for eyes has lost it."""

NO_DEPTH = ("ir", "infrared", "amplitude", "intensity", "confidence")
"""Titles of tracks of grey values that are no depth, in small letters."""

OPTIONS = {"protocol_whitelist": "file", "format_whitelist": "matroska,webm,mov,mp4,avi,nut"}
"""A file is read as a video alone: ffmpeg also knows play lists, which name other files and addresses."""


@dataclass(frozen=True)
class Track:
    """What a video holds for one camera.

    Attributes:
        index: Its place among the tracks, from 0.
        title: None if it has none.
        pixels: Their format, as ffmpeg calls it.
    """

    index: int
    title: str | None
    pixels: str

    @property
    def is_depth(self) -> bool:
        """Whether its values can be depth."""
        words = re.split("[^a-z]+", (self.title or "").lower())
        return self.pixels in GREY and not set(words) & set(NO_DEPTH)

    def __str__(self) -> str:
        return f"{self.title or f'track {self.index}'} ({self.pixels})"


class VideoSource(Source):
    """A video whose grey values are depth.

    Args:
        address: The file. Tracks belong to the cameras that have the names of their titles.
        camera: Name of a camera, or camera file; by default the `camera.json` beside the file.
        depth_scale: Millimetres per unit; by default that of the camera file, or 1.
        track: Title or number, from 0, of the only one to take; by default all that can be depth.

    Raises:
        UserError: The file is no such video, or it is not known which cameras took it.
    """

    def __init__(
        self,
        address: str,
        *,
        camera: str | None = None,
        depth_scale: float | None = None,
        track: str | None = None,
    ) -> None:
        self.path = Path(address)
        with reading(self.path, mend="record or copy it again"), self._open() as file:
            streams = file.streams.video
            tracks = [
                Track(index, stream.metadata.get("title"), str(stream.codec_context.pix_fmt))
                for index, stream in enumerate(streams)
            ]
            for stream in streams:
                check_pixels(stream.width, stream.height, self.path)
            taken = self._choose(tracks, track)
            if others := [str(each) for each in tracks if each not in taken]:
                self.left_out.append(f"{self.path} also has the tracks {', '.join(others)}")
            titles = {each.title or self.path.stem: each.index for each in taken}
            if len(titles) < len(taken) or (len(taken) > 1 and any(each.title is None for each in taken)):
                raise UserError(
                    f"{self.path} has the tracks {_list(tracks)}; take one by ?track= and its number from 0, "
                    "or give each the name of its camera as title"
                )
            self.cameras = choose_cameras(camera, self.path.parent, list(titles), depth_scale)
            self._order = [titles[each.name] for each in self.cameras]
            self.cameras = tuple(
                each.for_image(streams[index].width, streams[index].height)
                for index, each in zip(self._order, self.cameras, strict=True)
            )
            rate = streams[self._order[0]].average_rate
            self.rate = None if rate is None else float(rate)

    def _choose(self, tracks: Sequence[Track], wanted: str | None) -> list[Track]:
        """The tracks to take: that which is asked for, or all that can be depth."""
        if not tracks:
            raise UserError(f"{self.path} holds no video")
        if wanted is None:
            taken = [each for each in tracks if each.is_depth]
        else:
            taken = [
                each for each in tracks if wanted.lower() in ((each.title or "").lower(), str(each.index))
            ]
            if not taken:
                raise UserError(f"{self.path} has no track {wanted!r}; it has {_list(tracks)}")
        if not taken or not taken[0].is_depth:
            which = "none of them" if wanted is None else f"{wanted} is not"
            raise UserError(
                f"{self.path} has the tracks {_list(tracks)}, {which} depth: that is 16-bit grey without "
                "loss (ffmpeg ... -c:v ffv1 -pix_fmt gray16le), and no infrared"
            )
        return taken

    def __iter__(self) -> Iterator[SourceFrame]:
        """Give the frames of the video from its beginning, without blank ones; see `Source`."""
        reads = (partial(self._frame, frames) for frames in self._frames())
        return skip_unreadable(reads, self.left_out)

    def _frames(self) -> Iterator[list[Any]]:
        """Decode one frame of each camera after the other."""
        with self._open() as file:
            streams = [file.streams.video[index] for index in self._order]
            order = [stream.index for stream in streams]  # among all of the file, sound included
            waiting: list[list[Any]] = [[] for _ in self.cameras]
            try:
                for packet in file.demux(*streams):
                    waiting[order.index(packet.stream.index)].extend(packet.decode())
                    while all(waiting):
                        yield [frames.pop(0) for frames in waiting]
            except Exception as error:  # ffmpeg's, and PyAV's own of damaged texts and tracks
                raise UserError(
                    f"{self.path} is damaged ({reason(error)}); the frames before are good"
                ) from error

    def _frame(self, frames: list[Any]) -> SourceFrame:
        time_s = float(frames[0].time or 0.0)
        depths = tuple(
            read_stored(frame.to_ndarray(), each, f"{self.path}, at {time_s:.3f} s,")
            for frame, each in zip(frames, self.cameras, strict=True)
        )
        return SourceFrame(time_s, depths)

    def _open(self) -> Any:
        with reading(self.path, "is no video", "record or copy it again"):
            return av.open(str(self.path), options=OPTIONS, metadata_errors="replace")


def _list(tracks: Sequence[Track]) -> str:
    return ", ".join(map(str, tracks))
