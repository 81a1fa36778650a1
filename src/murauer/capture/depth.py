"""The one gate of depth: images on disk and arrays that users hand in, checked, in millimetres.

Behind this file a depth image is (H, W) in mm with 0 where nothing was measured; nothing else knows about
PNG modes, packed channels, units or scales.
"""

import math
from functools import lru_cache
from numbers import Real
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from murauer.errors import UserError
from murauer.geometry.arrays import as_array
from murauer.geometry.camera import Camera, uvd_to_xyz
from murauer.geometry.distortion import Distortion, undistort_depth, undistortion_pixels

DEPTH_UNIT_MM = 0.1
"""One step of the stored 16-bit depth, in mm: range 6.5 m, finer than any sensor's noise."""


NYU_NOTHING = 2001
"""The value by which the NYU recordings mark pixels without a measurement (0 marks them too)."""

MINIMUM_DEPTH_RANGE_MM = 20.0
"""An image whose farthest pixel is nearer than this is in metres or another unit, not in millimetres."""


def read_depth(
    path: str | Path, camera: Camera | None = None, depth_scale: float | None = None
) -> NDArray[np.float32]:
    """Read a depth image.

    Three formats are told apart by their content: 16-bit grey PNG; the 8-bit RGB PNG of the NYU Hand Pose
    Dataset, which packs depth in mm as 256 G + B; and `.npy` with an integer or floating-point (H, W) array.
    In floating-point arrays NaN and infinity mean "no measurement", as 0 does everywhere.

    Args:
        path: The file.
        camera: Its camera, if known: the image must have the camera's size.
        depth_scale: Millimetres per unit of the stored numbers, 1 by default.

    Returns:
        Depth in mm, shape (H, W), float32, 0 = no measurement.

    Raises:
        UserError: If the file cannot be read, is no depth image of a known format, disagrees with the camera
            or the scale, or holds no measurement.
    """
    path = Path(path)
    if depth_scale is not None and not (math.isfinite(depth_scale) and depth_scale > 0):
        raise UserError(f"the depth scale must be a positive number of mm per unit, got {depth_scale}")
    try:
        stored, fixed_scale = _read_npy(path, camera) if path.suffix == ".npy" else _read_png(path, camera)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    if fixed_scale is not None and depth_scale not in (None, fixed_scale):
        raise UserError(f"{path} is an NYU packed image, which is in millimetres; leave the depth scale away")
    depth = stored.astype(np.float32) * np.float32(depth_scale or 1.0)
    if not depth.any():
        raise UserError(f"{path} holds no measurement: every pixel is 0")
    if depth.min() < 0:
        raise UserError(f"{path} holds negative depth ({depth.min():g}); write missing pixels as 0")
    if depth.max() < MINIMUM_DEPTH_RANGE_MM:
        raise UserError(
            f"{path} is nearer than {depth.max():g} mm everywhere; give the millimetres per unit as depth "
            "scale (1000 if it is in metres)"
        )
    return depth


def _read_npy(path: Path, camera: Camera | None) -> tuple[NDArray[np.generic], None]:
    """Return the array, with 0 for NaN and infinity, and no fixed scale."""
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise UserError(f"{path} is no complete .npy array of numbers; write it by numpy.save") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "uif":
        raise UserError(f"{path} does not hold an array of numbers; expected depth, height x width")
    if array.ndim != 2 or array.size == 0:
        raise UserError(f"{path} has shape {array.shape}; expected one depth image, (height, width)")
    _check_size(path, array.shape[1], array.shape[0], camera)
    if array.dtype.kind == "f":
        measured = np.isfinite(array)
        if not measured.any():
            raise UserError(f"{path} holds no measurement: every pixel is NaN or infinite")
        array = np.where(measured, array, 0)
    return array, None


def _read_png(path: Path, camera: Camera | None) -> tuple[NDArray[np.generic], float | None]:
    """Return the stored numbers, and the scale if the format fixes it."""
    if path.is_file() and path.stat().st_size == 0:
        raise UserError(f"{path} is empty; copy or record it again")
    try:
        with Image.open(path, formats=["PNG"]) as image:
            _check_size(path, image.width, image.height, camera)
            mode, pixels = image.mode, np.asarray(image)
    except UnidentifiedImageError as error:
        raise UserError(f"{path} is no PNG image; use 16-bit PNG, NYU RGB PNG or .npy") from error
    except (SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise UserError(f"{path} is damaged ({error}); copy or record it again") from error
    except OSError as error:
        if error.errno is None:  # Pillow's own, such as "image file is truncated"
            raise UserError(f"{path} is damaged ({error}); copy or record it again") from error
        raise
    if mode.startswith("I"):
        return pixels, None
    if mode == "RGB":
        return _unpack_nyu(path, pixels), 1.0
    raise UserError(
        f"{path} is an 8-bit image (mode {mode}), too coarse for depth; expected 16-bit grey, NYU RGB or .npy"
    )


def _unpack_nyu(path: Path, pixels: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return depth in mm from the NYU packing, whose red channel is unused."""
    red, green, blue = np.moveaxis(pixels.astype(np.uint16), -1, 0)
    if red.any():
        raise UserError(
            f"{path} is a colour image, not NYU depth (depth = 256 G + B, red unused); give a depth image"
        )
    depth = 256 * green + blue
    depth[depth == NYU_NOTHING] = 0
    return depth


def _check_size(path: Path, width: int, height: int, camera: Camera | None) -> None:
    """Refuse an image that this camera did not take."""
    if camera is not None and (width, height) != (camera.width, camera.height):
        raise UserError(
            f"{path} is {width} x {height} pixels but the camera has {camera.width} x {camera.height}; "
            "give the camera of this image"
        )


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
