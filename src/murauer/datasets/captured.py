"""Reader of captures: a folder of frames per camera, a camera file, and whatever else is known.

The format is described in docs/capture_format.md; `murauer.capture.writer` writes it.
"""

import csv
import struct
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from murauer.capture.camera_file import CAMERA_FILE, CaptureCamera, make_rig, read_camera_file
from murauer.capture.depth import MINIMUM_DEPTH_RANGE_MM, read_depth
from murauer.capture.folder_names import LABEL_FILE, PAIR_FOLDER, PERSON_FILE, SUFFIXES, frame_files
from murauer.capture.keypoint_file import Keypoints, read_keypoint_file
from murauer.datasets.dataset import Frame, FrameSetInfo
from murauer.errors import UserError
from murauer.geometry.distortion import project, undistort_depth, undistortion_pixels
from murauer.geometry.skeletons import SKELETONS, Skeleton

HELD_OUT = ("validation", "test")
"""Sets that a list of frames may keep out of training: `validation.txt`, `test.txt`."""

DEFAULT_SKELETON = "nyu14"
"""Of captures without labels: the joints of the packaged model."""

FARTHEST_HAND_MM = 1500.0
MISPLACED_PX, MISPLACED_MM = 10.0, 30.0
"""Median over the joints of a label that two sources of it may differ by: more than careless clicks do."""


