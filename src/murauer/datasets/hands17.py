"""The data of the 2017 Hands in the Million Challenge (Yuan et al. 2017), drawn from BigHand2.2M.

Layout, after the challenge's description: `training/images/image_D00000001.png` and so on, 640 x 480, 16-bit
PNG in mm from an Intel RealSense SR300; `training/Training_Annotation.txt` with a line an image, its name and
21 joints x, y, z in mm of the camera, y down: wrist, the first joints of thumb to pinky, then the other three
of every finger; `frame/images` and `frame/BoundingBox.txt` with a line a test image.

Sets: `real` is the training set; `test` are the frames of the challenge's single-frame task. Their
annotations were published later: put into the form of the training's as `frame/Test_Annotation.txt` they
are used; otherwise the test frames have no label, and no crop centre but what is found or given. Who is seen
is not told.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from murauer.capture.depth import read_depth
from murauer.datasets.dataset import Frame, FrameSetInfo
from murauer.datasets.numbering import check_named
from murauer.datasets.text_labels import read_named_joints
from murauer.errors import UserError
from murauer.geometry.camera import CAMERAS
from murauer.geometry.skeletons import SKELETONS
from murauer.text_files import read_lines, split_numbers

CAMERA = CAMERAS["hands17"]
TRAINING_LABELS = "training/Training_Annotation.txt"
TEST_LABELS = "frame/Test_Annotation.txt"
TEST_BOXES = "frame/BoundingBox.txt"


@dataclass(frozen=True)
class _Set:
    """Names of the images in a folder, and their joints in mm, float32, shape (N, 21, 3); None unlabelled."""

    images: str
    names: tuple[str, ...]
    joints: np.ndarray | None


class Hands17Dataset:
    """Reader of the HANDS17 data; attributes as in `Dataset`.

    Args:
        folder: Holds `training`, `frame` or both.

    Raises:
        UserError: The folder is another one, labels are missing or damaged, or they and the images are not of
            the same frames.
    """

    name = "hands17"
    skeleton = SKELETONS["hands21"]
    rig = None
    view_pair = None
    aliases: Mapping[str, str] = {}
    unseen_persons: frozenset[int] = frozenset()

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self.left_out: tuple[str, ...] = ()
        self._sets = {}
        if (self.folder / "training").is_dir():
            self._sets["real"] = self._open(TRAINING_LABELS)
        if (self.folder / "frame").is_dir():
            labelled = (self.folder / TEST_LABELS).is_file()
            self._sets["test"] = self._open(TEST_LABELS) if labelled else self._open_boxes()
        if not self._sets:
            raise UserError(
                f"{self.folder} has neither training nor frame in it; give the folder of the HANDS17 "
                "data that holds both"
            )
        self.sets = {
            name: FrameSetInfo(
                len(frames.names),
                1,
                real=True,
                person=np.full(len(frames.names), -1, np.int16),
                handedness="right",
            )
            for name, frames in self._sets.items()
        }

    def frame(self, set_name: str, index: int, view: int) -> Frame:
        """Read one image; see `Dataset.frame`."""
        del view  # there is one camera
        frames = self._sets[set_name]
        name = f"{frames.images}/{frames.names[index]}"
        return Frame(
            name=name,
            depth=torch.from_numpy(read_depth(self.folder / name, CAMERA)),
            camera=CAMERA,
            joints=None if frames.joints is None else torch.from_numpy(frames.joints[index]),
            person=-1,
        )

    def _open(self, label_file: str) -> _Set:
        labels = read_named_joints(self.folder / label_file, len(self.skeleton))
        return self._checked(label_file, labels.names, labels.joints)

    def _open_boxes(self) -> _Set:
        lines = read_lines(self.folder / TEST_BOXES)
        return self._checked(TEST_BOXES, tuple(split_numbers(line)[0] for _, line in lines), None)

    def _checked(self, label_file: str, names: tuple[str, ...], joints: np.ndarray | None) -> _Set:
        path = self.folder / label_file
        images = path.parent / "images"
        if not images.is_dir():
            raise UserError(f"{images} is missing; unpack the images that {path} lists there")
        present = {name for name in os.listdir(images) if name.lower().endswith(".png")}
        self.left_out += check_named(path, images, names, present)
        return _Set(f"{path.parent.name}/images", names, joints)
