"""What models, or files of predictions, say of frames."""

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from murauer.errors import UserError
from murauer.geometry.skeletons import Skeleton, convert
from murauer.hand.handedness import GivenHandedness
from murauer.inference.estimator import Estimator
from murauer.inference.pose import HandPose
from murauer.studio.albums.album import Album, AlbumFrame, Floats
from murauer.studio.page.literal import literal

REMEMBERED = 500
"""Predictions that are kept for going back: a few hundred kilobytes."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """What is said of the first camera's image.

    Attributes:
        joints: Mm, (J, 3); None if there are none.
        skeleton: Skeleton of the joints.
        facts: Confidence and times in words, or why there are no joints.
    """

    joints: Floats | None
    skeleton: Skeleton
    facts: str

    def as_label(self, skeleton: Skeleton) -> Floats | None:
        """The joints in the order of another skeleton, (J, 3); None if it has others."""
        try:
            return None if self.joints is None else convert(self.joints, self.skeleton.name, skeleton.name)
        except UserError:
            return None


def facts_of(pose: HandPose) -> str:
    """Say in words how long it took to find a hand and how sure it is, or why there is none."""
    took = pose.timings
    return literal(pose.problem or "") or (
        f"latency **{took.total:.1f} ms** (hand found in {took.localisation:.1f}, network {took.network:.1f})"
        f", {pose.handedness} hand, confidence {pose.confidence:.2f}"
    )


class Predictor(Protocol):
    """Where predictions come from.

    Attributes:
        name: Shown on the page.
    """

    name: str

    def __call__(self, set_name: str, index: int, frame: AlbumFrame) -> Prediction | None:
        """Say where the joints are; None if nothing can be said."""
        ...


class ModelPredictor:
    """A model; see `Predictor`. Recent predictions are remembered.

    Args:
        name: Shown on the page.
        estimator: The model.
        handedness: Handedness of the hands; "auto" for what each frame's folder tells, or else the image.
    """

    def __init__(self, name: str, estimator: Estimator, handedness: GivenHandedness) -> None:
        self.name = name
        self._estimator = estimator
        self._handedness: GivenHandedness = handedness
        self._known: OrderedDict[str, Prediction] = OrderedDict()

    def __call__(self, set_name: str, index: int, frame: AlbumFrame) -> Prediction | None:
        """See `Predictor`."""
        if frame.problem is not None:
            return None
        if frame.key not in self._known:
            first = frame.views[0]
            handedness = frame.handedness if self._handedness == "auto" else self._handedness
            pose = self._estimator(first.depth, first.camera, first.centre, handedness)
            joints = pose.joints_xyz if pose else None
            self._known[frame.key] = Prediction(joints, pose.skeleton, facts_of(pose))
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return self._known[frame.key]


class FilePredictor:
    """A text of predictions, one frame a line, x y z of all joints in mm; see `Predictor`.

    Args:
        path: The file, as `murauer evaluate` reads it with `--format xyz`.
        album: It belongs to the set that has as many frames as it has lines.

    Raises:
        UserError: It cannot be read or fits no set.
    """

    def __init__(self, path: Path, album: Album) -> None:
        from murauer.datasets.joint_files import read_joints  # extra

        self.name = path.name
        self._joints = read_joints(path, "xyz").float().numpy()
        self._skeleton = album.skeleton
        fitting = [name for name, frames in album.sets.items() if frames == len(self._joints)]
        if not fitting or self._joints.shape[1] != len(album.skeleton):
            sizes = ", ".join(f"{name} {frames}" for name, frames in album.sets.items())
            raise UserError(
                f"{path} has {len(self._joints)} lines of {self._joints.shape[1]} joints; {album.folder} has "
                f"{len(album.skeleton)} joints and so many frames: {sizes}"
            )
        self._sets = fitting

    def __call__(self, set_name: str, index: int, frame: AlbumFrame) -> Prediction | None:
        """See `Predictor`."""
        if set_name not in self._sets:
            return None
        return Prediction(self._joints[index], self._skeleton, "read from the file")


def open_predictor(source: str, album: Album, handedness: GivenHandedness) -> Predictor:
    """Load a model, or a text file of predictions.

    Raises:
        UserError: It is missing or damaged.
    """
    if source.endswith(".txt"):
        return FilePredictor(Path(source), album)
    name = Path(source).name if source != "default" else "packaged model"
    return ModelPredictor(name, Estimator.load(source), handedness)


def error_mm(prediction: Prediction | None, label: Floats | None, skeleton: Skeleton) -> Floats | None:
    """Distance of each predicted joint to its label in mm, (J,); None if they cannot be compared."""
    joints = None if prediction is None else prediction.as_label(skeleton)
    if joints is None or label is None or not len(label):
        return None
    return np.linalg.norm(joints - label, axis=-1)
