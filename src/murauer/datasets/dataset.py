"""What a reader of a dataset gives: the same `DatasetView` objects, whoever recorded them.

A reader is one file beside this one. It knows the folder layout, the labels' order and the axes of one
dataset, and nothing behind it does. Opening it reads labels and file names; images are read one by one, when
asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from torch import Tensor

from murauer.geometry.camera import Camera
from murauer.geometry.rig import CameraRig
from murauer.geometry.skeletons import Skeleton
from murauer.hand.handedness import GivenHandedness


@dataclass(frozen=True)
class DatasetView:
    """One depth image and what is known of it.

    Attributes:
        name: Where it comes from, relative to the dataset's folder, for messages.
        depth: Mm, 0 = no measurement, float32, shape (H, W).
        camera: Its camera; of this image, which may be a window of the camera's.
        joints: Xyz in mm in the coordinates of this camera (y down), shape (J, 3); None without label. A
            joint without label is NaN.
        person: Number of the person seen; -1 if unknown.
        shows_hand: False if the image is labelled to show none.
    """

    name: str
    depth: Tensor
    camera: Camera
    joints: Tensor | None
    person: int
    shows_hand: bool = True


@dataclass(frozen=True)
class FrameSetInfo:
    """Size of one set of a dataset, known without reading an image.

    Attributes:
        frames: Number of frames N.
        views: Number of synchronised cameras V.
        real: Whether a sensor took the images; otherwise they are rendered.
        person: Who is seen in each frame, -1 if unknown, int16, shape (N,).
        handedness: Hand of all frames, if the dataset is known to show one; or of each, an array of "right",
            "left" and "auto", shape (N,), as whoever recorded them said. "auto" leaves it to the hand finder.
    """

    frames: int
    views: int
    real: bool
    person: np.ndarray
    handedness: GivenHandedness | np.ndarray = "auto"


class Dataset(Protocol):
    """A dataset on disk; a reader that inherits this leaves out what it has nothing for.

    Attributes:
        name: Name of the format, as in `murauer import NAME`.
        skeleton: The joints of its labels.
        rig: Its cameras and their poses, None where the dataset does not tell them.
        view_pair: Index of the view that is the input, and of the one that the view generator g must predict;
            None with a single camera.
        sets: Its sets, by the names that `murauer.store.store.SPLITS` lists.
        aliases: Sets that are another set, frame by frame: NYU's `twin` is the first view of its `synthetic`.
        unseen_persons: Persons of validation and test who do not appear in `real`.
        left_out: What one would look for in the folder and not find in the sets, or only as images that
            cannot be read, counted and named; a sentence each.
    """

    name: str
    skeleton: Skeleton
    rig: CameraRig | None = None
    view_pair: tuple[int, int] | None = None
    sets: Mapping[str, FrameSetInfo]
    aliases: Mapping[str, str] = {}
    unseen_persons: frozenset[int] = frozenset()
    left_out: tuple[str, ...] = ()

    def view(self, set_name: str, index: int, view: int) -> DatasetView:
        """Read one image.

        Args:
            set_name: One of `sets`.
            index: Frame, from 0.
            view: Camera, from 0.

        Raises:
            UserError: The image is missing or damaged; one sentence that names the file.
        """
        ...
