"""Reader of captures: a folder of frames per camera, a camera file, and whatever else is known.

The format is described in docs/capture_format.md; `murauer.capture.writer` writes it.
"""

import struct
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from murauer.capture.camera_file import CAMERA_FILE, CaptureCamera, make_rig, read_camera_file
from murauer.capture.depth import NotMillimetres, read_depth, sized
from murauer.capture.folder_names import (
    LABEL_FILE,
    PAIR_FOLDER,
    PERSON_FILE,
    SUFFIXES,
    FrameNames,
    frame_files,
    other_files,
)
from murauer.capture.keypoint_file import Keypoints, read_keypoint_file
from murauer.datasets.dataset import Dataset, DatasetView, FrameSetInfo
from murauer.datasets.numbering import MISSING_SHARE
from murauer.errors import UserError
from murauer.foreign.arrays import read_header
from murauer.geometry.distortion import project, undistort
from murauer.geometry.skeletons import SKELETONS, Skeleton
from murauer.hand.handedness import Handedness
from murauer.names import natural_key, shortened
from murauer.text_files import read_lines, read_table, without_comment

HELD_OUT = ("validation", "test")
"""Sets that a list of frames may keep out of training: `validation.txt`, `test.txt`."""

DEFAULT_SKELETON = "hand21"
"""Of captures without labels: the joints of the packaged model."""

EVERY = "*"
"""In place of a frame's name: all frames that no later line names."""

FARTHEST_HAND_MM = 1500.0
MISPLACED_PX, MISPLACED_MM = 10.0, 30.0
"""Median over the joints of a label that two sources of it may differ by: more than careless clicks do."""


