"""How other programs write a camera down, in our keys: BOP, ROS, RealSense's SDK, Open3D and Kalibr.

Our keys are `fx fy u0 v0 width height` in pixels, `is_crop`, the lens's coefficients by OpenCV's names,
`depth_scale` in mm per unit, `packing`, and `cam_R_w2c cam_t_w2c` in mm.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from murauer.errors import UserError
from murauer.geometry.distortion import COEFFICIENTS

INTRINSICS, SIDES = ("fx", "fy", "u0", "v0"), ("width", "height")

NAMES = {
    "cx": "u0", "cy": "v0",  # OpenCV, BOP
    "ppx": "u0", "ppy": "v0", "coeffs": "lens", "model": "distortion_model",  # RealSense
    "image_width": "width", "image_height": "height",  # ROS: the file of camera_calibration
    "camera_matrix": "matrix", "distortion_coefficients": "lens",
    "K": "matrix", "k": "matrix", "D": "lens", "d": "lens",  # ROS: a camera_info message, ROS 1 and 2
    "intrinsic_matrix": "matrix",  # Open3D, column by column
    "cam_K": "matrix",  # BOP, row by row
    "distortion_coeffs": "lens",  # Kalibr
}  # fmt: skip
"""Other names of what we have a name for; `matrix` and `lens` are taken apart below."""

SAYS_NOTHING = {
    "header", "camera_name", "frame_id",  # ROS
    "R", "r", "P", "p", "rectification_matrix", "projection_matrix",  # ROS
    "rostopic", "cam_overlaps", "timeshift_cam_imu", "T_cam_imu",  # Kalibr
    "extrinsic", "class_name", "version_major", "version_minor",  # Open3D
}  # fmt: skip
"""Keys without which the depth image is understood: of rectified images, other sensors, clocks and poses."""

OPENCV_LENSES = ("plumb_bob", "radtan", "rational_polynomial", "brown_conrady", "none", "")
"""Names of lens models whose coefficients are OpenCV's."""

METRES_PER_UNIT = 0.02
"""RealSense's SDK gives metres per unit, all below this; as mm per unit, 16 bits would end at 1.3 m."""


LARGEST = 1e9
"""Of the numbers in matrices, in their units; NaN and infinity are not smaller."""


def in_our_keys(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Rename what a camera's description has, and take lists and matrices apart.

    Args:
        values: What the file says of one camera.
        where: What it comes from, for the message.

    Returns:
        Our keys, and those that nobody knows.

    Raises:
        UserError: If something is not of its form, or the lens or the camera is of a model that is not known.
    """
    if isinstance(values.get("intrinsic"), Mapping):  # Open3D's camera with its pose
        values = values["intrinsic"]
    of_realsense = "ppx" in values
    values = {NAMES.get(key, key): value for key, value in values.items() if key not in SAYS_NOTHING}
    if values.pop("camera_model", "pinhole") != "pinhole":
        raise UserError(f"{where} is no pinhole camera; calibrate it as one (Kalibr: pinhole-radtan)")
    if "matrix" in values:
        values |= _split_matrix(_data(values.pop("matrix")), where)
    if "intrinsics" in values:
        values |= _named(INTRINSICS, values.pop("intrinsics"), f"{where}: intrinsics")
    if "resolution" in values:
        values |= _named(SIDES, values.pop("resolution"), f"{where}: resolution")
    model = str(values.pop("distortion_model", "")).lower().rpartition(".")[2].replace(" ", "_")
    if "lens" in values:
        values |= _split_lens(model, _data(values.pop("lens")), where)
    scale = values.get("depth_scale")
    if of_realsense and isinstance(scale, float) and 0 < scale < METRES_PER_UNIT:
        values["depth_scale"] = round(1000 * scale, 6)
    return values


def chained_poses(cameras: Mapping[str, Mapping[str, Any]], where: str) -> dict[str, dict[str, Any]]:
    """Give the cameras of a Kalibr chain, where each has its pose to the one before it, poses to the first.

    Args:
        cameras: What the file says of each.
        where: What it comes from, for the message.

    Returns:
        The same with `cam_R_w2c` and `cam_t_w2c` in mm in place of `T_cn_cnm1` in m.

    Raises:
        UserError: If a pose is not of its form.
    """
    chained = {name: dict(values) for name, values in cameras.items()}
    if not any("T_cn_cnm1" in values for values in chained.values()):
        return chained
    camera_from_first = np.eye(4)
    for name, values in chained.items():
        if "T_cn_cnm1" in values:
            step = numbers(values.pop("T_cn_cnm1"), 16, f"{where}, camera {name}: T_cn_cnm1").reshape(4, 4)
            camera_from_first = step @ camera_from_first
        values["cam_R_w2c"] = camera_from_first[:3, :3].tolist()
        values["cam_t_w2c"] = (1000 * camera_from_first[:3, 3]).tolist()
    return chained


def numbers(values: Any, count: int, where: str) -> NDArray[np.float64]:
    """Check a list, or nested lists, of numbers.

    Raises:
        UserError: If they are others, or not as many.
    """
    try:
        array = np.asarray(values, dtype=np.float64).ravel()
    except (TypeError, ValueError, OverflowError):
        array = np.empty(0)
    if array.size != count or not (np.abs(array) < LARGEST).all():
        raise UserError(f"{where} must be {count} numbers, got {values!r}")
    return array


def _data(values: Any) -> Any:
    """The numbers of a matrix that ROS writes with its rows and columns."""
    return values.get("data") if isinstance(values, Mapping) else values


def _named(names: tuple[str, ...], values: Any, where: str) -> dict[str, float]:
    return dict(zip(names, numbers(values, len(names), where).tolist(), strict=True))


def _split_matrix(matrix: Any, where: str) -> dict[str, float]:
    """Return the intrinsics of a 3 x 3 camera matrix, written row by row or column by column."""
    k = numbers(matrix, 9, f"{where}: the camera matrix").reshape(3, 3)
    rows = k.T if k[2].any() and not (k[:2, 2]).any() and (k[2, :2]).any() else k
    if rows[0, 1] != 0 or rows[1, 0] != 0 or rows[2].tolist() != [0, 0, 1]:
        raise UserError(f"{where}: the camera matrix must be fx 0 cx 0 fy cy 0 0 1, row by row; got {matrix}")
    return {
        "fx": rows[0, 0].item(),
        "fy": rows[1, 1].item(),
        "u0": rows[0, 2].item(),
        "v0": rows[1, 2].item(),
    }


def _split_lens(model: str, coefficients: Any, where: str) -> dict[str, float]:
    """Name the coefficients of a lens."""
    count = len(coefficients) if isinstance(coefficients, list) else -1
    lens = numbers(coefficients, max(count, 0), f"{where}: the lens's coefficients")
    if not lens.any():
        return {}
    if model not in OPENCV_LENSES or lens[len(COEFFICIENTS) :].any():
        known = ", ".join(OPENCV_LENSES[:3])
        what = f"of the model {model!r}" if model not in OPENCV_LENSES else f"of {count} coefficients"
        raise UserError(
            f"{where} has a lens {what}, which cannot be undone here; undistort the depth by nearest "
            f"neighbour and leave the lens away, or calibrate it as {known}"
        )
    return dict(zip(COEFFICIENTS, lens.tolist(), strict=False))