class CaptureDataset:
    """A capture, see `murauer.datasets.dataset.Dataset`.

    All frames in the order of their names are the set `real`, except those that `validation.txt` and
    `test.txt` list. The first camera of the camera file is the input view, the second what g predicts.

    Args:
        folder: The capture.

    Raises:
        UserError: Something is missing, contradicts something else or is impossible.
    """

    name = "recording"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not folder.is_dir():
            raise UserError(f"{folder} is no folder; give the folder of a capture")
        folders = {path.name for path in folder.iterdir() if path.is_dir() and path.name != PAIR_FOLDER}
        with_frames = [name for name in folders if any(frame_files(folder / name))]
        self.cameras = read_camera_file(folder / CAMERA_FILE, with_frames)
        self.rig = make_rig(self.cameras)
        self.view_pair = (0, 1) if len(self.cameras) > 1 else None
        self._paths = self._find_frames()
        self._check_units()
        self.skeleton, self._labels = self._read_labels()
        self.names = self._split()  # of the frames of each set, without suffix
        persons = self._read_persons()
        self.sets: Mapping[str, FrameSetInfo] = {
            name: FrameSetInfo(
                frames=len(frames),
                views=1 if name.endswith("twin") else len(self.cameras),
                real=not name.endswith("twin"),
                person=np.array([persons.get(frame, -1) for frame in frames], dtype=np.int16),
            )
            for name, frames in self.names.items()
        }
        self.aliases: Mapping[str, str] = {}
        trained = {persons.get(frame, -1) for frame in self.names.get("real", ())}
        held_out = {persons.get(frame, -1) for name in HELD_OUT for frame in self.names.get(name, ())}
        self.unseen_persons = frozenset(held_out - trained - {-1})

    def frame(self, set_name: str, index: int, view: int) -> Frame:
        """Read one image and undistort it, see `Dataset.frame`."""
        name = self.names[set_name][index]
        camera = self.cameras[view]
        if set_name.endswith("twin"):
            path = _find(self.folder / PAIR_FOLDER / camera.name, name)
            depth = read_depth(path, camera.camera, camera.depth_scale)
        else:
            path = self._paths[view][name]
            depth = read_depth(path, camera.camera, camera.depth_scale)
            if not camera.distortion.is_pinhole:
                depth = undistort_depth(depth, self._undistortion[view])
        return Frame(
            name=path.relative_to(self.folder).as_posix(),
            depth=torch.from_numpy(depth),
            camera=camera.camera,
            joints=self._joints(name, view),
            person=int(self.sets[set_name].person[index]),
        )

    def _joints(self, name: str, view: int) -> Tensor | None:
        """The label of this view, or, with calibrated cameras, that of another in this view's coordinates."""
        label = self._labels.get((name, view))
        if label is not None:
            return torch.from_numpy(label.xyz)
        for other in range(len(self.cameras)):
            if self.rig is not None and (name, other) in self._labels:
                return self._moved(self._labels[name, other], other, view)
        return None

    def _moved(self, label: Keypoints, source: int, target: int) -> Tensor:
        """A label of one camera in the coordinates of another."""
        assert self.rig is not None
        return self.rig.transform(torch.from_numpy(label.xyz), source, target)

    @cached_property
    def _undistortion(self) -> list[NDArray[np.int64]]:
        """The map of each camera, made when the first frame is read and not sent to other processes."""
        return [undistortion_pixels(each.camera, each.distortion) for each in self.cameras]

    def _find_frames(self) -> list[dict[str, Path]]:
        """List the frames of each camera by name, and check that all cameras have the same, of one size."""
        found = []
        for each in self.cameras:
            folder = self.folder / each.name
            if not folder.is_dir():
                raise UserError(f"{CAMERA_FILE} names camera {each.name}, but there is no folder {folder}")
            paths: dict[str, Path] = {}
            for path in sorted(frame_files(folder)):
                if path.stem in paths:
                    raise UserError(f"{paths[path.stem]} and {path} are the same moment; keep one of them")
                paths[path.stem] = path
            if not paths:
                raise UserError(f"{folder} holds no frames; put 16-bit depth images (.png) or .npy there")
            _check_sizes(paths, each)
            found.append(paths)
        for each, paths in zip(self.cameras[1:], found[1:], strict=True):
            odd = min(set(paths) ^ set(found[0]), default=None)
            if odd is not None:
                has, lacks = (each, self.cameras[0]) if odd in paths else (self.cameras[0], each)
                raise UserError(
                    f"{self.folder}: camera {has.name} has a frame {odd} that {lacks.name} lacks; frames of "
                    "one moment have the same name in all cameras, and all cameras all moments"
                )
        return found

    def _check_units(self) -> None:
        """Refuse depth that cannot be in mm, as far as three frames of each camera tell."""
        for each, paths in zip(self.cameras, self._paths, strict=True):
            names = list(paths)
            scale = each.depth_scale or 1.0
            for name in dict.fromkeys((names[0], names[len(names) // 2], names[-1])):
                try:
                    # Times 1000, because read_depth itself refuses what is in metres.
                    depth = read_depth(paths[name], each.camera, 1000 * scale) / 1000
                except UserError:
                    continue  # said when this frame is wanted
                measured = depth[depth > 0]
                if measured.max() < MINIMUM_DEPTH_RANGE_MM:
                    raise UserError(
                        f"{paths[name]} reaches only {measured.max():.3g} mm with depth_scale {scale:g}; set "
                        f"depth_scale of {each.name} in {CAMERA_FILE} to the millimetres of one unit, 1000 "
                        "for metres"
                    )
                near = float(np.quantile(measured, 0.05))
                if each.depth_scale is None and near > FARTHEST_HAND_MM:
                    raise UserError(
                        f"{paths[name]} would be farther than {near:.0f} mm nearly everywhere, too far for a "
                        f"hand, if its values were millimetres; give depth_scale, the millimetres of one "
                        f"unit, of {each.name} in {CAMERA_FILE}"
                    )

    def _read_labels(self) -> tuple[Skeleton, dict[tuple[str, int], Keypoints]]:
        """Read the labels by frame and view."""
        path = self.folder / LABEL_FILE
        if not path.is_file():
            return SKELETONS[DEFAULT_SKELETON], {}
        skeleton, labels = read_keypoint_file(path)
        views = {each.name: view for view, each in enumerate(self.cameras)}
        found: dict[tuple[str, int], Keypoints] = {}
        for label in labels:
            image = PurePosixPath(label.image)
            view = views.get(image.parent.name)
            if view is None or image.stem not in self._paths[view]:
                raise UserError(
                    f"{path} labels {label.image}, which the capture does not have; write the camera's "
                    f"folder and the frame, such as {self.cameras[0].name}/{next(iter(self._paths[0]))}"
                )
            if (image.stem, view) in found:
                raise UserError(f"{path} labels {label.image} twice; label one hand in each image")
            self._check_pixels(label, self.cameras[view])
            found[image.stem, view] = label
        self._check_views(found)
        return skeleton, found

    def _check_pixels(self, label: Keypoints, camera: CaptureCamera) -> None:
        """Refuse intrinsics that do not take a label's joints to its pixels."""
        seen = project(label.xyz, camera.camera, camera.distortion)[:, :2]
        if (typical := _typical_distance(seen, label.uv)) > MISPLACED_PX:
            raise UserError(
                f"{LABEL_FILE}: the keypoints_3d of {label.image} project {typical:.0f} px away from its "
                f"keypoints; correct the intrinsics of {camera.name} in {CAMERA_FILE}, or the label (x "
                "right, y down, z forward, mm)"
            )

    def _check_views(self, labels: dict[tuple[str, int], Keypoints]) -> None:
        """Refuse poses of cameras that do not take the label of one to that of another."""
        if self.rig is None:
            return
        for (name, view), label in labels.items():
            if view == 0 or (name, 0) not in labels:
                continue
            moved = self._moved(label, view, 0).numpy()
            distance = _typical_distance(moved, labels[name, 0].xyz)
            if distance > MISPLACED_MM:
                raise UserError(
                    f"{LABEL_FILE}: the hand of {name} as labelled in {self.cameras[view].name} is "
                    f"{distance:.0f} mm from the label in {self.cameras[0].name}; correct cam_R_w2c and "
                    f"cam_t_w2c in {CAMERA_FILE}, or the labels"
                )

    def _split(self) -> dict[str, list[str]]:
        """Return the names of the frames of each set."""
        held_out: dict[str, str] = {}
        for set_name in HELD_OUT:
            path = self.folder / f"{set_name}.txt"
            for name in path.read_text(encoding="utf-8").split() if path.is_file() else ():
                self._check_known(name, path)
                if held_out.setdefault(name, set_name) != set_name:
                    raise UserError(f"{path} lists frame {name}, which {held_out[name]}.txt has, too")
        names: dict[str, list[str]] = {set_name: [] for set_name in ("real", *HELD_OUT)}
        for name in self._paths[0]:
            names[held_out.get(name, "real")].append(name)
        pairs = self.folder / PAIR_FOLDER / self.cameras[0].name
        have_pairs = {path.stem for path in frame_files(pairs)} if pairs.is_dir() else set()
        for set_name, frames in (("twin", names["real"]), ("validation_twin", names["validation"])):
            names[set_name] = frames if have_pairs.intersection(frames) else []
        return {set_name: frames for set_name, frames in names.items() if frames}

    def _read_persons(self) -> dict[str, int]:
        """Return who is seen in the frames of which that is known."""
        path = self.folder / PERSON_FILE
        if not path.is_file():
            return {}
        persons = {}
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if reader.fieldnames is None or not {"frame", "person"} <= set(reader.fieldnames):
                raise UserError(f"{path} must begin with the line frame,person")
            for row in reader:
                self._check_known(row["frame"], path)
                if not (row["person"] or "").isdecimal() or int(row["person"]) > 32767:
                    raise UserError(f"{path}: person of frame {row['frame']} must be a number from 0")
                persons[row["frame"]] = int(row["person"])
        return persons

    def _check_known(self, name: str, path: Path) -> None:
        if name not in self._paths[0]:
            raise UserError(
                f"{path} names frame {name!r}, which the capture does not have; write names without "
                f"suffix, such as {next(iter(self._paths[0]))}"
            )


def _typical_distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Median distance of two sets of joints, without those that are not labelled."""
    distance = np.linalg.norm(a - b, axis=-1)
    known = distance[np.isfinite(distance)]
    return float(np.median(known)) if known.size else 0.0


def _find(folder: Path, name: str) -> Path:
    """Return the image of that name."""
    for suffix in SUFFIXES:
        if (path := folder / f"{name}{suffix}").is_file():
            return path
    raise UserError(f"there is no {folder / name}{SUFFIXES[0]}: this frame has no synthetic pair")


def _check_sizes(paths: dict[str, Path], camera: CaptureCamera) -> None:
    """Refuse images that this camera did not take; what is damaged is said when it is read."""
    expected = (camera.camera.width, camera.camera.height)
    for path in paths.values():
        size = _read_size(path)
        if size not in (None, expected):
            raise UserError(
                f"{path} is {size[0]} x {size[1]} pixels, but {CAMERA_FILE} says {expected[0]} x "
                f"{expected[1]} of camera {camera.name}; all frames of a camera must have its size"
            )


def _read_size(path: Path) -> tuple[int, int] | None:
    """Read width and height from the head of a file; None if it is damaged."""
    try:
        with path.open("rb") as file:
            if path.suffix == ".npy":
                version = np.lib.format.read_magic(file)
                read = (
                    np.lib.format.read_array_header_1_0
                    if version == (1, 0)
                    else np.lib.format.read_array_header_2_0
                )
                shape = read(file)[0]
                return (shape[1], shape[0]) if len(shape) == 2 else None
            head = file.read(24)
            return struct.unpack(">II", head[16:24]) if head[12:16] == b"IHDR" else None
    except (OSError, ValueError, struct.error):
        return None
