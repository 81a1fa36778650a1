"""The one gate of depth: images on disk and arrays that users hand in, checked, in millimetres.

Behind this file a depth image is (H, W) in mm with 0 where nothing was measured; nothing else knows about
units or scales, and nothing but `depth_formats` about PNG modes and packed channels.
"""

import math
from numbers import Real
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from murauer.capture.camera_file import CaptureCamera, Packing
from murauer.capture.depth_formats import read_numbers, unpack_nyu
from murauer.errors import UserError
from murauer.geometry.arrays import as_array
from murauer.geometry.camera import CAMERAS, Camera, uvd_to_xyz
from murauer.geometry.distortion import Distortion, undistort
from murauer.geometry.oddities import looks_swapped

DEPTH_UNIT_MM = 0.1
"""One step of the stored 16-bit depth, in mm: range 6.5 m, finer than any sensor's noise."""

METRES_UP_TO = 20.0
"""Depth that is all smaller is in metres, depth that is all larger in mm: no camera sees otherwise."""


class NotMillimetres(UserError):
    """Depth that is too near to be in mm.

    Args:
        fault: What is wrong, without the mending.
    """

    def __init__(self, fault: str) -> None:
        super().__init__(f"{fault}; give the millimetres of one unit as depth scale, 1000 for metres")
        self.fault = fault


def read_depth(
    path: str | Path,
    camera: Camera | CaptureCamera | None = None,
    depth_scale: float | None = None,
    *,
    packing: Packing | None = None,
) -> NDArray[np.float32]:
    """Read a depth image.

    The format is told by the content: PNG and TIFF of 16-bit whole numbers, TIFF of floating-point numbers,
    `.npy` of either, and `.npz` with one such array. An RGB PNG is the packed depth of the NYU Hand Pose
    Dataset, 256 G + B in mm, if the packing or NYU's camera says so. In floating-point numbers NaN and
    infinity mean "no measurement", as 0 does everywhere. Without a scale they are in metres if all are below
    20, and in mm otherwise.

    Args:
        path: The file.
        camera: Its camera, if known: the image must have the camera's size. A capture's camera also says the
            scale and the packing.
        depth_scale: Millimetres per unit of the stored numbers, by default the camera's, or 1.
        packing: What pixels hold, by default what the camera says.

    Returns:
        Depth in mm, shape (H, W), float32, 0 = no measurement.

    Raises:
        UserError: If the file cannot be read, is no depth image of a known format, disagrees with the camera
            or the scale, or holds no measurement.
    """
    path = Path(path)
    if depth_scale is not None and not (math.isfinite(depth_scale) and depth_scale > 0):
        raise UserError(f"the depth scale must be a positive number of mm per unit, got {depth_scale}")
    pinhole = camera.camera if isinstance(camera, CaptureCamera) else camera
    stored = read_numbers(path)
    if pinhole is not None and pinhole.width and stored.shape[:2] != (pinhole.height, pinhole.width):
        raise UserError(
            f"{path} is {stored.shape[1]} x {stored.shape[0]} pixels but the camera has {pinhole.width} x "
            f"{pinhole.height}; give the camera of this image"
        )
    if stored.ndim == 3:
        unpacked = unpack_nyu(path, stored, packing or _packing_of(camera))
        if depth_scale not in (None, 1.0):
            raise UserError(
                f"{path} is an NYU packed image, which is in millimetres; leave the depth scale away"
            )
        return _in_millimetres(unpacked, None, path)
    if depth_scale is None and isinstance(camera, CaptureCamera):
        depth_scale = camera.scale_of(stored.dtype)
    return _in_millimetres(stored, depth_scale, path)


def read_stored(image: NDArray[np.generic], camera: CaptureCamera, where: str) -> NDArray[np.float32]:
    """Turn the numbers of one image, as a file or a stream holds them, into depth in mm.

    Args:
        image: (H, W), whole or floating-point numbers.
        camera: That took it, with its scale.
        where: What they come from, for the message.

    Raises:
        UserError: As for `read_depth`.
    """
    camera.camera.for_image(image.shape[1], image.shape[0])
    return _in_millimetres(image, camera.scale_of(image.dtype), where)


def sized(camera: CaptureCamera, image: Path) -> CaptureCamera:
    """Return a camera with the size of one of its images, if it has none of its own.

    Raises:
        UserError: If the image cannot be read, or cannot be one of the camera.
    """
    if camera.camera.width:
        return camera
    height, width = read_depth(image, camera).shape
    return camera.for_image(width, height)


def _in_millimetres(
    stored: NDArray[np.generic], scale: float | None, where: str | Path
) -> NDArray[np.float32]:
    """Apply the scale, and refuse what cannot be depth."""
    if stored.dtype.kind == "f":
        measured = np.isfinite(stored)
        if not measured.any():
            raise UserError(f"{where} holds no measurement: every pixel is NaN or infinite")
        stored = np.where(measured, stored, 0)
        if scale is None and stored.max() < METRES_UP_TO:
            scale = 1000.0
    depth = stored.astype(np.float32) * np.float32(scale or 1.0)
    if not depth.any():
        raise UserError(f"{where} holds no measurement: every pixel is 0")
    if depth.min() < 0:
        raise UserError(f"{where} holds negative depth ({depth.min():g}); write missing pixels as 0")
    if looks_swapped(stored):
        raise UserError(
            f"{where} has its bytes in the wrong order: neighbouring pixels differ as in noise, and with the "
            "bytes exchanged they do not; write the image again, 16-bit PNG has the high byte first"
        )
    if depth.max() < METRES_UP_TO:
        raise NotMillimetres(f"{where} reaches only {depth.max():.3g} mm with depth_scale {scale or 1:g}")
    return depth


def _packing_of(camera: Camera | CaptureCamera | None) -> Packing:
    """What a camera says of its images; NYU's own says that they are packed, whoever names it."""
    if isinstance(camera, CaptureCamera):
        return camera.packing
    return "nyu" if camera == CAMERAS["nyu"] else "plain"


Unit = Literal["mm", "m"] | float
"""Millimetres, metres, or millimetres per unit of the numbers."""


def read_frame(depth: Any, camera: Camera, unit: Unit, distortion: Distortion | None) -> NDArray[Any]:
    """Turn one image into depth in mm.

    Args:
        depth: (H, W), NumPy array or tensor, integers or floats. 0, NaN and infinity are no measurement.
        camera: Camera that took the frame.
        unit: Unit of the numbers.
        distortion: Distortion of the lens, if the image has not been undistorted.

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
        millimetres = undistort(millimetres, camera, distortion)
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


def centre_of_mass(depth: NDArray[Any], camera: Camera) -> NDArray[np.float32]:
    """Return the centre of all that is measured, of an image that shows nothing but a hand.

    Args:
        depth: (H, W) in mm, 0 = no measurement; something is measured.
        camera: Camera that took the frame.

    Returns:
        The mean pixel at the mean depth, camera coordinates in mm, (3,).
    """
    v, u = np.nonzero(depth)
    uvd = np.array([u.mean(), v.mean(), depth[v, u].mean()])
    return uvd_to_xyz(uvd, camera.intrinsics_array()).astype(np.float32)
