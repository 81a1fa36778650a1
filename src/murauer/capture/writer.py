"""Writer of captures, frame by frame, as a camera delivers them; see docs/capture_format.md."""

import csv
import io
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from murauer.capture.camera_file import CAMERA_FILE, CaptureCamera, read_camera_file, write_camera_file
from murauer.capture.folder_names import LABEL_FILE, PAIR_FOLDER, PERSON_FILE
from murauer.capture.keypoint_file import Keypoints, read_keypoint_file, write_keypoint_file
from murauer.errors import UserError
from murauer.files import written_whole
from murauer.geometry.camera import Camera
from murauer.geometry.distortion import project
from murauer.geometry.skeletons import Skeleton
from murauer.locks import LOCK_FILE, locked

Floats = NDArray[np.float32]

STORED_SCALES = (0.1, 1.0)
"""Least and most millimetres per stored unit: finer ones would not reach beyond 6.5 m in 16 bits."""


class CaptureWriter:
    """Writes a capture; a context manager.

    Frames are on disk as soon as they are written, so that a capture that breaks off keeps them. Labels,
    persons and the lists of held-out frames are written when the capture is closed.

    Args:
        folder: Where to; it must not hold anything, unless this goes on.
        cameras: The synchronised cameras, input view first. Their depth_scale is what is stored by, but for
            scales out of `STORED_SCALES`: depth given in metres cannot be stored in whole ones.
        skeleton: Of the labels, if there will be any.
        label_file: Where labels go; by default where training finds them.
        go_on: Whether to add to a capture of the same cameras, if there is one in the folder; its camera
            file may have got poses.

    Attributes:
        cameras: As they are stored.
        frames: Number of frames in the capture.

    Raises:
        UserError: The folder is not empty or cannot be written, holds a capture of other cameras, or is being
            written by another process.
    """

    def __init__(
        self,
        folder: Path,
        cameras: Sequence[CaptureCamera],
        skeleton: Skeleton | None = None,
        *,
        label_file: str = LABEL_FILE,
        go_on: bool = False,
    ) -> None:
        self.folder = folder
        self.cameras = tuple(_as_stored(each) for each in cameras)
        self.skeleton = skeleton
        self.frames = 0
        self._label_file = folder / label_file
        self._labels: list[Keypoints] = []
        self._persons: list[tuple[str, int]] = []
        self._held_out: dict[str, list[str]] = {}
        if folder.exists() and not folder.is_dir():
            raise UserError(f"{folder} exists and is no folder; choose another one for the capture")
        with ExitStack() as opened:
            opened.enter_context(locked(folder))
            if go_on and (folder / CAMERA_FILE).is_file():
                self._find_what_is_there()
            elif any(path.name != LOCK_FILE for path in folder.iterdir()):
                raise UserError(f"{folder} exists and is not empty; choose another folder for the capture")
            else:
                write_camera_file(folder / CAMERA_FILE, self.cameras)
            self._open = opened.pop_all()

    def write(
        self,
        depths: Sequence[Floats],
        *,
        joints: Mapping[int, Floats] | None = None,
        person: int | None = None,
        held_out: Literal["validation", "test"] | None = None,
        pairs: Sequence[Floats] = (),
    ) -> str:
        """Write one frame.

        Args:
            depths: What each camera saw, before any undistortion; mm, 0 = no measurement, (H, W).
            joints: Labels by camera, in its coordinates in mm, NaN where not labelled; each (J, 3).
            person: Number of the person seen, if known.
            held_out: Set that this frame belongs to if it is not for training.
            pairs: Rendered images of the same pose from the first cameras, without distortion; mm, (H, W).

        Returns:
            The name of the frame.

        Raises:
            UserError: The frame cannot be written; then no camera has it.
            ValueError: The images are not those of the cameras, or labels come without a skeleton.
        """
        name = f"{self.frames:06d}"
        if len(depths) != len(self.cameras):
            raise ValueError(f"{len(depths)} images of {len(self.cameras)} cameras")
        try:
            for camera, depth in zip(self.cameras, depths, strict=True):
                _write_depth(self.folder / camera.name / f"{name}.png", depth, camera)
        except BaseException:  # Ctrl-C too: every camera has every frame, or the capture is none
            self._remove(name)
            raise
        for camera, depth in zip(self.cameras, pairs, strict=False):
            _write_depth(self.folder / PAIR_FOLDER / camera.name / f"{name}.png", depth, camera)
        for view, xyz in (joints or {}).items():
            self._labels.append(self._label(name, self.cameras[view], xyz))
        if person is not None:
            self._persons.append((name, person))
        if held_out is not None:
            self._held_out.setdefault(held_out, []).append(name)
        self.frames += 1
        return name

    def close(self) -> None:
        """Write what is known of the frames.

        Raises:
            UserError: A file cannot be written.
        """
        with self._open:
            if self.skeleton is not None:
                write_keypoint_file(self._label_file, self.skeleton, self._labels)
            if self._persons:
                text = io.StringIO()
                csv.writer(text, lineterminator="\n").writerows([("frame", "person"), *self._persons])
                _write_text(self.folder / PERSON_FILE, text.getvalue())
            for set_name, frames in self._held_out.items():
                _write_text(self.folder / f"{set_name}.txt", "".join(f"{frame}\n" for frame in frames))

    def __enter__(self) -> "CaptureWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _find_what_is_there(self) -> None:
        """Count the frames of a former capture, without a last one that not all cameras have."""
        path = self.folder / CAMERA_FILE
        there = read_camera_file(path, [each.name for each in self.cameras])
        if _what_took_the_images(there) != _what_took_the_images(self.cameras):
            raise UserError(
                f"{self.folder} holds a capture of other cameras, see {path}; choose another folder"
            )
        names = [_frame_names(self.folder / each.name) for each in self.cameras]
        whole = set.intersection(*names)
        torn = set.union(*names) - whole
        if len(torn) > 1 or any(name < max(whole, default=name) for name in torn):
            raise UserError(
                f"{self.folder}: not all cameras have frame {min(torn)}; put it back or delete it"
            )
        for name in torn:
            self._remove(name)
        self.frames = 1 + max((int(name) for name in whole), default=-1)
        if self.skeleton is not None and self._label_file.is_file():
            self._labels = read_keypoint_file(self._label_file)[1]

    def _remove(self, name: str) -> None:
        for camera in self.cameras:
            (self.folder / camera.name / f"{name}.png").unlink(missing_ok=True)

    def _label(self, name: str, camera: CaptureCamera, xyz: Floats) -> Keypoints:
        if self.skeleton is None or xyz.shape != (len(self.skeleton), 3):
            raise ValueError(f"labels of shape {tuple(xyz.shape)} do not fit the skeleton of the capture")
        uv = project(xyz, camera.camera, camera.distortion)[:, :2]
        size = (camera.camera.width, camera.camera.height)
        return Keypoints(f"{camera.name}/{name}.png", uv, xyz, *size)


