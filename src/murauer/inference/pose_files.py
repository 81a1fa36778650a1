"""Predicted joints as JSON, CSV and COCO keypoints."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from murauer.camera import Camera, xyz_to_uvd
from murauer.data.keypoint_file import Keypoints, format_keypoints
from murauer.errors import UserError
from murauer.files import written_whole
from murauer.inference.predict import HandPoses
from murauer.skeletons import find_skeleton

DECIMALS = 3
"""Digits after the point: micrometres, and thousandths of a pixel."""


@dataclass(frozen=True)
class PoseRecord:
    """What was predicted for the frames of one file or batch, and where they came from.

    Attributes:
        files: Name of each of the B frames.
        poses: Their joints.
    """

    files: tuple[str, ...]
    poses: HandPoses


def to_document(records: Sequence[PoseRecord], camera: Camera, model: str) -> dict[str, Any]:
    """Collect predictions as what JSON can hold.

    Args:
        records: At least one, all with the same skeleton.
        camera: The camera of all frames.
        model: What predicted them.

    Returns:
        `model`, `camera`, `skeleton`, `joints` (names) and `frames`: `file`, `centre_xyz_mm`, `centre_uvd`,
        `joints_xyz_mm` and `joints_uvd` of each.
    """
    skeleton = records[0].poses.skeleton
    frames = []
    for record in records:
        poses = record.poses
        centre_uvd = xyz_to_uvd(poses.centre, camera.intrinsics(poses.centre.device))
        for index, file in enumerate(record.files):
            frames.append(
                {
                    "file": file,
                    "centre_xyz_mm": _rounded(poses.centre[index]),
                    "centre_uvd": _rounded(centre_uvd[index]),
                    "joints_xyz_mm": _rounded(poses.joints_xyz[index]),
                    "joints_uvd": _rounded(poses.joints_uvd[index]),
                }
            )
    return {
        "model": model,
        "camera": camera.to_dict(),
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
    """Format predictions as CSV, one joint a line: file, joint, x_mm, y_mm, z_mm, u_px, v_px, d_mm."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("file", "joint", "x_mm", "y_mm", "z_mm", "u_px", "v_px", "d_mm"))
    for frame in document["frames"]:
        rows = zip(document["joints"], frame["joints_xyz_mm"], frame["joints_uvd"], strict=True)
        writer.writerows((frame["file"], joint, *xyz, *uvd) for joint, xyz, uvd in rows)
    return text.getvalue()


def to_coco(document: dict[str, Any]) -> str:
    """Format predictions as a COCO keypoint file, from which labels can be made; see `keypoint_file`."""
    camera, skeleton = document["camera"], find_skeleton(document["skeleton"])
    labels = (
        Keypoints(
            frame["file"],
            torch.tensor(frame["joints_uvd"])[:, :2],
            torch.tensor(frame["joints_xyz_mm"]),
            camera["width"],
            camera["height"],
        )
        for frame in document["frames"]
    )
    return format_keypoints(skeleton, labels, about=f"predicted by {document['model']}")


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


def _rounded(values: Tensor) -> list[Any]:
    """Turn (3,) or (J, 3) into lists with a fixed number of digits."""
    return (values.double() * 10**DECIMALS).round().div(10**DECIMALS).tolist()
