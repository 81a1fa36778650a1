"""Looks at the live page of numbered frames, and sees whether all that is shown is of one frame."""

import asyncio
import io
import random
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from html import unescape

import numpy as np
from bad_sender import BadSender
from numbered_frames import CODES, RING, NumberedFrames, code_in_points, number_in_picture
from page_client import PageClient
from PIL import Image

from murauer.studio.page.page import UNIT_MM

TIME = re.compile(r"(-?\d+\.\d\d) s, \d+ dropped")
CELL = re.compile(r"<td>(-?\d+)</td>")


@dataclass
class Seen:
    """What the clients saw.

    Attributes:
        frames: Looked at, by client.
        last: The last of them.
        hands: Frames with a hand.
        opened: How often each client opened the page.
        ends: Why the source ended, whenever Space was pressed.
        faults: What was not of one frame, or not in order.
    """

    frames: Counter[int] = field(default_factory=Counter)
    last: dict[int, int] = field(default_factory=dict)
    hands: int = 0
    opened: Counter[int] = field(default_factory=Counter)
    ends: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


class Watcher:
    """One client.

    Args:
        index: Which one: 0 presses Space whenever the source has ended, 1 reads slowly, others leave now and
            then, and come again.
        address: Of the page.
        sender: Knows which frames there were.
        frames: Knows where the hand is in them.
        seen: Is told what is seen.
    """

    def __init__(
        self, index: int, address: str, sender: BadSender, frames: NumberedFrames, seen: Seen
    ) -> None:
        self._index, self._address, self._sender, self._frames = index, address, sender, frames
        self._seen = seen

    async def watch(self, leave_after_s: float) -> None:
        """Look at the page, again and again."""
        patience = random.Random(self._index)
        while True:
            leave = time.monotonic() + leave_after_s * patience.uniform(0.5, 1.5)
            self._seen.opened[self._index] += 1
            client = PageClient(self._address)
            async for _ in client.changes():
                if client.whole:
                    await self._look(client)
                if self._index == 1:
                    await asyncio.sleep(0.5)
                if self._index > 1 and time.monotonic() > leave:
                    break

    async def _look(self, client: PageClient) -> None:
        status = client.part("Markdown").get("_markdown", "")
        if (end := re.match(r"\*\*ended: (.*)\*\*", status)) and self._index == 0:
            self._seen.ends.append(unescape(end[1]))
            await client.press("Play, pause")
        data = client.part("Image").get("_data")
        if "/world/points/front" not in client.nodes or data is None or not (told := TIME.search(status)):
            return
        number = number_in_picture(np.asarray(Image.open(io.BytesIO(data))))
        if number is None or number not in self._sender.times:
            self._fault(f"the picture is of frame {number}, which was not sent")
            return
        last, self._seen.last[self._index] = self._seen.last.get(self._index, -1), number
        self._seen.frames[self._index] += number != last
        if number < last:
            self._fault(f"frame {number} is shown after frame {last}")
        if f"{self._sender.times[number]:.2f}" != told[1]:
            self._fault(f"frame {number} of {self._sender.times[number]:.2f} s is said to be of {told[1]} s")
        points = client.nodes["/world/points/front"]["points"].reshape(-1, 3) * UNIT_MM
        if (code := code_in_points(points)) != number % CODES:
            self._fault(f"points of a frame {code} modulo {CODES} are shown with frame {number}")
        self._look_at_joints(client, number)

    def _look_at_joints(self, client: PageClient, number: int) -> None:
        told = np.array([int(cell) for cell in CELL.findall(client.part("Html")["content"])])
        node = client.nodes.get("/world/model 1/joints")
        if node is None or "/world/model 1" in client.hidden:
            if told.size:
                self._fault(f"joints of frame {number} are told and not shown")
            return
        joints = node["batched_positions"].reshape(-1, 3) * UNIT_MM
        if told.size != joints.size or np.abs(told - joints.ravel()).max() > 0.51:
            self._fault(f"joints of frame {number} are told otherwise than shown")
        if number not in self._sender.noise:
            self._seen.hands += 1
            if (place := self._frames.hand_place(joints)) != number % len(RING):
                self._fault(f"joints at place {place} are shown with frame {number}")

    def _fault(self, what: str) -> None:
        self._seen.faults.append(f"client {self._index}: {what}")
        print(self._seen.faults[-1], flush=True)
