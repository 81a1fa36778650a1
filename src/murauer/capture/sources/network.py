"""Depth from another program or machine, over ZeroMQ; docs/sources.md describes the messages.

A message tells everything about itself, so that a receiver may come and go at any time. Old ones are dropped,
never queued: who looks at a hand wants to see where it is, not where it was.
"""

import io
import json
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import zmq
from numpy.typing import NDArray
from PIL import Image

from murauer.capture.camera_file import CaptureCamera, camera_document, parse_cameras
from murauer.capture.sources.source import Source, SourceFrame, check_positive
from murauer.errors import UserError
from murauer.foreign.documents import convert_json, parse_json
from murauer.foreign.images import read_image
from murauer.foreign.limits import MOST_PIXELS

VERSION = 1
QUEUE = 2
"""Messages kept at most between sender and receiver, on each side."""

MOST_HEADER = 2**20
"""Bytes of a header."""

MOST_DRAINED = 64
"""Messages passed over at a time for newer ones; whoever sends faster than they are read would never end."""

Encoding = Literal["raw", "png"]

_Message = tuple[tuple[CaptureCamera, ...], int, SourceFrame]
"""Cameras, number, and what they saw."""


class _Header(msgspec.Struct):
    """What a message tells about itself."""

    murauer: int
    encoding: str
    sequence: Annotated[int, msgspec.Meta(ge=0, le=2**62)]
    time_s: Annotated[float, msgspec.Meta(gt=-1e12, lt=1e12)]
    cameras: msgspec.Raw


class NetworkSource(Source):
    """Receives what `Publisher`, or any program in any language, sends.

    Args:
        address: `//HOST:PORT` of the sender.
        timeout: Seconds to wait for a message, the first as well as the next.

    Raises:
        UserError: The address is none, or nothing comes in time.
    """

    live = True

    def __init__(self, address: str, *, timeout: float = 5.0) -> None:
        self._where = f"tcp:{address}"
        check_positive(timeout, f"the timeout of {self._where}")
        self._timeout = timeout
        self._socket: Any = zmq.Context.instance().socket(zmq.SUB)
        self._socket.setsockopt(zmq.RCVHWM, QUEUE)
        self._socket.setsockopt(zmq.MAXMSGSIZE, 2 * MOST_PIXELS)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.SUBSCRIBE, b"")
        try:
            self._socket.connect(self._where)
            self._first: _Message | None = self._receive()
        except zmq.ZMQError as error:
            self.close()
            raise UserError(f"cannot listen to {self._where}: {error}; write tcp://HOST:PORT") from error
        except UserError:
            self.close()
            raise
        self.cameras = self._first[0]

    def __iter__(self) -> Iterator[SourceFrame]:
        """Give the frames as they come; see `Source`."""
        before = None
        cameras, sequence, frame = self._first or self._receive()
        self._first = None  # who begins anew later wants none of old
        while True:
            if camera_document(cameras) != camera_document(self.cameras):
                raise UserError(f"{self._where}: the cameras have changed; open it again")
            lost = 0 if before is None else max(0, sequence - before - 1)
            yield SourceFrame(frame.time_s, frame.depths, lost)
            before = sequence
            cameras, sequence, frame = self._receive()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _receive(self) -> _Message:
        if not self._socket.poll(1000 * self._timeout):
            raise UserError(
                f"{self._where} sent nothing for {self._timeout:g} s; is the program there running?"
            )
        parts = self._socket.recv_multipart()
        for _ in range(MOST_DRAINED):  # the newest; what is older would only add to the delay
            if not self._socket.poll(0):
                break
            parts = self._socket.recv_multipart()
        return decode(parts, self._where)


