"""The NYU Hand Pose Dataset (Tompson et al. 2014, Real-time continuous pose recovery of human hands).

Layout, after the dataset's page and its own example scripts: folders `train` (72,757 frames) and `test`
(8,252), each with `joint_data.mat` and, for each of three first Kinects, `depth_{camera}_{number:07d}.png`
and renderings of the annotated hand model `synthdepth_...png`, cameras and numbers counted from 1. Images
pack depth in mm as 256 G + B. `joint_data.mat` holds `joint_names` and `joint_uvd` and `joint_xyz` of shape
(3 cameras, frames, 36, 3), xyz in mm with y up.

Sets, as the paper uses them:

* `real`: training frames; views are camera 1 and the side camera "3" that g must predict.
* `synthetic`: their renderings; views 1, "3" and "2". `twin` is the first view of the same frames.
* `test`: test frames, camera 1.
* `validation`: the first 2,440 test frames, the first of the two persons, which the paper uses to analyse
  the latent space (figures 5 and 6; not to choose models), with camera 2 as the view to predict.
  `validation_twin` are their renderings.

A set or side view without any image on disk is left out: many copies have no renderings of the test frames.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from murauer.capture.depth import read_depth
from murauer.datasets.dataset import Dataset, DatasetView, FrameSetInfo
from murauer.datasets.matlab_file import read_matlab
from murauer.datasets.numbering import check_numbered
from murauer.errors import UserError
from murauer.geometry.camera import CAMERAS, uvd_to_xyz
from murauer.geometry.skeletons import SKELETONS
from murauer.text_files import FARTHEST

NYU_TEST_FRAMES = 8252

NYU_SECOND_PERSON_FROM = 2440
"""Index of the first of NYU's test frames, counted from 0, that shows the second of its two persons."""


CAMERA = CAMERAS["nyu"]
LABELS = "joint_data.mat"
CONSISTENT_FRAMES = 43_640
"""Frames at the end of the training recording, after the cameras were moved: the subset NYU-CS."""

CAMERAS_SWAP_AT = 29_116
"""Index, from 0, of the first training frame that has the side cameras 2 and 3 where their numbers say."""

FIRST_PERSON, SECOND_PERSON = 0, 1
UVD_TOLERANCE_MM = 1.0
UVD_SHARE = 0.01
"""Share of frames from which on disagreeing labels are another camera's or shuffled, not single mistakes."""

Kind = Literal["depth", "synthdepth"]


@dataclass(frozen=True)
class _Part:
    """The folder `train` or `test`.

    Attributes:
        name: Name of the folder.
        joints: Joints of each camera in mm, y down, float32, shape (3, N, J, 3).
        images: Numbers of the images that are there, by the beginning of their name, such as "depth_1".
    """

    name: str
    joints: np.ndarray
    images: Mapping[str, frozenset[int]]

    def __len__(self) -> int:
        return self.joints.shape[1]

    def camera(self, view: int, index: int) -> int:
        """Number in file names of the camera that stood at the place of camera `view`.

        The side cameras changed places during the training recording: up to frame 29,116, files of camera 2
        show what camera 3 shows later, and the reverse. View prediction needs one fixed place.
        """
        swapped = self.name == "train" and index < CAMERAS_SWAP_AT
        return {1: 1, 2: 3, 3: 2}[view] if swapped else view

    def cameras(self, view: int, first: int) -> set[int]:
        """Numbers of all cameras that stood at that place, from frame `first` on."""
        return {self.camera(view, index) for index in (first, len(self) - 1)}

    def has(self, kind: Kind, view: int, first: int) -> bool:
        """Whether there are images of that view, even if some are missing."""
        return any(self.images.get(f"{kind}_{camera}") for camera in self.cameras(view, first))


@dataclass(frozen=True)
class _Source:
    """Where the images of a set are: those of its part from frame `first` on."""

    part: _Part
    kind: Kind
    views: tuple[int, ...]
    first: int

    def __len__(self) -> int:
        return len(self.part) - self.first


