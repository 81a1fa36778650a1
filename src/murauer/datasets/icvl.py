"""The ICVL Hand Posture Dataset (Tang et al. 2014, Latent regression forest).

Layout, after the dataset's own description: `Training/labels.txt` and `Testing/test_seq_1.txt`,
`test_seq_2.txt` with a line an image, its path below `Depth` and u, v in pixels and depth in mm of 16 joints
(palm, then root, middle and tip of thumb, index, middle, ring and pinky); 16-bit PNG in mm, 320 x 240, 0
where nothing was measured, from Intel's Creative Interactive Gesture Camera.

The camera was published as f = 241.42, principal point (160, 120); some evaluation scripts use 240.99 and
240.96 instead, which moves a joint at the image's edge by a third of a millimetre in 200.

Sets: `real` is the training set without its copies rotated in the image plane (folders such as `22-5` and
`-45`; only recordings' folders, named by their date, are kept: 22,059 frames), since training rotates anyway;
`test` is sequence 1 (702 frames) and then 2 (894). Who is seen is not told.
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
from murauer.geometry.camera import CAMERAS, uvd_to_xyz
from murauer.geometry.skeletons import SKELETONS

CAMERA = CAMERAS["icvl"]
TRAINING, TESTING = "Training", "Testing"
LABELS = {
    "real": (f"{TRAINING}/labels.txt",),
    "test": (f"{TESTING}/test_seq_1.txt", f"{TESTING}/test_seq_2.txt"),
}
DATE_LENGTH = 6
"""Names of the recordings' folders are longer than this, those of rotated copies are not."""


@dataclass(frozen=True)
class _Set:
    """Paths of the images and their joints in mm, y down, float32, shape (N, 16, 3)."""

    names: tuple[str, ...]
    joints: np.ndarray


class IcvlDataset:
    """Reader of the ICVL dataset; attributes as in `Dataset`.

    Args:
        folder: Holds `Training`, `Testing` or both.

    Raises:
        UserError: The folder is another one, labels are missing or damaged, or they and the images are not of
            the same frames.
    """

    name = "icvl"
    skeleton = SKELETONS["icvl16"]
    rig = None
    view_pair = None
    aliases: Mapping[str, str] = {}
    unseen_persons: frozenset[int] = frozenset()

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self.left_out: tuple[str, ...] = ()
        self._sets = {
            name: self._open(labels)
            for name, labels in LABELS.items()
            if (self.folder / labels[0]).parent.is_dir()
        }
        if not self._sets:
            raise UserError(
                f"{self.folder} has neither {TRAINING} nor {TESTING} in it; give the folder of the ICVL "
                "dataset that holds both"
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
        name = frames.names[index]
        return Frame(
            name=name,
            depth=torch.from_numpy(read_depth(self.folder / name, CAMERA)),
            camera=CAMERA,
            joints=torch.from_numpy(frames.joints[index]),
            person=-1,
        )

    def _open(self, label_files: tuple[str, ...]) -> _Set:
        names: list[str] = []
        joints = []
        for label_file in label_files:
            path = self.folder / label_file
            labels = read_named_joints(path, len(self.skeleton))
            kept = np.array([not _is_rotated_copy(name) for name in labels.names])
            if not kept.any():
                raise UserError(f"{path} names only rotated copies; the original recordings are needed")
            original = [name for name, keep in zip(labels.names, kept, strict=True) if keep]
            images = path.parent / "Depth"
            self.left_out += check_named(
                path, images, original, _images_in(images, {Path(name).parent for name in original})
            )
            names += [f"{path.parent.name}/Depth/{name}" for name in original]
            joints.append(uvd_to_xyz(torch.from_numpy(labels.joints[kept]), CAMERA.intrinsics()).numpy())
        return _Set(tuple(names), np.concatenate(joints))


def _is_rotated_copy(name: str) -> bool:
    return len(Path(name).parts[0]) <= DATE_LENGTH


def _images_in(images: Path, folders: set[Path]) -> set[str]:
    """Paths below `images` of the PNG files in some folders."""
    present = set()
    for folder in folders:
        if (images / folder).is_dir():
            present |= {
                (folder / name).as_posix()
                for name in os.listdir(images / folder)
                if name.lower().endswith(".png")
            }
    return present
