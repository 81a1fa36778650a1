"""Where the centre of the hand cube comes from: the annotated joint, the mean of the joints, a file, or us.

Results depend on it, so each set of a store says what was used and evaluation prints it; see
`murauer.store.manifest.CENTRES`.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from murauer.datasets.dataset import Dataset, DatasetView
from murauer.errors import UserError
from murauer.geometry.camera import uvd_to_xyz
from murauer.geometry.rig import CameraRig
from murauer.handfinder.views import localise, localise_in_views
from murauer.store.manifest import CentreKind
from murauer.text_files import is_number, read_text, split_numbers

CentreFormat = Literal["xyz", "xyz-y-up", "uvd"]

COMPUTED: tuple[CentreKind, ...] = ("joint", "mean", "localised")
"""Kinds of centres that need no file."""


@dataclass(frozen=True)
class CentreFile:
    """Centres that somebody published for a set and camera.

    Attributes:
        path: The file, for messages.
        numbers: Numbers of each frame, as they are in the file, NaN where it has none, shape (N, 3).
        format: Camera coordinates in mm, y down or up; or pixel, pixel, mm.
    """

    path: Path
    numbers: np.ndarray
    format: CentreFormat

    @property
    def digest(self) -> str:
        """Short text that says what is in it."""
        return hashlib.sha256(self.numbers.tobytes() + self.format.encode()).hexdigest()[:16]

    def centre(self, index: int, frame: DatasetView) -> Tensor:
        """Centre of a frame in mm, camera coordinates, shape (3,).

        Raises:
            UserError: The file has none for this frame.
        """
        numbers = torch.tensor(self.numbers[index], dtype=torch.float32)
        if not torch.isfinite(numbers).all():
            raise UserError(f"{self.path} has no centre for frame {index}")
        if self.format == "uvd":
            return uvd_to_xyz(numbers, frame.camera.intrinsics())
        return numbers * torch.tensor([1.0, -1.0, 1.0]) if self.format == "xyz-y-up" else numbers


@dataclass(frozen=True)
class Centres:
    """Says where the centre of each image is.

    Attributes:
        kinds: A key of `murauer.store.manifest.CENTRES` for each set.
        files: Published centres, by set and camera.
        joint: Index of the annotated joint that the cube is centred on.
        rig: The cameras, if their poses are known: then the hand is looked for in all views together.
    """

    kinds: Mapping[str, CentreKind]
    files: Mapping[tuple[str, int], CentreFile]
    joint: int
    rig: CameraRig | None

    def of_frame(
        self, images: Sequence[DatasetView | UserError], set_name: str, index: int
    ) -> list[tuple[Tensor, float] | UserError]:
        """Find the centres in all views of a frame.

        Args:
            images: Images of each camera, or why it cannot be read.
            set_name: Their set.
            index: The frame.

        Returns:
            For each camera the centre in mm in its coordinates, shape (3,), and how sure it is; or the reason
            why there is none.
        """
        frames = [image for image in images if isinstance(image, DatasetView)]
        if self.rig is not None and self.kinds[set_name] == "localised" and len(images) > 1:
            cameras = tuple(frame.camera for frame in frames)
            if cameras == self.rig.cameras[: len(images)]:
                try:
                    centres, confidence = localise_in_views([frame.depth for frame in frames], self.rig)
                except UserError as error:
                    return [error] * len(images)
                return list(zip(centres, confidence.tolist(), strict=True))
        return [self._of_image(image, set_name, index, view) for view, image in enumerate(images)]

    def _of_image(
        self, image: DatasetView | UserError, set_name: str, index: int, view: int
    ) -> tuple[Tensor, float] | UserError:
        if isinstance(image, UserError):
            return image
        try:
            return self(image, set_name, index, view)
        except UserError as error:
            return error

    def __call__(self, frame: DatasetView, set_name: str, index: int, view: int) -> tuple[Tensor, float]:
        """Find the centre of an image.

        Args:
            frame: The image and its label.
            set_name: Name of its set.
            index: Its frame.
            view: Its camera.

        Returns:
            Centre in mm, camera coordinates, shape (3,), and how sure it is: 1 unless the hand finder did.

        Raises:
            UserError: It has none.
        """
        kind = self.kinds[set_name]
        if (set_name, view) in self.files:
            centre, confidence = self.files[set_name, view].centre(index, frame), 1.0
        elif kind == "localised" or (kind == "joint" and self._lacks_centre(frame)):
            centre, confidence = localise(frame.depth, frame.camera)
        else:
            centre, confidence = self._annotated(frame, kind), 1.0
        if not (bool(torch.isfinite(centre).all()) and float(centre[2]) > 0):
            raise UserError(f"its centre {centre.tolist()} is not in front of the camera")
        return centre, confidence

    def _lacks_centre(self, frame: DatasetView) -> bool:
        """Whether a frame is labelled, but not the joint that centres are taken from."""
        if frame.joints is None:
            return False
        known = torch.isfinite(frame.joints).all(-1)
        return bool(known.any() and not known[self.joint])

    def _annotated(self, frame: DatasetView, kind: str) -> Tensor:
        """The annotated joint, or the mean of all annotated joints."""
        if frame.joints is None or not torch.isfinite(frame.joints).all(-1).any():
            raise UserError("it has no label to take the centre from")
        if kind == "mean":
            return frame.joints[torch.isfinite(frame.joints).all(-1)].mean(0)
        return frame.joints[self.joint]


def read_centre_file(path: Path, format: CentreFormat) -> np.ndarray:
    """Read three numbers a line, of which lines without a hand have none ("invalid" in some files).

    Returns:
        The numbers, NaN for lines without, shape (N, 3) float64.

    Raises:
        UserError: The file cannot be read, or a line holds some other number of numbers.
    """
    lines = read_text(path).strip().splitlines()  # a blank one stands for a frame without a hand
    rows = []
    for number, line in enumerate(lines, start=1):
        values = [float(word) if is_number(word) else math.nan for word in split_numbers(line)]
        if len(values) != 3 and any(math.isfinite(value) for value in values):
            raise UserError(f"line {number} of {path} has {len(values)} numbers; a centre has 3, {format}")
        rows.append(values if len(values) == 3 else [math.nan] * 3)
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def choose_centres(
    words: Sequence[str], format: CentreFormat, dataset: Dataset, labelled: Mapping[str, bool]
) -> Centres:
    """Understand what the user asks for.

    Args:
        words: "joint", "mean" or "localised", for all sets without a file; "FILE", for the set whose number
            of frames it has; "SET=FILE"; or "SET:VIEW=FILE" for another camera than the first. With no word
            for a set its annotated joints are used where it has labels, and the hand finder where it has not.
        format: Format of the files.
        dataset: What is imported.
        labelled: Whether the centre joint of each set is labelled in all its frames.

    Raises:
        UserError: A word names no set, a file cannot be read or has another number of lines than the set has
            frames.
    """
    default = [word for word in COMPUTED if word in words]
    if len(default) > 1:
        raise UserError(f"centres can be {' or '.join(default)}, not both")
    files = {}
    for word in words:
        if word not in COMPUTED:
            target, _, name = word.rpartition("=")
            numbers = read_centre_file(Path(name), format)
            key = _target(target, dataset) if target else _by_length(Path(name), len(numbers), dataset)
            frames = dataset.sets[key[0]].frames
            if len(numbers) != frames:
                raise UserError(f"{name} has {len(numbers)} lines, but there are {frames} {key[0]} frames")
            files[key] = CentreFile(Path(name), numbers, format)
    kinds: dict[str, CentreKind] = {
        name: default[0] if default else "joint" if labelled[name] else "localised" for name in dataset.sets
    }
    kinds |= {name: "file" for name, view in files if view == 0}
    return Centres(kinds, files, dataset.skeleton.centre, dataset.rig)


def _target(text: str, dataset: Dataset) -> tuple[str, int]:
    """Read SET or SET:VIEW, views counted from 1."""
    name, _, view = text.partition(":")
    if name not in dataset.sets or (view and view not in map(str, range(1, dataset.sets[name].views + 1))):
        views = ", ".join(f"{name} (views 1 to {info.views})" for name, info in dataset.sets.items())
        raise UserError(f"there is no set and view '{text}' to take centres for; there are {views}")
    return name, int(view or 1) - 1


def _by_length(path: Path, lines: int, dataset: Dataset) -> tuple[str, int]:
    """The one set of real frames with as many frames as the file has lines."""
    fitting = [name for name, info in dataset.sets.items() if info.real and info.frames == lines]
    if len(fitting) != 1:
        sizes = ", ".join(f"{info.frames} {name}" for name, info in dataset.sets.items() if info.real)
        raise UserError(
            f"{path} has {lines} lines, but there are {sizes} frames; say which set it is for as SET={path}"
        )
    return fitting[0], 0
