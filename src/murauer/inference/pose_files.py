"""Predicted joints as JSON, CSV and COCO keypoints."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from murauer.capture.keypoint_file import Keypoints, format_keypoints
from murauer.errors import UserError
from murauer.files import written_whole
from murauer.geometry.camera import Camera, xyz_to_uvd
from murauer.geometry.distortion import PINHOLE, Distortion, project
from murauer.geometry.skeletons import find_skeleton
from murauer.inference.pose import HandPose
from murauer.text_files import read_table, to_number

DECIMALS = 3
"""Digits after the point: micrometres, and thousandths of a pixel."""


def to_document(
    poses: Sequence[tuple[str, HandPose]], camera: Camera, model: str, distortion: Distortion = PINHOLE
) -> dict[str, Any]:
    """Collect predictions as what JSON can hold.

    Args:
        poses: Name of the file and what was predicted for it; at least one, all with the same skeleton.
        camera: The camera of all frames.
        model: What predicted them.
        distortion: Of the lens, which was undone.

    Returns:
        `model`, `camera`, `distortion` if there is any, `skeleton`, `joints` (names) and `frames`: `file`,
        `handedness`, `confidence`, `centre_xyz_mm`, `centre_uvd`, `joints_xyz_mm`, `joints_uvd` and `problem`
        of each. Pixels are those of the undistorted image. Of a frame without a hand all but `file`,
        `confidence` (0) and `problem` are None.
    """
    skeleton = poses[0][1].skeleton
    frames = [
        {
            "file": file,
            "handedness": pose.handedness,
            "confidence": round(pose.confidence, DECIMALS),
            "centre_xyz_mm": _rounded(pose.centre),
            "centre_uvd": _rounded(xyz_to_uvd(pose.centre, camera.intrinsics_array())),
            "joints_xyz_mm": _rounded(pose.joints_xyz),
            "joints_uvd": _rounded(pose.joints_uvd),
            "problem": pose.problem,
        }
        for file, pose in poses
    ]
    return {
        "model": model,
        "camera": camera.to_dict(),
        **({} if distortion.is_pinhole else {"distortion": asdict(distortion)}),
        "skeleton": skeleton.name,
        "joints": list(skeleton.joints),
        "frames": frames,
    }


def to_json(document: dict[str, Any]) -> str:
    """Format predictions as JSON, one frame a line."""
    head = {key: value for key, value in document.items() if key != "frames"}
    frames = ",\n  ".join(json.dumps(frame) for frame in document["frames"])
    return json.dumps(head, indent=1)[:-2] + f',\n "frames": [\n  {frames}\n ]\n}}\n'


def to_csv(document: dict[str, Any]) -> str:
    """Format predictions as CSV, one joint a line: file, joint, x_mm, y_mm, z_mm, u_px, v_px, d_mm.

    A frame without a hand has as many lines as the others, without numbers.
    """
    nothing = [[None] * 3] * len(document["joints"])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("file", "joint", "x_mm", "y_mm", "z_mm", "u_px", "v_px", "d_mm"))
    for frame in document["frames"]:
        joints_xyz, joints_uvd = frame["joints_xyz_mm"] or nothing, frame["joints_uvd"] or nothing
        rows = zip(document["joints"], joints_xyz, joints_uvd, strict=True)
        writer.writerows((frame["file"], joint, *xyz, *uvd) for joint, xyz, uvd in rows)
    return text.getvalue()


def to_coco(document: dict[str, Any]) -> str:
    """Format predictions as a COCO keypoint file, from which labels can be made; see `keypoint_file`.

    Pixels are those of the image as it is stored, as in labels. Frames without a hand are left away.
    """
    camera, distortion = Camera.from_dict(document["camera"]), Distortion(**document.get("distortion", {}))
    hands = (
        (frame["file"], np.array(frame["joints_xyz_mm"], np.float32))
        for frame in document["frames"]
        if frame["problem"] is None
    )
    labels = (
        Keypoints(file, project(xyz, camera, distortion)[:, :2], xyz, camera.width, camera.height)
        for file, xyz in hands
    )
    about = f"predicted by {document['model']}"
    return format_keypoints(find_skeleton(document["skeleton"]), labels, about)


CENTRE_COLUMNS = ("frame", "u", "v", "d")

FORMATS: dict[str, Callable[[dict[str, Any]], str]] = {
    ".coco.json": to_coco,
    ".json": to_json,
    ".csv": to_csv,
}
"""By the end of the file's name, the more special first."""


def check_pose_path(path: Path) -> None:
    """Refuse a file name that says nothing of the format, before any work is done.

    Raises:
        UserError: If the name ends in none of `FORMATS`.
    """
    if not path.name.endswith(tuple(FORMATS)) and not path.is_char_device():
        raise UserError(f"cannot tell the format of {path}; let its name end in {' or '.join(FORMATS)}")


def write_poses(path: Path, document: dict[str, Any]) -> None:
    """Write predictions in the format that the file's name asks for; complete or not at all.

    Raises:
        UserError: If the name asks for no known format, or the file cannot be written.
    """
    check_pose_path(path)
    write = next((each for end, each in FORMATS.items() if path.name.endswith(end)), to_json)
    text = write(document)
    with written_whole(path) as partial:
        partial.write_text(text, encoding="utf-8")


def read_centres(path: Path) -> dict[str, tuple[float, float, float]]:
    """Read where the hand is in each of many frames.

    Args:
        path: CSV with lines `frame,u,v,d`: name of the file, pixel, pixel, mm; the first line is this.

    Returns:
        Pixel, pixel and mm by the name of the file, without its folder.

    Raises:
        UserError: The file cannot be read, or a line is of another form.
    """
    centres = {}
    for row in read_table(path, CENTRE_COLUMNS):
        name, *uvd = row.values()
        try:
            u, v, d = (to_number(cell) for cell in uvd)
        except ValueError as error:
            raise UserError(
                f"{path}: the centre of {name} must be three numbers, got {','.join(uvd)}"
            ) from error
        centres[Path(name).name] = (u, v, d)
    if not centres:
        raise UserError(f"{path} has no centres; its lines are {','.join(CENTRE_COLUMNS)}")
    return centres


def _rounded(values: NDArray[Any]) -> list[Any] | None:
    """Turn (3,) or (J, 3) into lists with a fixed number of digits; None where there are no numbers."""
    return values.astype(np.float64).round(DECIMALS).tolist() if np.isfinite(values).all() else None
