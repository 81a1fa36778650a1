"""Cameras of frames that come without them: a known camera or a camera file, named in an option."""

from dataclasses import replace
from pathlib import Path

from murauer.capture.camera_file import CAMERA_FILE, NAMED_CAMERAS, CaptureCamera, read_camera_file
from murauer.capture.sources.source import check_positive
from murauer.errors import UserError


def choose_cameras(
    option: str | None, folder: Path, names: list[str], depth_scale: float | None = None
) -> tuple[CaptureCamera, ...]:
    """Find the cameras of a source.

    Args:
        option: A camera that is known by name, or the path of a camera file (docs/capture_format.md); by
            default the `camera.json` in the folder.
        folder: Where the frames are.
        names: Names of the cameras; a file with several must have just these.
        depth_scale: Millimetres per unit of the stored numbers, if it is not that of the file.

    Raises:
        UserError: There is no such camera, the file does not fit the frames, or a name or the scale is none.
    """
    if option in NAMED_CAMERAS:
        try:
            cameras = tuple(replace(NAMED_CAMERAS[option], name=name) for name in names)
        except ValueError as error:
            raise UserError(f"{folder}: {error}") from error
    elif option is not None or (folder / CAMERA_FILE).exists():
        path = Path(option) if option is not None else folder / CAMERA_FILE
        cameras = read_camera_file(path, names)
        if sorted(each.name for each in cameras) != sorted(names):
            have = ", ".join(each.name for each in cameras)
            raise UserError(f"{path} describes the cameras {have}, but the frames are of {', '.join(names)}")
    else:
        raise UserError(
            f"{folder} has no {CAMERA_FILE}; say which camera took the frames by ?camera= and one of "
            f"{', '.join(NAMED_CAMERAS)} or the path of a camera file"
        )
    if depth_scale is not None:
        check_positive(depth_scale, "depth_scale, the millimetres per unit,")
        cameras = tuple(replace(each, depth_scale=depth_scale, integers_only=False) for each in cameras)
    return cameras
