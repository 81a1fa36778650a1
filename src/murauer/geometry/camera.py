"""Pinhole cameras and the two coordinate systems that every part shares.

Convention, here and everywhere below the data loaders: camera coordinates `xyz` in millimetres with x to
the right, y down and z forward along the optical axis; image coordinates `uvd` in pixel, pixel, millimetre,
where pixel centres lie at integers, so that a point falls on pixel (round(u), round(v)), and d equals z.
Intrinsics travel as tensors `(..., 4)` holding fx, fy, u0, v0 in pixels. Images that were undistorted (or
need no undistortion) are assumed. Conversions take tensors as well as NumPy arrays.
"""

import math
import sys
import warnings
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from murauer.errors import UnlikelyInput, UserError
from murauer.foreign.limits import check_pixels
from murauer.geometry.arrays import Points, concatenate

if TYPE_CHECKING:
    from torch import Tensor

WIDEST_DEG, WIDE_DEG = 130.0, 110.0
"""Angle that an image shows along a side: at most, and usually at most."""

NARROWEST_DEG, NARROW_DEG = 15.0, 25.0
"""Likewise the least, along the longer side."""

FARTHEST_OFF, FAR_OFF = 0.25, 0.12
"""Distance of the principal point from the image's middle, as a share of the side: at most, and usually."""

MOST_STRETCHED, STRETCHED = 2.5, 1.25
"""Ratio of the focal lengths along the two sides: at most, and usually."""


@dataclass(frozen=True)
class Camera:
    """An undistorted pinhole camera.

    Attributes:
        fx: Focal length along the image rows, in pixels.
        fy: Focal length along the image columns, in pixels.
        u0: Column of the principal point, in pixels (0 is the centre of the leftmost pixel).
        v0: Row of the principal point, in pixels (0 is the centre of the topmost pixel).
        width: Columns of its image; 0, with `height` 0, if it is left to the images to say.
        height: Rows of its image.
        is_crop: Whether its image was cut out of a larger one; the principal point may then lie anywhere.

    Raises:
        ValueError: If a focal length or a side is not positive, or a number is not finite.
        UserError: If its image is larger than any depth camera's.
    """

    fx: float
    fy: float
    u0: float
    v0: float
    width: int = 0
    height: int = 0
    is_crop: bool = False

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in asdict(self).values()):
            raise ValueError(f"camera intrinsics and image sides must be finite, got {self}")
        sides = (1, 1) if self.width == self.height == 0 else (self.width, self.height)
        if min(self.fx, self.fy, *sides) <= 0:
            raise ValueError(f"focal lengths and image sides must be positive, got {self}")
        if self.width != int(self.width) or self.height != int(self.height):
            raise ValueError(f"image sides must be whole numbers of pixels, got {self}")
        check_pixels(int(self.width), int(self.height), "the camera's image")

    def intrinsics(self) -> "Tensor":
        """Return fx, fy, u0, v0 as a float32 tensor of shape (4,)."""
        import torch  # extra

        return torch.tensor([self.fx, self.fy, self.u0, self.v0], dtype=torch.float32)

    def intrinsics_array(self) -> NDArray[np.float64]:
        """Return fx, fy, u0, v0 as an array of shape (4,)."""
        return np.array([self.fx, self.fy, self.u0, self.v0])

    def for_image(self, width: int, height: int) -> "Camera":
        """Return the camera as that of an image of this size, checked by `check_camera`.

        Raises:
            UserError: If its images have another size, or it cannot be the camera of such an image.
        """
        if (self.width, self.height) not in ((0, 0), (width, height)):
            raise UserError(
                f"the image is {width} x {height} pixels but the camera has {self.width} x {self.height}; "
                "give the camera of this image"
            )
        whole = self if self.width else replace(self, width=width, height=height)
        check_camera(whole)
        return whole

    def cropped(self, left: float, top: float, width: int, height: int) -> "Camera":
        """Return the camera of a part of the image.

        Args:
            left: Column of the image that becomes the first of the part, in pixels; may lie outside.
            top: Likewise its row.
            width: Columns of the part.
            height: Rows of the part.
        """
        return Camera(self.fx, self.fy, self.u0 - left, self.v0 - top, width, height, is_crop=True)

    def resized(self, width: int, height: int) -> "Camera":
        """Return the camera of the image at another size; its outline, not its pixel centres, stays."""
        across, down = width / self.width, height / self.height
        return replace(
            self,
            fx=self.fx * across,
            fy=self.fy * down,
            u0=(self.u0 + 0.5) * across - 0.5,
            v0=(self.v0 + 0.5) * down - 0.5,
            width=width,
            height=height,
        )

    def to_dict(self) -> dict[str, float | int]:
        """Return its numbers by name, as `from_dict` and camera files have them; `is_crop` only if true."""
        return {name: value for name, value in asdict(self).items() if name != "is_crop" or value}

    @classmethod
    def from_dict(cls, values: dict[str, Any], where: str = "camera") -> "Camera":
        """Build a camera from its named numbers, and check it if the size of its image is among them.

        Args:
            values: fx, fy, u0, v0; width and height, or neither; is_crop, or not.
            where: What the values come from, for the error message.

        Raises:
            UserError: If a number is missing, unknown, no number, or out of range, or the camera cannot be.
        """
        if not isinstance(values, dict):
            raise UserError(f"{where} must be an object with fx, fy, u0, v0, width and height")
        names = [field.name for field in fields(cls)]
        needed = names[:6] if {"width", "height"} & set(values) else names[:4]
        missing = [name for name in needed if name not in values]
        unknown = [name for name in values if name not in names]
        if missing or unknown:
            problem = (
                f"lacks {', '.join(missing)}" if missing else f"has unknown {', '.join(map(str, unknown))}"
            )
            raise UserError(f"{where} {problem}; a camera has {', '.join(names[:6])}")
        for name in needed:
            finite_number(values[name], f"{where}: {name}")
        if not isinstance(values.get("is_crop", False), bool):
            raise UserError(f"{where}: is_crop must be true or false, got {values['is_crop']!r}")
        sides = {name: _whole(values[name]) for name in needed[4:]}
        if 0 in sides.values():
            raise UserError(f"{where}: width and height must be positive, the pixels of its images")
        try:
            camera = cls(**{**values, **sides})
            if sides:
                check_camera(camera)
        except (ValueError, UserError) as error:
            raise UserError(f"{where}: {error}") from error
        return camera


