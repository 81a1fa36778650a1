"""Cameras by name and from files: intrinsics, lens, how depth is stored, and pose.

Keys are those of the BOP benchmark's `camera.json` and `scene_camera.json`, and OpenCV's for the lens; those
of other programs are understood, too, see `camera_spellings` and docs/capture_format.md.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from murauer.capture.camera_spellings import chained_poses, in_our_keys, numbers
from murauer.errors import UserError
from murauer.files import written_whole
from murauer.foreign.limits import MOST_SIDE
from murauer.foreign.yaml_text import parse_yaml
from murauer.geometry.camera import CAMERAS, Camera, finite_number
from murauer.geometry.distortion import COEFFICIENTS, PINHOLE, Distortion
from murauer.text_files import open_text, read_json

if TYPE_CHECKING:
    from murauer.geometry.rig import CameraRig

CAMERA_FILE = "camera.json"
CAMERA_SUFFIXES = (".json", ".yaml", ".yml")

Packing = Literal["plain", "nyu"]
"""What pixels of depth images hold: a number; or, in the RGB images of the NYU dataset, 256 G + B in mm."""

NEARLY_RIGID = 0.01
"""How far a printed rotation may be from a true one: more than rounding to three digits does."""

ROI = ("x_offset", "y_offset", "width", "height")
"""What ROS says of a part of an image."""

LEAST_SCALE, MOST_SCALE = 1e-6, 1e6
"""Millimetres per unit: nanometres and kilometres are the units of no camera."""

MOST_CAMERAS = 64
"""Of one capture or message."""

LEAST_BASELINE_MM = 10.0
"""Two depth cameras cannot be nearer to each other than this; calibrations in metres look as if they were."""


@dataclass(frozen=True, eq=False)
class CaptureCamera:
    """One camera of a capture.

    Attributes:
        name: Name of its folder; one that leads to no other place.
        camera: Intrinsics and size.
        distortion: Distortion of its lens.
        depth_scale: Millimetres per unit of the stored numbers. None if the file does not say: 1 for whole
            numbers, while the size of floating-point numbers tells whether they are in mm or in m.
        packing: What pixels hold.
        integers_only: Whether the scale is that of whole numbers alone, in which a device sends its depth.
        camera_from_world: Rigid transform in mm, float64, (4, 4); None if it was not calibrated.

    Raises:
        ValueError: If the name cannot be a folder's.
    """

    name: str
    camera: Camera
    distortion: Distortion = PINHOLE
    depth_scale: float | None = None
    camera_from_world: NDArray[np.float64] | None = None
    packing: Packing = "plain"
    integers_only: bool = False

    def __post_init__(self) -> None:
        if self.name in ("", ".", "..") or any(letter in self.name for letter in "/\\\0"):
            raise ValueError(f"a camera cannot be called {self.name!r}: it is to be the name of a folder")

    def scale_of(self, kind: "np.dtype[Any]") -> float | None:
        """Millimetres per unit of stored numbers of a kind; None if their size must tell."""
        return None if self.integers_only and kind.kind == "f" else self.depth_scale

    def for_image(self, width: int, height: int) -> "CaptureCamera":
        """Return the camera as that of images of this size, see `Camera.for_image`.

        Raises:
            UserError: If it cannot be.
        """
        return replace(self, camera=self.camera.for_image(width, height))


NAMED_CAMERAS: dict[str, CaptureCamera] = {
    name: CaptureCamera(name, camera) for name, camera in CAMERAS.items()
}
"""Cameras that are known by name, for `--camera` and `?camera=`, with how they store depth."""


def register_camera(camera: CaptureCamera) -> None:
    """Make a camera known by its name, to all commands."""
    NAMED_CAMERAS[camera.name] = camera


register_camera(replace(NAMED_CAMERAS["nyu"], packing="nyu"))
register_camera(replace(NAMED_CAMERAS["sr305"], depth_scale=0.125, integers_only=True))


def read_camera_file(path: Path, folders: Iterable[str]) -> tuple[CaptureCamera, ...]:
    """Read the cameras of a capture.

    Args:
        path: The file. It holds an object for every camera under the name of its folder, or, for a single
            camera, that object itself.
        folders: Names of the folders that may be the single camera's.

    Returns:
        The cameras, in the order of the file.

    Raises:
        UserError: The file is missing or does not describe cameras.
    """
    if not path.exists():
        raise UserError(
            f"{path.parent} has no {path.name}; write the intrinsics of its cameras there, see "
            "docs/capture_format.md"
        )
    if path.suffix == ".json":
        return parse_cameras(read_json(path), folders, path)
    with open_text(path) as file:
        return parse_cameras(parse_yaml(file, path), folders, path)


def parse_cameras(values: Any, folders: Iterable[str], path: Path | str) -> tuple[CaptureCamera, ...]:
    """Check what a camera file holds.

    Args:
        values: What it says.
        folders: As for `read_camera_file`.
        path: Where it comes from, for the message.

    Raises:
        UserError: It does not describe cameras.
    """
    if not isinstance(values, dict) or not values:
        raise UserError(f"{path} must hold an object with a camera under the name of each camera's folder")
    if len(values) > MOST_CAMERAS and all(isinstance(value, dict) for value in values.values()):
        raise UserError(f"{path} describes {len(values)} cameras; a capture has at most {MOST_CAMERAS}")
    if not all(isinstance(value, dict) for value in values.values()):
        names = sorted(folders)
        if len(names) != 1:
            raise UserError(
                f"{path} describes one camera, but there are {len(names)} folders of frames"
                f"{' (' + ', '.join(names) + ')' if names else ''}; put each camera under its folder's name"
            )
        values = {names[0]: values}
    cameras = tuple(
        _parse_camera(str(name), value, f"{path}, camera {name}")
        for name, value in chained_poses(values, str(path)).items()
    )
    _check_poses(cameras, path)
    return cameras


def find_camera(name_or_path: str) -> CaptureCamera:
    """Find a camera by its name, or the only one of a camera file.

    Raises:
        UserError: There is no such camera, or the file describes several.
    """
    cameras = _find_cameras(name_or_path)
    if len(cameras) != 1:
        names = ", ".join(each.name for each in cameras)
        raise UserError(f"{name_or_path} describes the cameras {names}; give a file with one of them")
    return cameras[0]


def camera_of_frames(name_or_path: str, frames: Iterable[Path]) -> CaptureCamera:
    """Find the camera that took some images.

    Args:
        name_or_path: A camera that is known by name, or the path of a camera file, whose only camera it is or
            the one that has the name of the images' folder.
        frames: Paths of the images.

    Raises:
        UserError: There is no such camera, or the file describes several and the images do not tell of which
            they are.
    """
    cameras = _find_cameras(name_or_path)
    folders = sorted({frame.resolve().parent.name for frame in frames})
    ours = cameras if len(cameras) == 1 else [each for each in cameras if [each.name] == folders]
    if len(ours) != 1:
        raise UserError(
            f"{name_or_path} describes the cameras {', '.join(each.name for each in cameras)}, but the "
            f"frames are in {', '.join(folders)}; give the frames of one camera, in a folder of its name"
        )
    return ours[0]


def _find_cameras(name_or_path: str) -> tuple[CaptureCamera, ...]:
    """The camera of a name, or those of a file."""
    if name_or_path in NAMED_CAMERAS:
        return (NAMED_CAMERAS[name_or_path],)
    path = Path(name_or_path)
    if path.suffix not in CAMERA_SUFFIXES:
        known = ", ".join(NAMED_CAMERAS)
        raise UserError(
            f"unknown camera {name_or_path!r}; use {known} or the path of a camera file (.json, .yaml)"
        )
    return read_camera_file(path, [path.stem])


def write_camera_file(path: Path, cameras: Iterable[CaptureCamera]) -> None:
    """Write the cameras of a capture, so that `read_camera_file` returns the same.

    Raises:
        UserError: The file cannot be written.
    """
    with written_whole(path) as partial:
        partial.write_text(json.dumps(camera_document(cameras), indent=1), encoding="utf-8")


def camera_document(cameras: Iterable[CaptureCamera]) -> dict[str, Any]:
    """What a camera file holds: numbers by camera and key."""
    document = {}
    for each in cameras:
        numbers = each.camera.to_dict()
        values: dict[str, Any] = {
            "cx" if k == "u0" else "cy" if k == "v0" else k: v for k, v in numbers.items()
        }
        values["depth_scale"] = each.depth_scale or 1.0
        if each.packing != "plain":
            values["packing"] = each.packing
        if not each.distortion.is_pinhole:
            values |= asdict(each.distortion)
        if each.camera_from_world is not None:
            values["cam_R_w2c"] = each.camera_from_world[:3, :3].flatten().tolist()
            values["cam_t_w2c"] = each.camera_from_world[:3, 3].tolist()
        document[each.name] = values
    return document


def make_rig(cameras: tuple[CaptureCamera, ...]) -> "CameraRig | None":
    """Return the calibrated rig; None if there are several cameras whose poses are unknown."""
    import torch  # extra

    from murauer.geometry.rig import CameraRig  # extra

    if len(cameras) == 1 and cameras[0].camera_from_world is None:
        return CameraRig((cameras[0].camera,), torch.eye(4)[None])
    poses = [each.camera_from_world for each in cameras if each.camera_from_world is not None]
    if not poses:
        return None
    return CameraRig(tuple(each.camera for each in cameras), torch.from_numpy(np.stack(poses)).float())


def _parse_camera(name: str, values: dict[str, Any], where: str) -> CaptureCamera:
    """Take the parts of a camera apart."""
    values = in_our_keys(values, where)
    lens = {key: finite_number(values.pop(key), f"{where}: {key}") for key in COEFFICIENTS if key in values}
    scale, packing = values.pop("depth_scale", None), values.pop("packing", "plain")
    rotation, translation = values.pop("cam_R_w2c", None), values.pop("cam_t_w2c", None)
    roi, binning = values.pop("roi", None), [values.pop(f"binning_{axis}", 1) for axis in "xy"]
    if scale is not None:
        scale = finite_number(scale, f"{where}: depth_scale")
        if not LEAST_SCALE <= scale <= MOST_SCALE:
            raise UserError(
                f"{where}: depth_scale must be positive, the millimetres per unit, from {LEAST_SCALE:g} to "
                f"{MOST_SCALE:g}; got {scale:g}"
            )
    if packing not in get_args(Packing):
        raise UserError(f"{where}: packing must be {' or '.join(get_args(Packing))}, got {packing!r}")
    if (rotation is None) != (translation is None):
        missing = "cam_R_w2c" if rotation is None else "cam_t_w2c"
        raise UserError(f"{where} lacks {missing}; give both cam_R_w2c and cam_t_w2c, or neither")
    pose = None if rotation is None else _parse_pose(rotation, translation, where)
    camera = Camera.from_dict(values, where)
    try:
        camera = _read_out(camera, roi, binning, where)
        return CaptureCamera(name, camera, Distortion(**lens), scale, pose, packing)
    except ValueError as error:
        raise UserError(f"{where}: {error}") from error


def _read_out(camera: Camera, roi: Any, binning: list[Any], where: str) -> Camera:
    """Apply what ROS says of the part of the sensor that was read out, and how coarsely.

    Its matrix is that of the whole sensor; 0 stands for all of it, and for single pixels.
    """
    if isinstance(roi, dict):
        part = {key: finite_number(roi.get(key, 0), f"{where}: roi.{key}") for key in ROI}
        if max(map(abs, part.values())) > MOST_SIDE:
            raise UserError(
                f"{where}: roi is beyond {MOST_SIDE} pixels, the most that images have along a side"
            )
        left, top, width, height = part.values()
        if width and height:
            camera = camera.cropped(left, top, int(width), int(height))
    across, down = (int(finite_number(each, f"{where}: binning")) or 1 for each in binning)
    if (across, down) == (1, 1):
        return camera
    if not camera.width or min(across, down) < 0:
        raise UserError(f"{where}: binning needs a positive number and the size of the images")
    return camera.resized(camera.width // across, camera.height // down)


def _parse_pose(rotation: Any, translation: Any, where: str) -> NDArray[np.float64]:
    """Return the transform, with a rotation that rounding did not spoil."""
    printed = numbers(rotation, 9, f"{where}: cam_R_w2c").reshape(3, 3)
    pose = np.eye(4)
    pose[:3, 3] = numbers(translation, 3, f"{where}: cam_t_w2c")
    u, _, vt = np.linalg.svd(printed)
    pose[:3, :3] = u @ vt
    if np.abs(pose[:3, :3] - printed).max() > NEARLY_RIGID or np.linalg.det(printed) < 0:
        raise UserError(
            f"{where}: cam_R_w2c is no rotation (its determinant is {np.linalg.det(printed):.3f} and must be "
            "1, its rows must be orthogonal); write the rotation row by row, without scale or mirroring"
        )
    return pose


def _check_poses(cameras: tuple[CaptureCamera, ...], path: Path | str) -> None:
    """Refuse rigs of which a part is missing or that are in metres."""
    posed = [each for each in cameras if each.camera_from_world is not None]
    if posed and len(posed) < len(cameras):
        lacking = next(each.name for each in cameras if each.camera_from_world is None)
        raise UserError(
            f"{path}: camera {posed[0].name} has a pose but {lacking} has none; give cam_R_w2c and cam_t_w2c "
            "of all cameras, or of none"
        )
    places = [
        -pose[:3, :3].T @ pose[:3, 3]
        for pose in (each.camera_from_world for each in posed)
        if pose is not None
    ]
    for index, place in enumerate(places[1:], start=1):
        distance = float(np.linalg.norm(place - places[0]))
        if distance < LEAST_BASELINE_MM:
            raise UserError(
                f"{path}: cameras {posed[0].name} and {posed[index].name} are {distance:.2g} mm apart; "
                "cam_t_w2c is in millimetres (multiply metres by 1000)"
            )