class CaptureDataset(Dataset):
    """A capture, see `murauer.datasets.dataset.Dataset`.

    All frames in the natural order of their names are the set `real`, except those that `validation.txt`
    and `test.txt` list. The first camera of the camera file is the input view, the second what g predicts.

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
        self.view_pair = (0, 1) if len(self.cameras) > 1 else None
        self._left_out: list[str] = []
        self._paths = self._find_frames()
        first = [next(iter(paths.values())) for paths in self._paths]
        self.cameras = tuple(sized(each, path) for each, path in zip(self.cameras, first, strict=True))
        for each, paths in zip(self.cameras, self._paths, strict=True):
            _check_sizes(paths, each)
        self.rig = make_rig(self.cameras)
        frame_names = {name for paths in self._paths for name in paths}
        self.frame_names = sorted(frame_names, key=natural_key)
        self._known = FrameNames(frame_names)
        self._check_complete()
        self._check_units()
        self.skeleton, self._labels = self._read_labels()
        self.names = self._split()  # of the frames of each set, without suffix
        persons, hands = self._read_people()
        self.sets: Mapping[str, FrameSetInfo] = {
            name: FrameSetInfo(
                frames=len(frames),
                views=1 if name.endswith("twin") else len(self.cameras),
                real=not name.endswith("twin"),
                person=np.array([persons.get(frame, -1) for frame in frames], dtype=np.int16),
                handedness=np.array([hands.get(frame, "auto") for frame in frames], dtype="<U5"),
            )
            for name, frames in self.names.items()
        }
        self.left_out = tuple(self._left_out)
        trained = {persons.get(frame, -1) for frame in self.names.get("real", ())}
        held_out = {persons.get(frame, -1) for name in HELD_OUT for frame in self.names.get(name, ())}
        self.unseen_persons = frozenset(held_out - trained - {-1})

    def view(self, set_name: str, index: int, view: int) -> DatasetView:
        """Read one image and undistort it, see `Dataset.view`."""
        name = self.names[set_name][index]
        camera = self.cameras[view]
        if set_name.endswith("twin"):
            if name not in self._pairs[view]:
                raise UserError(f"frame {name} of {self.folder} has no synthetic pair for {camera.name}")
            path = self._pairs[view][name]
            depth = read_depth(path, camera)
        else:
            path = self.path(name, view)
            depth = undistort(read_depth(path, camera), camera.camera, camera.distortion)
        return DatasetView(
            name=path.relative_to(self.folder).as_posix(),
            depth=torch.from_numpy(depth),
            camera=camera.camera,
            joints=self._joints(name, view),
            person=int(self.sets[set_name].person[index]),
            shows_hand=self._shows_hand(name, view),
        )

    def frames_without_hand(self) -> list[tuple[str, int, int]]:
        """Set, index and view of the images that are labelled as ones without a hand."""
        return [
            (set_name, index, view)
            for set_name, names in self.names.items()
            for index, name in enumerate(names)
            for view in range(len(self.cameras))
            if not set_name.endswith("twin") and not self._shows_hand(name, view)
        ]

    def _shows_hand(self, name: str, view: int) -> bool:
        """False if this image is labelled as one without a hand."""
        label = self._labels.get((name, view))
        return label is None or label.shows_hand

    def path(self, name: str, view: int) -> Path:
        """Where the image of a frame is.

        Raises:
            UserError: That camera has none.
        """
        if name not in self._paths[view]:
            raise UserError(f"{self.folder / self.cameras[view].name} has no image of frame {name}")
        return self._paths[view][name]

    def _joints(self, name: str, view: int) -> Tensor | None:
        """The label of this view, or, with calibrated cameras, that of another in this view's coordinates."""
        label = self._labels.get((name, view))
        if label is not None:
            return torch.from_numpy(label.xyz) if label.shows_hand else None
        for other in range(len(self.cameras)):
            label = self._labels.get((name, other))
            if self.rig is not None and label is not None and label.shows_hand:
                return self._moved(label, other, view)
        return None

    def _moved(self, label: Keypoints, source: int, target: int) -> Tensor:
        """A label of one camera in the coordinates of another."""
        assert self.rig is not None
        return self.rig.transform(torch.from_numpy(label.xyz), source, target)

    def _find_frames(self) -> list[dict[str, Path]]:
        """List the frames of each camera by name, and check that those of a camera are of one size."""
        found = []
        for each in self.cameras:
            folder = self.folder / each.name
            if not folder.is_dir():
                raise UserError(f"{CAMERA_FILE} names camera {each.name}, but there is no folder {folder}")
            paths: dict[str, Path] = {}
            for path in frame_files(folder):
                if path.stem in paths:
                    raise UserError(f"{paths[path.stem]} and {path} are the same frame; keep one of them")
                paths[path.stem] = path
            if others := other_files(folder):
                self._left_out.append(
                    f"{folder} has {len(others)} files that are no {' or '.join(SUFFIXES)}: "
                    f"{shortened([path.name for path in others])}"
                )
            if not paths:
                raise UserError(f"{folder} holds no frames; put 16-bit depth images (.png) or .npy there")
            found.append(paths)
        return found

    def _check_complete(self) -> None:
        """Note the frames that a camera lacks, and refuse a recording of which it lacks many."""
        for each, paths in zip(self.cameras, self._paths, strict=True):
            if not (lacks := [name for name in self.frame_names if name not in paths]):
                continue
            others = ", ".join(other.name for other in self.cameras if other is not each)
            what = (
                f"{self.folder}: camera {each.name} lacks {len(lacks)} of the {len(self.frame_names)} frames "
                f"that there are of {others}: {shortened(lacks)}"
            )
            if len(lacks) > MISSING_SHARE * len(self.frame_names):
                raise UserError(f"{what}; images of one frame have the same name in all cameras")
            self._left_out.append(what)

    def _check_units(self) -> None:
        """Refuse depth that cannot be in mm, as far as three frames of each camera tell."""
        for each, paths in zip(self.cameras, self._paths, strict=True):
            names = list(paths)
            for name in dict.fromkeys((names[0], names[len(names) // 2], names[-1])):
                try:
                    depth = read_depth(paths[name], each)
                except NotMillimetres as error:
                    raise UserError(
                        f"{error.fault}; set depth_scale of {each.name} in {CAMERA_FILE} to the millimetres "
                        "of one unit, 1000 for metres"
                    ) from error
                except UserError:
                    continue  # said when this frame is wanted
                measured = depth[depth > 0]
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
        if len(self.cameras) == 1:
            views[""] = 0  # there is no doubt which camera's images a bare name means
        found: dict[tuple[str, int], Keypoints] = {}
        lost = []
        for label in labels:
            image = PurePosixPath(label.image.replace("\\", "/"))
            view = views.get(image.parent.name)
            if view is None or image.stem not in self._known:
                raise UserError(
                    f"{path} labels {label.image}, which the capture does not have; write the camera's "
                    f"folder and the frame, such as {self.cameras[0].name}/{next(iter(self._paths[0]))}"
                )
            if image.stem not in self._paths[view]:
                lost.append(label.image)
                continue
            if (image.stem, view) in found:
                raise UserError(f"{path} labels {label.image} twice; label one hand in each image")
            self._check_pixels(label, self.cameras[view])
            found[image.stem, view] = label
        if lost:
            self._left_out.append(f"{path} has {len(lost)} labels of lost images: {shortened(lost)}")
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
            first = labels.get((name, 0))
            if view == 0 or first is None or not (label.shows_hand and first.shows_hand):
                continue
            moved = self._moved(label, view, 0).numpy()
            distance = _typical_distance(moved, first.xyz)
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
            for _, line in read_lines(path) if path.is_file() else ():
                if not without_comment(line):
                    continue
                name = self._known.find(line) or self._frame_named(without_comment(line), path)
                if held_out.setdefault(name, set_name) != set_name:
                    raise UserError(f"{path} lists frame {name}, which {held_out[name]}.txt has, too")
        names: dict[str, list[str]] = {set_name: [] for set_name in ("real", *HELD_OUT)}
        for name in self.frame_names:
            names[held_out.get(name, "real")].append(name)
        for set_name, frames in (("twin", names["real"]), ("validation_twin", names["validation"])):
            names[set_name] = frames if self._pairs[0].keys() & set(frames) else []
        return {set_name: frames for set_name, frames in names.items() if frames}

    @cached_property
    def _pairs(self) -> list[dict[str, Path]]:
        """The images of each camera's pairs by name."""
        folders = [self.folder / PAIR_FOLDER / each.name for each in self.cameras]
        return [
            {path.stem: path for path in frame_files(folder)} if folder.is_dir() else {} for folder in folders
        ]

    def _read_people(self) -> tuple[dict[str, int], dict[str, Handedness]]:
        """Return who is seen, and which hand, in the frames of which that is known."""
        path = self.folder / PERSON_FILE
        persons: dict[str, int] = {}
        hands: dict[str, Handedness] = {}
        for row in read_table(path, ("frame",), ("person", "hand")) if path.is_file() else ():
            person, hand = row["person"], row["hand"].lower()
            if not (person or hand):
                raise UserError(f"{path}: frame {row['frame']} has neither a person nor a hand")
            for name in (
                self.frame_names if row["frame"] == EVERY else [self._frame_named(row["frame"], path)]
            ):
                if person:
                    if not person.isdecimal() or len(person) > 5 or int(person) > 32767:
                        raise UserError(f"{path}: person of frame {row['frame']} must be a number from 0")
                    persons[name] = int(person)
                if hand:
                    if hand not in ("right", "left"):
                        raise UserError(f"{path}: hand of frame {row['frame']} must be right or left")
                    hands[name] = "left" if hand == "left" else "right"
        return persons, hands

    def _frame_named(self, text: str, path: Path) -> str:
        name = self._known.find(text)
        if name is None:
            raise UserError(
                f"{path} names frame {text!r}, which the capture does not have; write one name a line, "
                f"such as {self.frame_names[0]}"
            )
        return name


def _typical_distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Median distance of two sets of joints, without those that are not labelled."""
    distance = np.linalg.norm(a - b, axis=-1)  # of none, if the label is that there is no hand
    known = distance[np.isfinite(distance)]
    return float(np.median(known)) if known.size else 0.0


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
        if path.suffix.lower() == ".npy":
            shape = read_header(path).shape
            return (shape[1], shape[0]) if len(shape) == 2 else None
        with path.open("rb") as file:
            head = file.read(24)
        return struct.unpack(">II", head[16:24]) if head[12:16] == b"IHDR" else None
    except (OSError, UserError, struct.error):
        return None
