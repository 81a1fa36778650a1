"""Frames under names, to be read one after the other: images, a folder of them, or any other source."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
from numpy.typing import NDArray

from murauer.capture.camera_file import CaptureCamera, camera_of_frames
from murauer.capture.depth import read_depth, sized
from murauer.capture.folder_names import SUFFIXES
from murauer.capture.sources import open_source
from murauer.capture.sources.folder import FolderSource
from murauer.capture.sources.source import Source, StoredSource
from murauer.errors import UserError
from murauer.foreign.arrays import list_archive, read_header

TAKES_CAMERA = ("folder", "stack", "video")
"""Kinds of sources that are told which camera took them."""


@dataclass(frozen=True, eq=False)
class NamedFrame:
    """A frame that has not been read yet.

    Attributes:
        name: Name of its file, or of its source with its number.
        read: Reads its depth, in mm as the lens gave it, (H, W); raises a UserError if it is damaged.
    """

    name: str
    read: Callable[[], NDArray[np.float32]]


class NamedFrames:
    """Frames of one camera: of several, that of a source's first.

    Args:
        names: Paths of images; or one source, by its name, such as a folder, a stack, a video or a stream.
        camera: Name of a camera or path of a camera file; a source may know better.
        depth_scale: Millimetres per unit of the stored numbers, if it is not the camera's.

    Raises:
        UserError: There is no such source, or it is not known which camera took the images.
    """

    def __init__(self, names: Sequence[str], camera: str | None, depth_scale: float | None = None) -> None:
        self._source: Source | None = None
        if len(names) == 1 and _is_source(names[0]):
            self._name = names[0]
            self._source = open_source(_with_options(names[0], camera, depth_scale))
            self.camera = self._source.cameras[0]
            self.count = len(self._source) if isinstance(self._source, StoredSource) else None
            return
        if camera is None:
            raise UserError("give the --camera that took the frames, or the --split of a store")
        self._paths = [Path(name) for name in names]
        self.camera = camera_of_frames(camera, self._paths)
        self._scale, self.count = depth_scale, len(self._paths)

    def complete(self) -> CaptureCamera:
        """Return the camera with the size of its images, which the first that can be read tells.

        Raises:
            UserError: None can be read; it says what is wrong with the first.
        """
        problem: UserError | None = None
        for path in [] if self.camera.camera.width else self._paths:
            try:
                self.camera = sized(self.camera, path)
                break
            except UserError as error:
                problem = problem or error
        if problem is not None and not self.camera.camera.width:
            raise problem
        return self.camera

    def __iter__(self) -> Iterator[NamedFrame]:
        if self._source is None:
            for path in self._paths:
                yield NamedFrame(str(path), partial(read_depth, path, self.camera, self._scale))
        elif isinstance(self._source, StoredSource):
            for index in range(len(self._source)):
                yield NamedFrame(self._name_of(index), partial(_first_of, self._source, index))
        else:
            for index, frame in enumerate(self._source):
                yield NamedFrame(self._name_of(index), partial(_as_it_is, frame.depths[0]))

    def close(self) -> None:
        """Let go of the source."""
        if self._source is not None:
            self._source.close()

    def _name_of(self, index: int) -> str:
        if isinstance(self._source, FolderSource):
            return self._source.path_of(index)
        return f"{self._name}#{index}"


def _is_source(name: str) -> bool:
    """Whether a name is that of a source and not of one image."""
    path = Path(name.partition("?")[0])
    if path.is_file() and path.suffix.lower() in SUFFIXES:
        return path.suffix.lower() in (".npy", ".npz") and _is_stack(path)
    return path.is_dir() or path.suffix.lower() not in (*SUFFIXES, "", ".jpg", ".jpeg", ".exr") or ":" in name


def _is_stack(path: Path) -> bool:
    """Whether an array file holds several images; what is damaged is told when it is read."""
    try:
        headers = list_archive(path) if path.suffix.lower() == ".npz" else {path.stem: read_header(path)}
    except UserError:
        return False
    return len(headers) > 1 or any(len(header.shape) == 3 for header in headers.values())


def _with_options(name: str, camera: str | None, depth_scale: float | None) -> str:
    """Add what a source is to be told to its name."""
    kind = name.partition(":")[0]
    given = {"camera": camera, "depth_scale": depth_scale}
    told = {key: value for key, value in given.items() if value is not None}
    if not told or (":" in name and kind not in TAKES_CAMERA):
        return name
    return f"{name}{'&' if '?' in name else '?'}{urlencode(told)}"


def _first_of(source: StoredSource, index: int) -> NDArray[np.float32]:
    return source[index].depths[0]


def _as_it_is(depth: Any) -> Any:
    return depth
