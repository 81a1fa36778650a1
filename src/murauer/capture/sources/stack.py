"""All frames of a session in one NumPy file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from murauer.capture.depth import METRES_UP_TO, read_stored
from murauer.capture.sources.camera_option import choose_cameras
from murauer.capture.sources.source import SourceFrame, StoredSource, check_positive
from murauer.errors import UserError
from murauer.foreign.arrays import load_archive, map_array
from murauer.foreign.limits import check_pixels

TIME_ARRAY = "time_s"


class StackSource(StoredSource):
    """An `.npy` array of the frames of one camera, or an `.npz` file with one such array a camera.

    Args:
        address: The file. Arrays have the shape (N, H, W), of integers or floats; those in `.npz` have the
            names of their cameras, and one called `time_s` may hold the N times in seconds.
        camera: Name of a camera, or camera file; by default the `camera.json` beside the file.
        depth_scale: Millimetres per unit; by default that of the camera file, or 1.
        rate: Frames a second, if there are no times.

    Raises:
        UserError: The file holds no such arrays, it is not known which cameras took them, or a number is not
            positive.
    """

    def __init__(
        self,
        address: str,
        *,
        camera: str | None = None,
        depth_scale: float | None = None,
        rate: float = 30.0,
    ) -> None:
        self.path = Path(address)
        arrays = _read(self.path)
        self._times = arrays.pop(TIME_ARRAY, None)
        self.cameras = choose_cameras(camera, self.path.parent, list(arrays), depth_scale)
        self._stacks = [arrays[each.name] for each in self.cameras]
        check_positive(rate, f"the rate of {self.path}")
        self.rate = rate
        sized = []
        for each, stack in zip(self.cameras, self._stacks, strict=True):
            if stack.ndim != 3 or 0 in stack.shape or stack.dtype.kind not in "uif":
                raise UserError(
                    f"{self.path}: {each.name} is an array of {stack.dtype} and shape {stack.shape}; "
                    "expected depth, frames x height x width"
                )
            check_pixels(stack.shape[2], stack.shape[1], self.path)
            scale = each.scale_of(stack.dtype)
            if scale is None:  # one unit for all frames, by the first that tells
                scale = 1000.0 if stack.dtype.kind == "f" and _is_in_metres(stack) else 1.0
            sized.append(replace(each.for_image(stack.shape[2], stack.shape[1]), depth_scale=scale))
        self.cameras = tuple(sized)
        if self._times is not None and not (self._times.ndim == 1 and np.isfinite(self._times).all()):
            raise UserError(f"{self.path}: {TIME_ARRAY} must be one finite number of seconds for each frame")
        lengths = {len(array) for array in (*self._stacks, *([] if self._times is None else [self._times]))}
        if len(lengths) > 1:
            raise UserError(f"{self.path}: its arrays have {sorted(lengths)} frames; they must be as many")

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self._stacks[0])

    def __getitem__(self, index: int) -> SourceFrame:
        """Read one frame; see `StoredSource`."""
        assert self.rate is not None
        time_s = index / self.rate if self._times is None else float(self._times[index])
        depths = tuple(
            read_stored(stack[index], each, f"{self.path}, frame {index},")
            for stack, each in zip(self._stacks, self.cameras, strict=True)
        )
        return SourceFrame(time_s, depths)


def _is_in_metres(stack: NDArray[np.generic]) -> bool:
    """Whether floating-point depth (N, H, W) is in metres, by the first frame with a measurement."""
    for frame in stack:
        measured = frame[np.isfinite(frame) & (frame > 0)]
        if measured.size:
            return bool(measured.max() < METRES_UP_TO)
    return False


def _read(path: Path) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of a file by name; an `.npy` file's has the file's name."""
    arrays = load_archive(path) if path.suffix == ".npz" else {path.stem: map_array(path, "r")}
    if not set(arrays) - {TIME_ARRAY}:
        raise UserError(f"{path} holds no depth; save an array (frames, height, width) for each camera")
    return arrays
