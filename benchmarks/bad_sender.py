"""A camera that sends over the network, and that stalls, starts again, and sends nonsense."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

import zmq
from numbered_frames import NumberedFrames

from murauer.capture.sources.network import encode

TIMEOUT_S = 2.0
"""After which the receiver gives up."""

NONSENSE: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "no message": lambda parts: [b""],
    "random bytes": lambda parts: [random.Random(len(parts)).randbytes(500)] * 3,
    "half of an image": lambda parts: [parts[0], parts[1][: len(parts[1]) // 2]],
    "no image": lambda parts: parts[:1],
    "two images": lambda parts: [*parts, parts[1]],
    "a PNG that is none": lambda parts: [parts[0].replace(b'"raw"', b'"png"'), parts[1]],
    "another version": lambda parts: [parts[0].replace(b'"murauer": 1', b'"murauer": 7'), parts[1]],
    "a time that is none": lambda parts: [parts[0].replace(b'"time_s": ', b'"time_s": -1e999'), parts[1]],
    "a header without end": lambda parts: [b"[" * 100_000, parts[1]],
}
"""Messages that are none, made of the parts of one."""


class BadSender:
    """Sends numbered frames.

    Args:
        frames: What it sends.
        rate: Frames a second.
        seed: Of what goes wrong when.

    Attributes:
        address: That the receiver listens to.
        times: When the frames were, in seconds by the sender's clock, by their numbers.
        noise: Numbers of frames that show nothing but noise.
        incidents: How often what went wrong.
    """

    def __init__(self, frames: NumberedFrames, rate: float, seed: int) -> None:
        self._frames, self._rate, self._random = frames, rate, random.Random(seed)
        self._socket = _socket()
        self._socket.bind("tcp://127.0.0.1:*")
        self.address = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self.times: dict[int, float] = {}
        self.noise: set[int] = set()
        self.incidents: Counter[str] = Counter()
        self._sequence = 0

    async def send(self, seconds: float, between_s: float) -> None:
        """Send, and have something go wrong every now and then: all that can, in one order after the other.

        Args:
            seconds: How long.
            between_s: From one thing to the next.
        """
        until = time.monotonic() + seconds
        troubles: list[str] = []
        while time.monotonic() < until:
            await self.well(between_s)
            troubles = troubles or self._random.sample(list(TROUBLES), len(TROUBLES))
            await self.trouble(troubles.pop())
        await self.well(between_s)

    async def trouble(self, name: str) -> None:
        """Have something go wrong."""
        self.incidents[name] += 1
        await TROUBLES[name](self)

    async def well(self, seconds: float) -> None:
        """Send frames as a camera does."""
        for _ in range(round(seconds * self._rate)):
            self._send_frame()
            await asyncio.sleep(1 / self._rate)

    async def pause(self, share: float) -> None:
        """Send nothing for a share of the time after which the receiver gives up."""
        await asyncio.sleep(share * TIMEOUT_S)

    async def restart(self) -> None:
        """End, and begin anew with another clock."""
        self._socket.close()
        await asyncio.sleep(self._random.uniform(0, 2) * TIMEOUT_S)
        self._socket, self._sequence = _socket(), 0
        while True:
            try:
                return self._socket.bind(self.address)
            except zmq.ZMQError:  # the old one is not gone yet
                await asyncio.sleep(0.05)

    async def send_nonsense(self, name: str) -> None:
        """Send a message that is none; frames follow at once, or when it was taken."""
        self._socket.send_multipart(NONSENSE[name](self._message()))
        await asyncio.sleep(self._random.choice([0, 1]))

    async def show_noise(self) -> None:
        """Send images that no camera makes."""
        for _ in range(3):
            self.noise.add(len(self.times))
            self._send_frame()
            await asyncio.sleep(1 / self._rate)

    async def turn_back(self) -> None:
        """Have the clock be wrong."""
        self._sequence = max(0, self._sequence - 50)

    async def change_camera(self) -> None:
        """Send a frame of another camera."""
        camera = replace(self._frames.cameras[0].camera, fx=300.0)
        other = (replace(self._frames.cameras[0], camera=camera),)
        self._socket.send_multipart(encode(other, self._sequence, 0.0, [self._frames.image(0)]))
        await asyncio.sleep(1)

    def _send_frame(self) -> None:
        number = len(self.times)
        self.times[number] = self._sequence / self._rate
        self._socket.send_multipart(self._message())
        self._sequence += 1

    def _message(self) -> list[bytes]:
        number = max(self.times, default=0)
        make = self._frames.noise if number in self.noise else self._frames.image
        return encode(self._frames.cameras, self._sequence, self._sequence / self._rate, [make(number)])


TROUBLES: dict[str, Callable[[BadSender], Awaitable[None]]] = {
    "pause": lambda sender: sender.pause(0.5),
    "stall": lambda sender: sender.pause(2),
    "restart": BadSender.restart,
    "noise": BadSender.show_noise,
    "wrong clock": BadSender.turn_back,
    "other camera": BadSender.change_camera,
    **{name: partial(BadSender.send_nonsense, name=name) for name in NONSENSE},
}


def _socket() -> zmq.Socket[bytes]:
    socket = zmq.Context.instance().socket(zmq.PUB)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.SNDHWM, 2)
    return socket
