"""Where depth comes from: cameras, files and streams behind one interface; see docs/sources.md.

Example::

    with open_source("simulated:") as source:
        for frame in source:
            view = source.cameras[0]
            pose = estimator(frame.depths[0], view.camera, distortion=view.distortion)
"""

from __future__ import annotations

from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints
from urllib.parse import parse_qsl

import msgspec

from murauer.errors import UserError

if TYPE_CHECKING:
    from murauer.capture.sources.source import Source

SOURCES = {
    "simulated": "simulated.SimulatedSource",
    "folder": "folder.FolderSource",
    "stack": "stack.StackSource",
    "video": "video.VideoSource",
    "tcp": "network.NetworkSource",
    "realsense": "realsense.RealSenseSource",
}
"""Module and class of each source by the word before the colon; imported only when it is wanted."""

SUFFIXES = {".npy": "stack", ".npz": "stack", ".mkv": "video", ".bag": "realsense", ".db3": "realsense"}
"""Files that need no word before them."""


def open_source(name: str | Path) -> Source:
    """Open a source by its name, `[KIND:]ADDRESS[?OPTION=VALUE&...]`.

    Args:
        name: Such as "simulated:", "captures/monday", "stack.npy?camera=nyu". What the address means and
            which options there are depends on the kind: the arguments of its class. A folder, and a file
            with one of `SUFFIXES`, need no kind.

    Raises:
        UserError: There is no such kind, option, device or file, or it cannot be used.
    """
    place, _, query = str(name).partition("?")
    kind, address = _split(place)
    module, _, class_name = SOURCES[kind].partition(".")
    source_class = getattr(import_module(f"{__name__}.{module}"), class_name)
    source: Source = source_class(address, **_options(kind, source_class, query))
    return source


def _split(place: str) -> tuple[str, str]:
    """Return the kind and the address."""
    kind, colon, address = place.partition(":")
    if colon and kind in SOURCES:
        return kind, address
    path = Path(place)
    if path.suffix in SUFFIXES:
        return SUFFIXES[path.suffix], place
    if path.is_dir():
        return "folder", place
    kinds = ", ".join(f"{known}:" for known in SOURCES)
    raise UserError(
        f"there is no source {place!r}: it is no folder, no file ending in {', '.join(SUFFIXES)} and "
        f"does not begin with one of {kinds}"
    )


def _options(kind: str, source_class: type[Source], query: str) -> dict[str, Any]:
    """Turn the text of options into the types that the source's arguments have."""
    types = get_type_hints(source_class.__init__)
    known = [name for name in signature(source_class).parameters if name != "address"]
    options = {}
    for option, text in parse_qsl(query, keep_blank_values=True):
        if option not in known:
            has = f"its options are {', '.join(known)}" if known else "it has none"
            raise UserError(f"the source {kind}: has no option {option!r}; {has}")
        try:
            options[option] = msgspec.convert(text, types[option], strict=False)
        except msgspec.ValidationError as error:
            raise UserError(f"the source {kind}: option {option}={text}: {error}") from error
    return options
