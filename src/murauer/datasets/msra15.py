"""The MSRA Hand Gesture database (Sun et al. 2015, Cascaded hand pose regression).

Layout, after the database's readme: folders `P0` to `P8`, one a person, with a folder for each of 17
gestures, with about 500 frames `000000_depth.bin` and so on and `joint.txt`. An image file holds six 32-bit
integers, width and height of the image and left, top, right, bottom of a box (right and bottom excluded), and
then the depth in mm of the box row by row in 32-bit floats, 0 where there is no hand. `joint.txt` holds the
number of frames and then a line of 21 joints x, y, z in mm a frame: wrist, then four each of index, middle,
ring, pinky and thumb, with y up and z backwards (that the axes are these shows in the numbers: z is negative,
and joints meet the image after both are turned). Intel's Creative Interactive Gesture Camera, 320 x 240,
f = 241.42, principal point (160, 120).

Sets, leaving one person out as the field does: `test` is the tested person, `real` are the others.
"""

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from murauer.datasets.numbering import check_numbered
from murauer.datasets.single_camera import LabelledImages, SingleCameraDataset
from murauer.datasets.text_labels import parse_numbers
from murauer.errors import UserError
from murauer.foreign.limits import read_bytes
from murauer.geometry.camera import CAMERAS
from murauer.geometry.skeletons import SKELETONS
from murauer.names import natural_key, shortened
from murauer.text_files import read_lines, split_numbers

CAMERA = CAMERAS["msra15"]
PERSONS = 9
GESTURES = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "I", "IP", "L", "MP", "RP", "T", "TIP", "Y")
LABELS = "joint.txt"
IMAGE = "{:06d}_depth.bin"
BOX_HEADER = 6


class Msra15Dataset(SingleCameraDataset):
    """Reader of the MSRA15 database; attributes as in `Dataset`.

    Args:
        folder: Holds `P0` to `P8`.
        test_person: Number of the person who is left out of training and tested.

    Raises:
        UserError: The folder is another one, a person is missing, labels are missing or damaged, or they and
            the images are not of the same frames.
    """

    skeleton = SKELETONS["msra21"]

    def __init__(self, folder: Path, test_person: int = 0):
        self.name = f"msra15-p{test_person}" if test_person else "msra15"
        persons = [person for person in range(PERSONS) if (folder / f"P{person}").is_dir()]
        if not persons:
            raise UserError(
                f"{folder} has no folder P0 in it; give the folder of the MSRA15 database that holds P0 to P8"
            )
        if test_person not in persons:
            raise UserError(f"{folder} has no folder P{test_person} of the person to be tested")
        self.unseen_persons = frozenset({test_person})
        if absent := [f"P{person}" for person in range(PERSONS) if person not in persons]:
            lacks = f"{folder} has {len(persons)} of the {PERSONS} persons, without {shortened(absent)}"
            self.left_out += (lacks,)
        training = [person for person in persons if person != test_person]
        chosen = {"real": training, "test": [test_person]}
        images = {name: self._open(folder, who) for name, who in chosen.items() if who}
        super().__init__(folder, CAMERA, images, "right")

    def depth(self, path: Path) -> Tensor:
        """Read an image; see `read_box`."""
        return read_box(path)

    def _open(self, folder: Path, persons: list[int]) -> LabelledImages:
        names: list[str] = []
        joints, person = [], []
        for number in persons:
            place = folder / f"P{number}"
            gestures = sorted((path for path in place.iterdir() if path.is_dir()), key=natural_key)
            if not gestures:
                raise UserError(f"{place} has no folders of gestures; unpack it again")
            if absent := [each for each in GESTURES if not (place / each).is_dir()]:
                had = len(GESTURES) - len(absent)
                lacks = f"{place} has {had} of the {len(GESTURES)} gestures, without {', '.join(absent)}"
                self.left_out += (lacks,)
            for gesture in gestures:
                labels = _read_joints(gesture / LABELS, len(self.skeleton))
                self.left_out += _check_images(gesture, len(labels))
                names += [f"P{number}/{gesture.name}/{IMAGE.format(index)}" for index in range(len(labels))]
                joints.append(labels)
                person.append(np.full(len(labels), number, np.int16))
        return LabelledImages(names, np.concatenate(joints), np.concatenate(person))


def read_box(path: Path) -> Tensor:
    """Read an image that is stored as the box around the hand.

    Returns:
        The whole image in mm, 0 outside the box, float32, shape (240, 320).

    Raises:
        UserError: The file is missing, damaged or empty, or its image has another size.
    """
    content = read_bytes(path, 4 * (BOX_HEADER + CAMERA.width * CAMERA.height))
    if len(content) < 4 * BOX_HEADER:
        raise UserError(f"{path} is damaged (it has {len(content)} bytes); copy it again")
    header = np.frombuffer(content[: 4 * BOX_HEADER], "<i4")
    width, height, left, top, right, bottom = header.tolist()
    if (width, height) != (CAMERA.width, CAMERA.height):
        raise UserError(
            f"{path} is of an image of {width} x {height} pixels but MSRA15's camera has {CAMERA.width} x "
            f"{CAMERA.height}; copy it again"
        )
    if not (0 <= left <= right <= width and 0 <= top <= bottom <= height):
        raise UserError(f"{path} is damaged (box {left}, {top}, {right}, {bottom}); copy it again")
    if len(content) != 4 * (BOX_HEADER + (right - left) * (bottom - top)):
        raise UserError(
            f"{path} is damaged (a box of {right - left} x {bottom - top} pixels in {len(content)} bytes); "
            "copy it again"
        )
    box = np.frombuffer(content[4 * BOX_HEADER :], "<f4")
    if not (np.isfinite(box).all() and (box >= 0).all()):
        raise UserError(f"{path} is damaged (negative or infinite depth); copy it again")
    if not box.any():
        raise UserError(f"{path} holds no measurement: every pixel is 0")
    depth = torch.zeros(height, width)
    depth[top:bottom, left:right] = torch.from_numpy(
        box.reshape(bottom - top, right - left).astype(np.float32)
    )
    return depth


def _read_joints(path: Path, joints: int) -> np.ndarray:
    """Read `joint.txt`: joints in mm, y down and z forward, float32, shape (N, J, 3)."""
    lines = [(number, split_numbers(line)) for number, line in read_lines(path)]
    head = lines[0][1] if lines else []
    if len(head) != 1 or not head[0].isdecimal():
        raise UserError(f"{path} does not begin with the number of its frames; copy it again")
    if head[0].lstrip("0") != str(len(lines) - 1):
        raise UserError(f"{path} announces {head[0]} frames but has lines of {len(lines) - 1}; copy it again")
    rows = []
    for number, words in lines[1:]:
        if len(words) != 3 * joints:
            raise UserError(
                f"{path}, line {number} has {len(words)} numbers; expected {3 * joints}, three for each of "
                f"{joints} joints"
            )
        rows.append(parse_numbers(words, path, number))
    return np.array(rows, np.float32).reshape(-1, joints, 3) * np.array([1, -1, -1], np.float32)


def _check_images(gesture: Path, labelled: int) -> tuple[str, ...]:
    numbers = {
        int(name[:6])
        for name in os.listdir(gesture)
        if name.endswith("_depth.bin") and name[:6].isdecimal() and len(name) == len(IMAGE.format(0))
    }
    if not numbers:
        raise UserError(f"{gesture} has no images such as {IMAGE.format(0)}; unpack it again")
    return check_numbered(gesture / LABELS, gesture, IMAGE, numbers, range(labelled))
