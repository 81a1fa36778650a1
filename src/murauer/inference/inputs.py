"""What users hand in, checked: depth of any kind and unit, the camera, the centre of the hand."""

import math
from functools import lru_cache
from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from murauer.camera import Camera, uvd_to_xyz
from murauer.distortion import Distortion, undistort_depth, undistortion_pixels
from murauer.errors import UserError

Unit = Literal["mm", "m"] | float
"""Millimetres, metres, or millimetres per unit of the numbers."""

METRES_UP_TO = 20.0
"""Depth that is all smaller is in metres, depth that is all larger in mm: no camera sees otherwise."""


def read_frame(depth: Any, camera: Camera, unit: Unit, distortion: Distortion | None) -> NDArray[Any]:
    """Turn one image into depth in mm.

    Args:
        depth: (H, W), NumPy array or tensor, integers or floats. 0, NaN and infinity are no measurement.
        camera: that took it.
        unit: of the numbers.
        distortion: of the lens, if the image has not been undistorted.

    Returns:
        (H, W) in mm, 0 = no measurement. What is in mm already is not copied, which would take longer
        than the network does.

    Raises:
        UserError: If it is no depth image, is of another camera or in another unit, or holds no measurement.
    """
    check_device(camera, unit, distortion)
    image = as_array(depth)
    if image.ndim != 2 or image.size == 0:
        raise UserError(f"expected one depth image, (height, width); got the shape {image.shape}")
    if image.dtype.kind not in "uif":
        raise UserError(f"expected depth as integers or floats, got an array of {image.dtype}")
    camera = camera.for_image(image.shape[1], image.shape[0])
    millimetres = image
    if image.dtype.kind == "f":
        measured = image if np.isfinite(image.sum()) else np.where(np.isfinite(image), image, 0)
        millimetres = measured.astype(np.float32, copy=False)
    nearest = 0.0 if image.dtype.kind == "u" else float(millimetres.min())
    if nearest < 0:
        raise UserError(f"the image holds negative depth ({nearest:g}); write missing measurements as 0")
    scale = millimetres_per_unit(unit)
    farthest = float(millimetres[::8].max())  # nearly always tells all that must be known
    if farthest * scale < METRES_UP_TO:
        farthest = float(millimetres.max())
    if farthest == 0:
        raise UserError("the image holds no measurement: every pixel is 0, NaN or infinite")
    if farthest * scale < METRES_UP_TO:
        raise UserError(
            f"nothing is farther than {farthest * scale:g} mm; say unit='m' if the depth is in metres, or "
            "give the millimetres per unit"
        )
    if unit == "m" and (far := float(millimetres[millimetres > 0].min())) > METRES_UP_TO:
        raise UserError(f"nothing is nearer than {far:g} m; say unit='mm' if the depth is in millimetres")
    if scale != 1:
        millimetres = millimetres.astype(np.float32) * np.float32(scale)
    if distortion is not None and not distortion.is_pinhole:
        millimetres = undistort_depth(millimetres, _undistortion(camera, distortion))
    return millimetres


def check_device(camera: Camera, unit: Unit, distortion: Distortion | None) -> None:
    """Check what is said of the device that takes frames.

    Raises:
        UserError: If something of it is no camera, no unit or no distortion.
    """
    if not isinstance(camera, Camera):
        raise UserError(f"expected a murauer.Camera, got {camera!r}")
    millimetres_per_unit(unit)
    if not isinstance(distortion, Distortion | None):
        raise UserError(f"the distortion must be a murauer.Distortion or None, got {distortion!r}")


def as_array(values: Any) -> NDArray[Any]:
    """Turn an array, a tensor on any device, or nested sequences into an array.

    Raises:
        UserError: If it is none of these.
    """
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise UserError(f"expected an array or a tensor of numbers, got {type(values).__name__}") from error
    if array.dtype.kind == "O":
        raise UserError(f"expected an array or a tensor of numbers, got {type(values).__name__}")
    return array


def millimetres_per_unit(unit: Unit) -> float:
    """Understand a unit.

    Raises:
        UserError: If it is none.
    """
    if unit == "mm":
        return 1.0
    if unit == "m":
        return 1000.0
    if not (isinstance(unit, Real) and math.isfinite(unit) and unit > 0):
        raise UserError(f"the unit of depth must be 'mm', 'm' or a number of mm per unit, got {unit!r}")
    return float(unit)


def read_centre(centre: Any) -> NDArray[np.float32]:
    """Check a given centre, camera coordinates in mm.

    Returns:
        Shape (3,).

    Raises:
        UserError: If it is no point in front of the camera.
    """
    array = as_array(centre)
    if array.shape != (3,) or array.dtype.kind not in "uif":
        raise UserError(f"a centre is x, y, z in mm; got an array of {array.dtype} and shape {array.shape}")
    if not (np.isfinite(array).all() and array[2] > 0):
        x, y, z = array.tolist()
        raise UserError(
            f"the centre {x:g},{y:g},{z:g} is not in front of the camera; z must be positive, in mm"
        )
    return array.astype(np.float32)


def centre_from_uvd(uvd: tuple[float, float, float], camera: Camera) -> NDArray[np.float32]:
    """Turn a centre that a user points at, pixel, pixel and mm, into camera coordinates, shape (3,).

    Raises:
        UserError: If it is outside the image or not in front of the camera.
    """
    u, v, d = uvd
    if not (0 <= u < camera.width and 0 <= v < camera.height):
        size = f"{camera.width} x {camera.height}"
        raise UserError(f"the centre {u:g},{v:g} is outside the image of {size} pixels; give column,row,mm")
    if not 0 < d < float("inf"):
        raise UserError(f"the depth of the centre must be positive and in mm, got {d:g}")
    return uvd_to_xyz(np.array(uvd, np.float64), camera.intrinsics_array()).astype(np.float32)


@lru_cache(maxsize=8)
def _undistortion(camera: Camera, distortion: Distortion) -> NDArray[np.int64]:
    return undistortion_pixels(camera, distortion)
