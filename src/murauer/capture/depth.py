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

from murauer.capture.camera_file import CaptureCamera, Packing
from murauer.errors import UserError
from murauer.foreign.arrays import list_archive, load_archive, load_array, read_header
from murauer.foreign.limits import check_pixels, reading
from murauer.geometry.arrays import as_array
from murauer.geometry.camera import CAMERAS, Camera, uvd_to_xyz
from murauer.geometry.distortion import OUTSIDE, Distortion, undistort_depth, undistortion_pixels
from murauer.geometry.oddities import looks_swapped

DEPTH_UNIT_MM = 0.1
"""One step of the stored 16-bit depth, in mm: range 6.5 m, finer than any sensor's noise."""

NYU_NOTHING = 2001
"""The value by which the NYU recordings mark pixels without a measurement (0 marks them too)."""

NYU_FARTHEST_MM, NYU_SHARE = 10_000, 0.1
"""Packed depth is hardly ever beyond this: a larger share of it, or none beyond 255 mm, are colours."""

NYU_SATURATED = 0.3
"""Share of the pixels beyond 255 mm whose low byte is full: one in 256 in depth, nearly all in colours."""

METRES_UP_TO = 20.0
"""Depth that is all smaller is in metres, depth that is all larger in mm: no camera sees otherwise."""

LEAST_UNDISTORTED = 0.3
"""Share of the image that a lens must show; less is left by coefficients of another one."""

SIGNATURES = {
    b"\x93NUMPY": "npy",
    b"PK\x03\x04": "npz",
    b"\x76\x2f\x31\x01": "OpenEXR",
    b"\xff\xd8\xff": "JPEG",
}
"""How files begin that Pillow is not to read."""


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
    signature = _signature(path)
    stored = _read_picture(path) if signature is None else _read_array(path, signature)
    if pinhole is not None and pinhole.width and stored.shape[:2] != (pinhole.height, pinhole.width):
        raise UserError(
            f"{path} is {stored.shape[1]} x {stored.shape[0]} pixels but the camera has {pinhole.width} x "
            f"{pinhole.height}; give the camera of this image"
        )
    if stored.ndim == 3:
        _check_packing(path, stored, packing or _packing_of(camera))
        if depth_scale not in (None, 1.0):
            raise UserError(
                f"{path} is an NYU packed image, which is in millimetres; leave the depth scale away"
            )
        return _in_millimetres(_unpack_nyu(path, stored), None, path)
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


def _signature(path: Path) -> str | None:
    """Tell by its first bytes what is no picture, or none of depth."""
    with reading(path), path.open("rb") as file:
        head = file.read(8)
    if not head:
        raise UserError(f"{path} is empty; copy or record it again")
    found = next((name for begin, name in SIGNATURES.items() if head.startswith(begin)), None)
    if found is None and path.suffix in (".npy", ".npz"):
        raise UserError(f"{path} is no complete {path.suffix} array of numbers; write it by numpy.save")
    if found in ("OpenEXR", "JPEG"):
        raise UserError(
            f"{path} is no PNG image but {found}, which is not read; save 16-bit PNG or TIFF, or .npy"
        )
    return found


def _read_array(path: Path, signature: str) -> NDArray[np.generic]:
    """Return the array of an .npy file, or the only one of an .npz file."""
    headers = {path.stem: read_header(path)} if signature == "npy" else list_archive(path)
    if len(headers) != 1:
        names = ", ".join(headers) or "of nobody"
        raise UserError(f"{path} holds the arrays {names}; expected one depth image")
    (header,) = headers.values()
    if header.dtype.kind not in "uif":
        raise UserError(f"{path} does not hold an array of numbers; expected depth, height x width")
    if len(header.shape) != 2 or 0 in header.shape:
        raise UserError(
            f"{path} has shape {header.shape}; expected one depth image, (height, width); several are a "
            "source, see docs/sources.md"
        )
    check_pixels(header.shape[1], header.shape[0], path)
    return load_array(path) if signature == "npy" else next(iter(load_archive(path).values()))


def _read_picture(path: Path) -> NDArray[np.generic]:
    """Return the numbers of a PNG or TIFF image: (H, W), or (H, W, 3) of an RGB one."""
    from murauer.foreign.images import read_image  # start-up

    mend = "use 16-bit PNG or TIFF, NYU's RGB PNG, or .npy"
    mode, pixels = read_image(path, path, ("PNG", "TIFF"), mend)
    if not mode.startswith(("I", "F")) and mode != "RGB":
        raise UserError(
            f"{path} is an 8-bit image (mode {mode}), too coarse for depth and made for eyes; save the depth "
            "itself: 16-bit grey PNG or TIFF, or .npy"
        )
    return pixels


def _packing_of(camera: Camera | CaptureCamera | None) -> Packing:
    """What a camera says of its images; NYU's own says that they are packed, whoever names it."""
    if isinstance(camera, CaptureCamera):
        return camera.packing
    return "nyu" if camera == CAMERAS["nyu"] else "plain"


def _check_packing(path: Path, pixels: NDArray[np.generic], packing: Packing) -> None:
    """Refuse colours that are no packed depth."""
    red, green, blue = np.moveaxis(pixels, -1, 0)
    preview = f"{path} is a colour image, a preview of depth for eyes"
    if (red == green).all() and (green == blue).all():
        raise UserError(f"{preview} in 8 bits of grey; save the depth itself, as 16-bit PNG or .npy")
    far, saturated = (green >= NYU_FARTHEST_MM // 256).mean(), (blue == 255) & (green > 0)
    if (
        red.any()
        or green.max() == 0
        or far > NYU_SHARE
        or saturated.sum() > NYU_SATURATED * (green > 0).sum()
    ):
        raise UserError(
            f"{preview} or a photograph, not NYU depth (depth = 256 G + B, red unused); save the depth "
            "itself, as 16-bit PNG or .npy"
        )
    if packing != "nyu":
        raise UserError(
            f"{path} is a colour image without red, as the NYU dataset packs depth; if it is of that kind, "
            'give the camera nyu, or "packing": "nyu" in the camera file'
        )


def _unpack_nyu(path: Path, pixels: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return depth in mm from the NYU packing, whose red channel is unused."""
    _, green, blue = np.moveaxis(pixels.astype(np.uint16), -1, 0)
    depth: NDArray[np.generic] = 256 * green + blue
    return np.where(depth == NYU_NOTHING, 0, depth)


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


def undistort(depth: NDArray[Any], camera: Camera, distortion: Distortion) -> NDArray[Any]:
    """Undo the lens of an image (H, W).

    Raises:
        UserError: If the lens is that of another camera.
    """
    return depth if distortion.is_pinhole else undistort_depth(depth, _undistortion(camera, distortion))


@lru_cache(maxsize=8)
def _undistortion(camera: Camera, distortion: Distortion) -> NDArray[np.int64]:
    pixels = undistortion_pixels(camera, distortion)
    share = float((pixels != OUTSIDE).mean())
    if share < LEAST_UNDISTORTED:
        raise UserError(
            f"undoing the lens would leave {100 * share:.0f} % of the image; give the coefficients of this "
            "camera, in OpenCV's order k1 k2 p1 p2 k3"
        )
    return pixels