def finite_number(value: Any, where: str) -> float:
    """Return a number that a file holds.

    Raises:
        UserError: If it is something else, NaN, infinite, or an integer beyond all floats.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"{where} must be a number, got {value!r}")
    if not abs(value) <= sys.float_info.max:  # integers of any length can be compared, not converted
        raise UserError(f"{where} must be finite, no larger than numbers of 64 bits can be")
    return float(value)


def _whole(value: float) -> float | int:
    """Turn 640.0 into 640 and leave 640.5 for the constructor to refuse."""
    return int(value) if value == int(value) else value


CAMERAS: dict[str, Camera] = {
    # The calibration that the NYU Hand Pose Dataset prescribes for its first-generation Kinects.
    "nyu": Camera(fx=588.03, fy=587.07, u0=320.0, v0=240.0, width=640, height=480),
    # One Intel RealSense SR305 at 640 x 480; other devices have calibrations of their own.
    "sr305": Camera(fx=476.007, fy=476.007, u0=313.683, v0=242.755, width=640, height=480),
    # What the descriptions of these datasets give for their Intel Creative and RealSense SR300 cameras.
    "icvl": Camera(fx=241.42, fy=241.42, u0=160.0, v0=120.0, width=320, height=240),
    "msra15": Camera(fx=241.42, fy=241.42, u0=160.0, v0=120.0, width=320, height=240),
    "hands17": Camera(fx=475.065948, fy=475.065857, u0=315.944855, v0=245.287079, width=640, height=480),
}


@lru_cache(maxsize=256)  # so that a camera is checked, and warned of, once and not with every frame
def check_camera(camera: Camera) -> None:
    """Refuse a camera that cannot have taken images of its size, and warn of one that is unlikely to have.

    What this catches are focal lengths in mm or m, and intrinsics of another size or part of the image.

    Args:
        camera: With the size of its images.

    Raises:
        UserError: If there is no such camera.
    """
    angles = [
        math.degrees(2 * math.atan(side / (2 * focal)))
        for side, focal in ((camera.width, camera.fx), (camera.height, camera.fy))
    ]
    shows = (
        f"focal lengths of {camera.fx:g} and {camera.fy:g} pixels mean that the image of {camera.width} x "
        f"{camera.height} shows {angles[0]:.3g} x {angles[1]:.3g} degrees"
    )
    mend = "give them in pixels (not mm), for images of this size"
    _judge(max(angles), WIDE_DEG, WIDEST_DEG, f"{shows}; {mend}")
    stretch = max(camera.fx / camera.fy, camera.fy / camera.fx)
    _judge(stretch, STRETCHED, MOST_STRETCHED, f"{shows}, other scales along rows and columns; {mend}")
    if camera.is_crop:
        return
    off = max(
        abs(camera.u0 - (camera.width - 1) / 2) / camera.width,
        abs(camera.v0 - (camera.height - 1) / 2) / camera.height,
    )
    _judge(
        off,
        FAR_OFF,
        FARTHEST_OFF,
        f"the principal point {camera.u0:g}, {camera.v0:g} is far from the middle of the image of "
        f"{camera.width} x {camera.height}; give that of images of this size, or say is_crop for a part that "
        "was cut out of a larger image",
    )
    _judge(-max(angles), -NARROW_DEG, -NARROWEST_DEG, f"{shows}; {mend}")


def _judge(value: float, usual: float, most: float, sentence: str) -> None:
    """Refuse what is beyond `most`, and warn of what is beyond `usual`."""
    if value > most:
        raise UserError(f"no camera is like this: {sentence}")
    if value > usual:
        warnings.warn(f"few cameras are like this: {sentence}", UnlikelyInput, stacklevel=4)


def align_intrinsics(intrinsics: Points, dimensions: int) -> Points:
    """Insert axes before the last one, so that per-sample (B, 4) meets joints (B, J, 3).

    Args:
        intrinsics: Shape (4,) or (..., 4), whose leading axes are those of the points.
        dimensions: Number of axes of the points.

    Returns:
        The same values with shape (4,) or (..., 1, 4).
    """
    while 1 < intrinsics.ndim < dimensions:
        intrinsics = intrinsics[..., None, :]
    return intrinsics


def uvd_to_xyz(uvd: Points, intrinsics: Points) -> Points:
    """Back-project image points: x = (u - u0) d / fx, y = (v - v0) d / fy, z = d.

    Args:
        uvd: Pixel, pixel, mm; shape (..., 3).
        intrinsics: fx, fy, u0, v0 in pixels; shape (4,), or (..., 4) sharing the leading axes of `uvd`.

    Returns:
        Camera coordinates in mm, y down; shape (..., 3).
    """
    intrinsics = align_intrinsics(intrinsics, uvd.ndim)
    focal, middle = intrinsics[..., :2], intrinsics[..., 2:]
    uv, d = uvd[..., :2], uvd[..., 2:]
    return concatenate(((uv - middle) * d / focal, d))


def xyz_to_uvd(xyz: Points, intrinsics: Points) -> Points:
    """Project points of the camera: u = fx x / z + u0, v = fy y / z + v0, d = z.

    Args:
        xyz: Camera coordinates in mm, y down; shape (..., 3). Points with z = 0 have no image (inf or NaN).
        intrinsics: fx, fy, u0, v0 in pixels; shape (4,), or (..., 4) sharing the leading axes of `xyz`.

    Returns:
        Pixel, pixel, mm; shape (..., 3).
    """
    intrinsics = align_intrinsics(intrinsics, xyz.ndim)
    focal, middle = intrinsics[..., :2], intrinsics[..., 2:]
    xy, z = xyz[..., :2], xyz[..., 2:]
    return concatenate((focal * xy / z + middle, z))