def _as_stored(camera: CaptureCamera) -> CaptureCamera:
    least, most = STORED_SCALES
    return replace(camera, depth_scale=min(max(camera.depth_scale or most, least), most), packing="plain")


def _what_took_the_images(cameras: Sequence[CaptureCamera]) -> dict[str, tuple[Camera, float]]:
    """What must not change within a capture. Lens and poses may be measured and written down later."""
    return {each.name: (each.camera, each.depth_scale or 1.0) for each in cameras}


def _frame_names(folder: Path) -> set[str]:
    """Names that are numbers; other pictures in the folder are no frames of this writer's."""
    return {path.stem for path in folder.glob("*.png") if path.stem.isdecimal()}


def _write_depth(path: Path, depth: Floats, camera: CaptureCamera) -> None:
    """Write a 16-bit PNG in the camera's units; what is beyond their range counts as not measured."""
    if depth.shape != (camera.camera.height, camera.camera.width):
        raise ValueError(f"image of shape {tuple(depth.shape)} for camera {camera}")
    units = np.rint(depth.astype(np.float64) / (camera.depth_scale or 1.0))
    units[~(units <= np.iinfo(np.uint16).max)] = 0
    with written_whole(path) as partial:
        # Little compression: a camera does not wait, and noise does not shrink.
        Image.fromarray(units.astype(np.uint16)).save(partial, compress_level=1)


def _write_text(path: Path, text: str) -> None:
    with written_whole(path) as partial:
        partial.write_text(text, encoding="utf-8")
