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
from pathlib import Path

import numpy as np
import torch

from murauer.datasets.numbering import check_named
from murauer.datasets.single_camera import LabelledImages, SingleCameraDataset
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


class IcvlDataset(SingleCameraDataset):
    """Reader of the ICVL dataset; attributes as in `Dataset`.

    Args:
        folder: Holds `Training`, `Testing` or both.

    Raises:
        UserError: The folder is another one, labels are missing or damaged, or they and the images are not of
            the same frames.
    """

    name = "icvl"
    skeleton = SKELETONS["icvl16"]

    def __init__(self, folder: Path):
        images = {
            name: self._open(folder, labels)
            for name, labels in LABELS.items()
            if (folder / labels[0]).parent.is_dir()
        }
        if not images:
            raise UserError(
                f"{folder} has neither {TRAINING} nor {TESTING} in it; give the folder of the ICVL "
                "dataset that holds both"
            )
        super().__init__(folder, CAMERA, images, "right")

    def _open(self, folder: Path, label_files: tuple[str, ...]) -> LabelledImages:
        names: list[str] = []
        joints = []
        for label_file in label_files:
            path = folder / label_file
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
        return LabelledImages(names, np.concatenate(joints))


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
