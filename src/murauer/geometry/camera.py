"""Pinhole cameras and the two coordinate systems that every part shares.

Convention, here and everywhere below the data loaders: camera coordinates `xyz` in millimetres with x to
the right, y down and z forward along the optical axis; image coordinates `uvd` in pixel, pixel, millimetre,
where pixel centres lie at integers, so that a point falls on pixel (round(u), round(v)), and d equals z.
Intrinsics travel as tensors `(..., 4)` holding fx, fy, u0, v0 in pixels. Images that were undistorted (or
need no undistortion) are assumed. Conversions take tensors as well as NumPy arrays.
"""

import json
import math
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from murauer.errors import UserError
from murauer.geometry.arrays import Points, concatenate

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_OTHER_NAMES = {"cx": "u0", "cy": "v0"}
"""What OpenCV and the camera files of the BOP benchmark call the principal point."""


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

    Raises:
        ValueError: If a focal length or a side is not positive, or a number is not finite.
    """

    fx: float
    fy: float
    u0: float
    v0: float
    width: int = 0
    height: int = 0

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in asdict(self).values()):
            raise ValueError(f"camera intrinsics and image sides must be finite, got {self}")
        sides = (1, 1) if self.width == self.height == 0 else (self.width, self.height)
        if min(self.fx, self.fy, *sides) <= 0:
            raise ValueError(f"focal lengths and image sides must be positive, got {self}")
        if self.width != int(self.width) or self.height != int(self.height):
            raise ValueError(f"image sides must be whole numbers of pixels, got {self}")

    def intrinsics(self, device: "torch.device | str | None" = None) -> "Tensor":
        """Return fx, fy, u0, v0 as a float32 tensor of shape (4,)."""
        import torch  # extra

        return torch.tensor([self.fx, self.fy, self.u0, self.v0], dtype=torch.float32, device=device)

    def intrinsics_array(self) -> NDArray[np.float64]:
        """Return fx, fy, u0, v0 as an array of shape (4,)."""
        return np.array([self.fx, self.fy, self.u0, self.v0])

    def for_image(self, width: int, height: int) -> "Camera":
        """Return the camera as that of an image of this size.

        Raises:
            UserError: If its images have another size.
        """
        if (self.width, self.height) not in ((0, 0), (width, height)):
            raise UserError(
                f"the image is {width} x {height} pixels but the camera has {self.width} x {self.height}; "
                "give the camera of this image"
            )
        return self if self.width else replace(self, width=width, height=height)

    def to_dict(self) -> dict[str, float | int]:
        """Return the six numbers by name, as `from_dict` and JSON files have them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any], where: str = "camera") -> "Camera":
        """Build a camera from its six named numbers.

        Args:
            values: fx, fy, u0, v0 (or cx, cy), width, height.
            where: What the values come from, for the error message.

        Raises:
            UserError: If a number is missing, unknown, no number, or out of range.
        """
        if not isinstance(values, dict):
            raise UserError(f"{where} must be an object with fx, fy, u0, v0, width and height")
        values = {_OTHER_NAMES.get(name, name): value for name, value in values.items()}
        names = [field.name for field in fields(cls)]
        missing = [name for name in names if name not in values]
        unknown = [name for name in values if name not in names]
        if missing or unknown:
            problem = f"lacks {', '.join(missing)}" if missing else f"has unknown {', '.join(unknown)}"
            raise UserError(f"{where} {problem}; a camera needs exactly {', '.join(names)}")
        for name in names:
            if isinstance(values[name], bool) or not isinstance(values[name], int | float):
                raise UserError(f"{where}: {name} must be a number, got {values[name]!r}")
        sides = {name: _whole(values[name]) for name in ("width", "height")}
        if 0 in sides.values():
            raise UserError(f"{where}: width and height must be positive, the pixels of its images")
        try:
            return cls(**{**values, **sides})
        except ValueError as error:
            raise UserError(f"{where}: {error}") from error

    @classmethod
    def from_json(cls, path: str | Path) -> "Camera":
        """Read a camera from a JSON file such as `{"fx": 475, "fy": 475, "u0": 315, ...}`.

        Raises:
            UserError: If the file cannot be read or does not describe a camera.
        """
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise UserError(f"cannot read camera file {path}: {error.strerror or error}") from error
        except ValueError as error:
            raise UserError(f"camera file {path} is not valid JSON: {error}") from error
        return cls.from_dict(values, where=f"camera file {path}")


def _whole(value: float) -> float | int:
    """Turn 640.0 into 640 and leave 640.5 for the constructor to refuse."""
    return int(value) if math.isfinite(value) and value == int(value) else value


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


def find_camera(name_or_path: str) -> Camera:
    """Return the known camera of that name, or the camera in the JSON file of that path.

    Raises:
        UserError: If it is neither.
    """
    if name_or_path in CAMERAS:
        return CAMERAS[name_or_path]
    if not name_or_path.endswith(".json"):
        known = ", ".join(CAMERAS)
        raise UserError(f"unknown camera {name_or_path!r}; use {known} or the path of a camera .json file")
    return Camera.from_json(name_or_path)


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
