"""What a source of depth is: cameras, and the moments that they see."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from murauer.capture.camera_file import CaptureCamera
from murauer.errors import UserError
from murauer.geometry.skeletons import Skeleton


@dataclass(frozen=True, eq=False)
class Moment:
    """What all cameras of a source saw at one time.

    Attributes:
        time_s: when, in seconds by the clock of the source.
        depths: image of each camera in mm, float32 (H, W), 0 = no measurement, as the lens gave it.
        dropped: moments that were lost between the one before and this one.
        joints: where the joints are in the first camera's coordinates, mm, (J, 3), if the source knows.
    """

    time_s: float
    depths: tuple[NDArray[np.float32], ...]
    dropped: int = 0
    joints: NDArray[np.float32] | None = None


class Source(ABC):
    """Gives depth images, moment by moment; a context manager that lets go of its device or file.

    Attributes:
        cameras: those that it has, with all that is known of them; the first is the input view. Images have
            the size in `cameras[i].camera`; undo the lens with `cameras[i].distortion`.
        rate: moments a second, nominally; None if nobody knows.
        skeleton: names the joints of `Moment.joints`; None if the source knows none.
        live: whether moments pass when nobody takes them.
    """

    cameras: tuple[CaptureCamera, ...]
    rate: float | None = None
    skeleton: Skeleton | None = None
    live: bool = False

    @abstractmethod
    def __iter__(self) -> Iterator[Moment]:
        """Give the moments in the order of time, each once; those of a live source from now on.

        Raises:
            UserError: There are none, or the device failed.
        """

    def close(self) -> None:
        """Let go of the device or the file; the source gives nothing any more."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class StoredSource(Source):
    """A source whose moments can be had in any order, because they are all there."""

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of moments."""

    @abstractmethod
    def __getitem__(self, index: int) -> Moment:
        """Read one moment.

        Raises:
            IndexError: It is none of 0 to len - 1.
            UserError: It is damaged or holds no measurement.
        """

    def __iter__(self) -> Iterator[Moment]:
        """Give all moments that can be read; the others count as dropped.

        Raises:
            UserError: None can be read; it says what is wrong with the last.
        """
        return those_that_can_be_read(partial(self.__getitem__, index) for index in range(len(self)))


def those_that_can_be_read(moments: Iterable[Callable[[], Moment]]) -> Iterator[Moment]:
    """Give the moments that can be read; the others count as dropped.

    Args:
        moments: Each reads one moment, and raises a UserError if it is damaged or holds no measurement.

    Raises:
        UserError: None can be read; it says what is wrong with the last.
    """
    dropped, problem, none = 0, None, True
    for read in moments:
        try:
            moment = read()
        except UserError as error:
            dropped, problem = dropped + 1, error
            continue
        yield replace(moment, dropped=moment.dropped + dropped)
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
