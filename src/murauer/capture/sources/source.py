"""What a source of depth is: cameras, and the frames that they see."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Self

import numpy as np
from numpy.typing import NDArray

from murauer.capture.camera_file import CaptureCamera
from murauer.errors import UserError
from murauer.geometry.skeletons import Skeleton


@dataclass(frozen=True, eq=False)
class SourceFrame:
    """What all cameras of a source saw at one time.

    Attributes:
        time_s: When, in seconds by the clock of the source.
        depths: Image of each camera in mm, float32 (H, W), 0 = no measurement, as the lens gave it.
        dropped: Frames that were lost between the one before and this one.
        joints: Where the joints are in the first camera's coordinates, mm, (J, 3), if the source knows.
    """

    time_s: float
    depths: tuple[NDArray[np.float32], ...]
    dropped: int = 0
    joints: NDArray[np.float32] | None = None


class Source(ABC):
    """Gives depth images, frame by frame; a context manager that lets go of its device or file.

    Attributes:
        cameras: Those that it has, with all that is known of them; the first is the input view. Images have
            the size in `cameras[i].camera`; undo the lens with `cameras[i].distortion`.
        rate: Frames a second, nominally; None if nobody knows.
        skeleton: Names the joints of `SourceFrame.joints`; None if the source knows none.
        live: Whether frames pass when nobody takes them.
    """

    cameras: tuple[CaptureCamera, ...]
    rate: float | None = None
    skeleton: Skeleton | None = None
    live: bool = False

    @cached_property
    def left_out(self) -> list[str]:
        """What is there and not given, in words; grows when a frame turns out to be of no use."""
        return []

    @abstractmethod
    def __iter__(self) -> Iterator[SourceFrame]:
        """Give the frames in the order of time, each once; those of a live source from now on.

        Raises:
            UserError: There are none, or the device failed.
        """

    def close(self) -> None:
        """Let go of the device or the file; the source gives nothing any more."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class StoredSource(Source):
    """A source whose frames can be had in any order, because they are all there."""

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of frames."""

    @abstractmethod
    def __getitem__(self, index: int) -> SourceFrame:
        """Read one frame.

        Raises:
            IndexError: It is none of 0 to len - 1.
            UserError: It is damaged or holds no measurement.
        """

    def __iter__(self) -> Iterator[SourceFrame]:
        """Give all frames that can be read; the others count as dropped and are `left_out`.

        Raises:
            UserError: None can be read; it says what is wrong with the last.
        """
        reads = (partial(self.__getitem__, index) for index in range(len(self)))
        return skip_unreadable(reads, self.left_out)


def skip_unreadable(
    frames: Iterable[Callable[[], SourceFrame]], left_out: list[str]
) -> Iterator[SourceFrame]:
    """Give the frames that can be read; the others count as dropped.

    Args:
        frames: Each reads one frame, and raises a UserError if it is damaged or holds no measurement.
        left_out: Gets a sentence for each of the others.

    Raises:
        UserError: None can be read; it says what is wrong with the last.
    """
    dropped, problem, none = 0, None, True
    for read in frames:
        try:
            frame = read()
        except UserError as error:
            dropped, problem = dropped + 1, error
            left_out.append(str(error))
            continue
        yield replace(frame, dropped=frame.dropped + dropped)
        dropped, none = 0, False
    if problem is not None and none:
        raise problem


def check_positive(value: float, what: str) -> None:
    """Refuse an option that is not a positive, finite number.

    Raises:
        UserError: It is not.
    """
    if not 0 < value < math.inf:
        raise UserError(f"{what} must be positive, got {value:g}")
