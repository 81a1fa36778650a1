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
from pathlib import Path

from murauer.datasets.numbering import check_named
from murauer.datasets.single_camera import LabelledImages, SingleCameraDataset
from murauer.datasets.text_labels import read_named_joints
from murauer.errors import UserError
from murauer.geometry.camera import CAMERAS
from murauer.geometry.skeletons import SKELETONS
from murauer.text_files import read_lines, split_numbers

CAMERA = CAMERAS["hands17"]
TRAINING_LABELS = "training/Training_Annotation.txt"
TEST_LABELS = "frame/Test_Annotation.txt"
TEST_BOXES = "frame/BoundingBox.txt"


class Hands17Dataset(SingleCameraDataset):
    """Reader of the HANDS17 data; attributes as in `Dataset`.

    Args:
        folder: Holds `training`, `frame` or both.

    Raises:
        UserError: The folder is another one, labels are missing or damaged, or they and the images are not of
            the same frames.
    """

    name = "hands17"
    skeleton = SKELETONS["hands21"]

    def __init__(self, folder: Path):
        images = {}
        if (folder / "training").is_dir():
            images["real"] = self._open(folder / TRAINING_LABELS)
        if (folder / "frame").is_dir():
            labelled = (folder / TEST_LABELS).is_file()
            path = folder / (TEST_LABELS if labelled else TEST_BOXES)
            images["test"] = self._open(path, labelled)
        if not images:
            raise UserError(
                f"{folder} has neither training nor frame in it; give the folder of the HANDS17 "
                "data that holds both"
            )
        super().__init__(folder, CAMERA, images, "right")

    def _open(self, label_file: Path, labelled: bool = True) -> LabelledImages:
        """Find the images that a file lists with their joints, or with boxes, which are not used."""
        names, joints = list[str](), None
        if labelled:
            labels = read_named_joints(label_file, len(self.skeleton))
            names, joints = list(labels.names), labels.joints
        else:
            names = [split_numbers(line)[0] for _, line in read_lines(label_file)]
        images = label_file.parent / "images"
        if not images.is_dir():
            raise UserError(f"{images} is missing; unpack the images that {label_file} lists there")
        present = {name for name in os.listdir(images) if name.lower().endswith(".png")}
        self.left_out += check_named(label_file, images, names, present)
        return LabelledImages([f"{label_file.parent.name}/images/{name}" for name in names], joints)
