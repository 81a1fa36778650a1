"""Depth images on disk -> depth in millimetres.

Below this file a depth image is float32 (H, W) in mm with 0 where nothing was measured; nothing else
knows about PNG modes, packed channels or scales.
"""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from murauer.camera import Camera
from murauer.errors import UserError

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
        stored, fixed_scale = (
            _read_npy(path, camera) if path.suffix.lower() == ".npy" else _read_png(path, camera)
        )
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
