"""Formats of depth images on disk: from a file to the numbers in it, in whatever unit they are."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from murauer.capture.camera_file import Packing
from murauer.errors import UserError
from murauer.foreign.arrays import list_archive, load_archive, load_array, read_header
from murauer.foreign.limits import check_pixels, reading

NYU_NOTHING = 2001
"""The value by which the NYU recordings mark pixels without a measurement (0 marks them too)."""

NYU_FARTHEST_MM, NYU_SHARE = 10_000, 0.1
"""Packed depth is hardly ever beyond this: a larger share of it, or none beyond 255 mm, are colours."""

NYU_SATURATED = 0.3
"""Share of the pixels beyond 255 mm whose low byte is full: one in 256 in depth, nearly all in colours."""

SIGNATURES = {
    b"\x93NUMPY": "npy",
    b"PK\x03\x04": "npz",
    b"\x76\x2f\x31\x01": "OpenEXR",
    b"\xff\xd8\xff": "JPEG",
}
"""How files begin that Pillow is not to read."""


def read_numbers(path: Path) -> NDArray[np.generic]:
    """Read what a PNG, TIFF, .npy or .npz file holds; the content tells the format.

    Returns:
        (H, W) of whole or floating-point numbers, or (H, W, 3) of an RGB image.

    Raises:
        UserError: The file cannot be read, or holds no depth.
    """
    signature = _signature(path)
    return _read_picture(path) if signature is None else _read_array(path, signature)


def unpack_nyu(path: Path, pixels: NDArray[np.generic], packing: Packing) -> NDArray[np.generic]:
    """Return depth in mm, (H, W), of an RGB image in the NYU packing, whose red channel is unused.

    Raises:
        UserError: The packing is another, or the colours are no packed depth.
    """
    _check_packing(path, pixels, packing)
    _, green, blue = np.moveaxis(pixels.astype(np.uint16), -1, 0)
    depth: NDArray[np.generic] = 256 * green + blue
    return np.where(depth == NYU_NOTHING, 0, depth)


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
