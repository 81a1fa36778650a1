"""Frames of a camera that carry their number: in their pixels, in their depth, and in where the hand is.

So whoever sees a picture, points or joints of one knows which frame they are of.
"""

import numpy as np
from numpy.typing import NDArray

from murauer.capture.camera_file import CaptureCamera
from murauer.capture.sources.simulated import SimulatedSource
from murauer.geometry.camera import xyz_to_uvd

BITS, ROWS, COLUMN, ROW = 16, 2, 40, 20
"""The number stands in two rows of cells of so many pixels at the top: a measured cell is 1 in the first row,
and 0 in the second."""

WALL_MM, CODES = 2000, 256
"""Cells and wall are this far away, and as many mm more as the number modulo the codes."""

HOP = 64
"""Pixels that the hand is moved by from each frame to the next."""

RING = ((-1, -1), (0, -1), (1, -1), (1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0))
"""Places that the hand goes through, to the right and downwards, in hops."""


class NumberedFrames:
    """Makes the frames, all of one hand, in mm.

    Attributes:
        cameras: The one that takes them.
    """

    def __init__(self) -> None:
        source = SimulatedSource(distance=600.0, seed=1, paced=False)
        frame, seen = source.frame(5), source.cameras[0]
        self.cameras = (CaptureCamera("front", seen.camera, depth_scale=1.0),)
        assert frame.joints is not None
        self._intrinsics = seen.camera.intrinsics_array()
        self._middle = xyz_to_uvd(frame.joints, self._intrinsics)[:, :2].mean(0)
        self._image = np.rint(frame.depths[0]).astype(np.uint16)

    def image(self, number: int) -> NDArray[np.uint16]:
        """Depth of the frame of that number, (H, W): the hand before a wall."""
        right, down = RING[number % len(RING)]
        image = np.roll(self._image, (HOP * down, HOP * right), (0, 1))
        return stamped(np.where(image > 0, image, np.uint16(WALL_MM + number % CODES)), number)

    def noise(self, number: int) -> NDArray[np.uint16]:
        """An image of that number in which there is nothing but noise, up to what 16 bits hold."""
        noise = np.random.default_rng(number).integers(0, 1 << 16, self._image.shape, np.uint16)
        return stamped(noise, number)

    def hand_place(self, joints: NDArray[np.float32]) -> int:
        """Which place of the ring joints (J, 3) in mm are at; -1 for none of them."""
        middle = xyz_to_uvd(joints, self._intrinsics)[:, :2].mean(0)
        off = np.abs(middle - self._middle - HOP * np.array(RING)).max(-1)
        return int(off.argmin()) if off.min() < HOP / 2 else -1


def stamped(image: NDArray[np.uint16], number: int) -> NDArray[np.uint16]:
    """The image with a number written into it."""
    stamp = np.kron(_cells(number), np.full((ROW, COLUMN), WALL_MM + number % CODES, np.uint16))
    return np.concatenate((stamp, image[len(stamp) :]))


def number_in_picture(picture: NDArray[np.uint8]) -> int | None:
    """The number in a picture of the whole image, RGB of any size; None if there is none."""
    height, width = np.array(picture.shape[:2]) * (ROW / 480, COLUMN / 640)
    rows, columns = ((np.arange(n) + 0.5) * side for n, side in ((ROWS, height), (BITS, width)))
    first, second = picture[np.ix_(rows.astype(int), columns.astype(int))].astype(float).sum(-1)
    number = int((first > second) @ (1 << np.arange(BITS)))
    return number if (np.abs(first - second) > 60).all() else None


def code_in_points(points: NDArray[np.float32]) -> int | None:
    """The number modulo `CODES` in points (N, 3) in mm; None if there is none."""
    z = np.rint(points[:, 2])
    codes = z[(z >= WALL_MM) & (z < WALL_MM + CODES)] - WALL_MM
    values, counts = np.unique(codes, return_counts=True)
    return int(values[counts.argmax()]) if len(values) else None


def _cells(number: int) -> NDArray[np.uint16]:
    bits = (number >> np.arange(BITS)) & 1
    return np.stack((bits, 1 - bits)).astype(np.uint16)