class NyuDataset(Dataset):
    """Reader of the NYU dataset; attributes as in `Dataset`.

    Args:
        folder: Holds `train`, `test` or both.
        skeleton: "nyu14", the joints that are evaluated, or "nyu36", all.
        consistent: Whether to leave out the training frames before the cameras were moved (NYU-CS).

    Raises:
        UserError: The folder is another one, labels are missing, damaged or of another camera, or they and
            the images are not of the same frames.
    """

    unseen_persons = frozenset({SECOND_PERSON})

    def __init__(self, folder: Path, skeleton: Literal["nyu14", "nyu36"] = "nyu14", consistent: bool = False):
        self.folder = Path(folder)
        self.name = "nyu-cs" if consistent else "nyu" if skeleton == "nyu14" else skeleton
        self.skeleton = SKELETONS[skeleton]
        names = [name for name in ("train", "test") if (self.folder / name).is_dir()]
        if not names:
            raise UserError(
                f"{self.folder} has neither train nor test in it; give the folder of the NYU dataset "
                "that holds both"
            )
        parts = {name: _open_part(self.folder / name, self.skeleton.joints) for name in names}
        self._sources = _sources(parts, consistent)
        if not self._sources:
            raise UserError(
                f"{self.folder} has labels but no image depth_1_0000001.png in {' or '.join(names)}; unpack "
                "the images of the NYU dataset"
            )
        checked = [self._check(source) for source in self._sources.values()]
        self.left_out = tuple(dict.fromkeys(sentence for found in checked for sentence in found))
        self.sets = {name: _info(name, source) for name, source in self._sources.items()}
        self.aliases = {"twin": "synthetic"} if {"real", "synthetic"} <= set(self.sets) else {}
        with_views = self.sets.get("real", self.sets.get("synthetic"))
        self.view_pair = (0, 1) if with_views is not None and with_views.views > 1 else None

    def view(self, set_name: str, index: int, view: int) -> DatasetView:
        """Read one image; see `Dataset.view`."""
        source = self._sources[set_name]
        part, index = source.part, source.first + index
        camera = part.camera(source.views[view], index)
        name = f"{part.name}/{source.kind}_{camera}_{index + 1:07d}.png"
        return DatasetView(
            name=name,
            depth=torch.from_numpy(read_depth(self.folder / name, CAMERA)),
            camera=CAMERA,
            joints=torch.from_numpy(part.joints[camera - 1, index]),
            person=int(self.sets[set_name].person[index - source.first]),
        )

    def _check(self, source: _Source) -> list[str]:
        part = source.part
        left_out: list[str] = []
        for view in source.views:
            for camera in sorted(part.cameras(view, source.first)):
                prefix = f"{source.kind}_{camera}"
                left_out += check_numbered(
                    labels=self.folder / part.name / LABELS,
                    images=self.folder / part.name,
                    pattern=prefix + "_{:07d}.png",
                    numbers=part.images.get(prefix, frozenset()),
                    wanted=range(source.first + 1, len(part) + 1),
                )
        return left_out


def _sources(parts: Mapping[str, _Part], consistent: bool) -> dict[str, _Source]:
    """The sets that there are images of."""
    wanted: dict[str, tuple[str, Kind, tuple[int, ...]]] = {
        "synthetic": ("train", "synthdepth", (1, 3, 2)),
        "real": ("train", "depth", (1, 3)),
        "validation": ("test", "depth", (1, 2)),
        "validation_twin": ("test", "synthdepth", (1, 2)),
        "test": ("test", "depth", (1,)),
    }
    sources = {}
    for name, (part_name, kind, views) in wanted.items():
        part = parts.get(part_name)
        if part is None:
            continue
        first = max(len(part) - CONSISTENT_FRAMES, 0) if consistent and part_name == "train" else 0
        seen = tuple(view for view in views if part.has(kind, view, first))
        if 1 in seen:
            sources[name] = _Source(part, kind, seen, first)
    return sources