class Publisher:
    """Sends frames to all that listen; a context manager.

    Args:
        cameras: That the images are from, as in a camera file: depth_scale is that of the images sent.
        address: To send from, such as "tcp://127.0.0.1:5555"; "tcp://0.0.0.0:5555" for other machines.
        encoding: "raw", or "png" for slower networks.

    Raises:
        UserError: The address cannot be used.
    """

    def __init__(self, cameras: Sequence[CaptureCamera], address: str, encoding: Encoding = "raw") -> None:
        self._cameras, self._encoding, self._sequence = tuple(cameras), encoding, 0
        self._socket: Any = zmq.Context.instance().socket(zmq.PUB)
        self._socket.setsockopt(zmq.SNDHWM, QUEUE)
        self._socket.setsockopt(zmq.LINGER, 0)
        try:
            self._socket.bind(address)
        except zmq.ZMQError as error:
            self._socket.close()
            raise UserError(f"cannot send from {address}: {error}") from error

    def send(self, time_s: float, images: Sequence[NDArray[np.uint16]]) -> None:
        """Send one frame.

        Args:
            time_s: When it was.
            images: Of each camera, in units of its depth_scale, 0 = no measurement, uint16 (H, W).
        """
        self._socket.send_multipart(encode(self._cameras, self._sequence, time_s, images, self._encoding))
        self._sequence += 1

    def __enter__(self) -> "Publisher":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def encode(
    cameras: Sequence[CaptureCamera],
    sequence: int,
    time_s: float,
    images: Sequence[NDArray[np.uint16]],
    encoding: Encoding = "raw",
) -> list[bytes]:
    """Make a message of a frame: a header in JSON, and an image for each camera."""
    header = {
        "murauer": VERSION,
        "sequence": sequence,
        "time_s": time_s,
        "encoding": encoding,
        "cameras": camera_document(cameras),
    }
    return [json.dumps(header).encode(), *(_pack(image, encoding) for image in images)]


def decode(parts: Sequence[bytes], where: str) -> _Message:
    """Read a message: its cameras, its number and what they saw.

    Raises:
        UserError: It is not in the documented form.
    """
    fault = f"{where} sends something else than depth (docs/sources.md)"
    if not parts or len(parts[0]) > MOST_HEADER:
        raise UserError(f"{fault}: no header, or one of more than {MOST_HEADER} bytes")
    header = convert_json(parts[0], _Header, fault)
    if header.murauer != VERSION or header.encoding not in ("raw", "png"):
        raise UserError(
            f"{where} sends version {header.murauer} in {header.encoding!r}; expected version {VERSION}, raw "
            "or png"
        )
    cameras = parse_cameras(parse_json(bytes(header.cameras), fault), (), where)
    if len(parts) != 1 + len(cameras):
        raise UserError(f"{where} sends {len(parts) - 1} images of {len(cameras)} cameras")
    depths = tuple(
        _unpack(part, each, header.encoding == "png", where)
        for part, each in zip(parts[1:], cameras, strict=True)
    )
    return cameras, header.sequence, SourceFrame(header.time_s, depths)


def _pack(image: NDArray[np.uint16], encoding: Encoding) -> bytes:
    if encoding == "raw":
        return np.ascontiguousarray(image, "<u2").tobytes()
    file = io.BytesIO()
    Image.fromarray(np.asarray(image, np.uint16)).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _unpack(data: bytes, each: CaptureCamera, png: bool, where: str) -> NDArray[np.float32]:
    """Depth in mm, (H, W)."""
    width, height, image = each.camera.width, each.camera.height, f"{where}, camera {each.name}: the image"
    if png:
        units = read_image(io.BytesIO(data), image, ("PNG",), "see docs/sources.md", (width, height))[1]
    elif len(data) != 2 * width * height:
        raise UserError(f"{image} has {len(data)} bytes, not those of 16 bits of {height} x {width}")
    else:
        units = np.frombuffer(data, "<u2").reshape(height, width)
    if units.shape != (height, width) or units.dtype.kind not in "ui":
        raise UserError(f"{image} is {units.dtype} {units.shape}, not 16 bits of {height} x {width}")
    return units.astype(np.float32) * np.float32(each.depth_scale or 1.0)
