"""Somebody who looks at the studio, without a browser: follows what its page is told over the web socket."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec.msgpack
import numpy as np
import viser
import zstandard
from websockets.asyncio.client import connect

CAMERA = {
    "type": "ViewerCameraMessage", "wxyz": (1.0, 0.0, 0.0, 0.0), "position": (0.0, 0.0, -2.6), "fov": 1.3,
    "near": 0.1, "far": 100.0, "image_height": 600, "image_width": 800, "look_at": (0.0, 0.0, 0.0),
    "up_direction": (0.0, -1.0, 0.0),
}  # fmt: skip
"""Browsers tell where they look from; only then they may press keys."""


class PageClient:
    """What one page holds.

    Attributes:
        nodes: Properties of the nodes in space, by their names.
        hidden: Names of the nodes that are not shown.
        parts: Kind and properties of what stands around, by their identifiers.
        commands: Identifiers of what a key does, by its label.
        whole: Whether all is there that was there before the page was opened.
    """

    def __init__(self, address: str) -> None:
        self._address = address.replace("http", "ws", 1)
        self.nodes: dict[str, dict[str, Any]] = {}
        self.hidden: set[str] = set()
        self.parts: dict[str, tuple[str, dict[str, Any]]] = {}
        self.commands: dict[str, str] = {}
        self.whole = False

    async def changes(self) -> AsyncIterator[None]:
        """Give way after all that was sent together, which a browser shows at once."""
        protocol: Any = f"viser-v{viser.__version__}"
        async with connect(self._address, subprotocols=[protocol], max_size=None) as self._socket:
            await self._send(CAMERA)
            async for window in self._socket:
                assert isinstance(window, bytes)
                for message in messages_of(window):
                    self._take(message)
                yield

    async def press(self, command: str) -> None:
        """Do what a key does."""
        await self._send({"type": "CommandTriggerMessage", "uuid": self.commands[command]})

    async def _send(self, message: dict[str, Any]) -> None:
        await self._socket.send(msgspec.msgpack.encode(message))

    def part(self, kind: str) -> dict[str, Any]:
        """Properties of the last part of a kind, such as "Image"; none if there is no such part yet."""
        fitting = [properties for each, properties in self.parts.values() if each == f"Gui{kind}Message"]
        return fitting[-1] if fitting else {}

    def _take(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "ReplayDoneMessage":
            self.whole = True
        elif kind == "RegisterCommandMessage":
            self.commands[message["props"]["label"]] = message["uuid"]
        elif kind == "SetSceneNodeVisibilityMessage":
            (self.hidden.discard if message["visible"] else self.hidden.add)(message["name"])
        elif kind == "SceneNodeUpdateMessage":
            self.nodes[message["name"]].update(message["updates"])
        elif kind == "GuiUpdateMessage":
            self.parts[message["uuid"]][1].update(message["updates"])
        elif kind.startswith("Gui") and "props" in message:
            self.parts[message["uuid"]] = kind, message["props"]
        elif "name" in message and "props" in message:
            self.nodes[message["name"]] = message["props"]


def messages_of(window: bytes) -> list[dict[str, Any]]:
    """Decode what viser sends at a time."""
    size = int.from_bytes(window[8:16], "little")
    content = msgspec.msgpack.decode(zstandard.decompress(window[16 : 16 + size]))
    arrays, at = [], 16 + size
    for length in content["binaryBufferLengths"]:
        at += -at % 8
        arrays.append(window[at : at + length])
        at += length

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            if "__binary_index" in value:
                return np.frombuffer(arrays[value["__binary_index"]], value["dtype"])
            return {key: filled(each) for key, each in value.items()}
        return [filled(each) for each in value] if isinstance(value, list) else value

    messages: list[dict[str, Any]] = filled(content["messages"])
    return messages