def _info(name: str, source: _Source) -> FrameSetInfo:
    frames = len(source)
    if name.startswith("validation"):
        frames = min(frames, NYU_SECOND_PERSON_FROM)
    person = np.full(frames, FIRST_PERSON, np.int16)
    if source.part.name == "test":
        person[NYU_SECOND_PERSON_FROM:] = SECOND_PERSON
    if source.kind == "synthdepth":
        person[:] = -1
    real = source.kind == "depth"
    return FrameSetInfo(frames, len(source.views), real, person, handedness="right")


def _open_part(folder: Path, joints: tuple[str, ...]) -> _Part:
    return _Part(folder.name, _read_labels(folder / LABELS, joints), _numbers_of_images(folder))


def _numbers_of_images(folder: Path) -> dict[str, frozenset[int]]:
    """List a folder of up to 650,000 files once: {"depth_1": numbers, ...}."""
    numbers: dict[str, set[int]] = {}
    for name in os.listdir(folder):
        stem, dot, suffix = name.rpartition(".")
        prefix, _, number = stem.rpartition("_")
        if dot and suffix == "png" and number.isdecimal() and "depth_" in prefix:
            numbers.setdefault(prefix, set()).add(int(number))
    return {prefix: frozenset(found) for prefix, found in numbers.items()}


def _read_labels(path: Path, joints: tuple[str, ...]) -> np.ndarray:
    """Read `joint_data.mat`: the named joints in mm, y down, float32, shape (3, N, J, 3)."""
    if not path.is_file():
        raise UserError(f"{path} is missing; it comes with the images of the NYU dataset")
    arrays, texts = read_matlab(path, ("joint_names", "joint_xyz", "joint_uvd"))
    for name, found in (("joint_names", texts), ("joint_xyz", arrays), ("joint_uvd", arrays)):
        if name not in found:
            raise UserError(f"{path} has no {name}; it is not the joint_data.mat of the NYU dataset")
    names = texts["joint_names"]
    missing = [joint for joint in joints if joint not in names]
    if missing:
        raise UserError(f"{path} has no joint {missing[0]} among its joint_names; get the original file")
    columns = [names.index(joint) for joint in joints]
    coordinates = {name: arrays[name] for name in ("joint_xyz", "joint_uvd")}
    for name, array in coordinates.items():
        shape = array.shape
        if len(shape) != 4 or (shape[0], *shape[2:]) != (3, len(names), 3) or not array.size:
            raise UserError(f"{path}: {name} has shape {shape}; expected (3, frames, {len(names)}, 3)")
        if not (np.abs(array) <= FARTHEST).all():
            raise UserError(f"{path}: {name} holds numbers that are no coordinates; get the original file")
    xyz, uvd = (array[:, :, columns] for array in coordinates.values())
    if xyz.shape != uvd.shape:
        raise UserError(
            f"{path} labels {xyz.shape[1]} frames in joint_xyz but {uvd.shape[1]} in joint_uvd; "
            "get the original file"
        )
    down = (xyz * (1.0, -1.0, 1.0)).astype(np.float32)
    _check_projection(path, down, uvd.astype(np.float32))
    return down


def _check_projection(path: Path, xyz: np.ndarray, uvd: np.ndarray) -> None:
    """Refuse labels whose two kinds of coordinates do not agree under the dataset's camera."""
    rays = uvd_to_xyz(torch.from_numpy(uvd), CAMERA.intrinsics()).numpy()
    distance = np.linalg.norm(rays - xyz, axis=-1).max(axis=(0, 2), initial=0)
    wrong = np.flatnonzero(distance > UVD_TOLERANCE_MM)
    if len(wrong) > UVD_SHARE * len(distance):
        raise UserError(
            f"{path}: joint_uvd and joint_xyz of frame {wrong[0] + 1} are {distance[wrong[0]]:.1f} mm apart "
            f"for NYU's camera (fx {CAMERA.fx}, fy {CAMERA.fy}, u0 {CAMERA.u0:g}, v0 {CAMERA.v0:g}; y up); "
            "one of them is shuffled or of another camera; get the original file"
        )
