"""A folder in the format of the NYU Hand Pose Dataset."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.io
import torch
from PIL import Image
from torch import Tensor

from dataset_folders.hands import Hands, render_hands
from murauer.geometry.camera import CAMERAS, xyz_to_uvd
from murauer.hand.sensors import StructuredLightSensor

KNUCKLES = [f"KNU{knuckle}_{end}" for knuckle in (3, 2, 1) for end in "AB"]
JOINT_NAMES = [f"{finger}_{knuckle}" for finger in ("F1", "F2", "F3", "F4", "TH") for knuckle in KNUCKLES]
JOINT_NAMES += [f"PALM_{number}" for number in range(1, 7)]
EVALUATED = [0, 3, 6, 9, 12, 15, 18, 21, 24, 25, 27, 30, 31, 32]
NOTHING = 2001
WALL_MM = 1600.0


@dataclass(frozen=True)
class NyuFolder:
    """What was written: of views "1", "3" and "2" in training, and 1, 2 and 3 in test."""

    path: Path
    train: Hands
    test: Hands


def write_nyu(
    folder: Path,
    train: int = 12,
    test: int = 6,
    *,
    swap_at: int = 29_116,
    synthetic: bool = True,
    synthetic_test: bool = True,
    seed: int = 0,
) -> NyuFolder:
    """Write train and test with three cameras each.

    Args:
        folder: to be made.
        train: training frames.
        test: test frames.
        swap_at: index of the training frame from which on cameras 2 and 3 have their later places.
        synthetic: whether there are renderings of the training frames.
        synthetic_test: and of the test frames.
        seed: of everything random.
    """
    training, testing = _hands(train, seed), _hands(test, seed + 1)
    # Camera numbers of the three views of each frame. Test: view g must predict is camera 2.
    before, after = [1, 2, 3], [1, 3, 2]
    _write_part(
        folder / "train", training, [before if i < swap_at else after for i in range(train)], synthetic
    )
    _write_part(folder / "test", testing, [[1, 2, 3]] * test, synthetic_test)
    return NyuFolder(folder, training, testing)


def _hands(count: int, seed: int) -> Hands:
    return render_hands(
        count,
        CAMERAS["nyu"],
        ("nyu14", "anny21"),
        StructuredLightSensor(),
        seed=seed,
        views=3,
        wall_mm=WALL_MM,
    )


def _write_part(folder: Path, hands: Hands, cameras: list[list[int]], synthetic: bool) -> None:
    folder.mkdir(parents=True)
    joints = all_joints(hands)
    xyz = np.zeros((3, len(hands), 36, 3))
    for index, numbers in enumerate(cameras):
        for view, number in enumerate(numbers):
            name = f"{number}_{index + 1:07d}.png"
            save_packed(folder / f"depth_{name}", hands.measured[index, view])
            if synthetic:
                save_packed(folder / f"synthdepth_{name}", hands.clean[index, view])
            xyz[number - 1, index] = joints[index, view].numpy()
    uvd = xyz_to_uvd(torch.from_numpy(xyz), CAMERAS["nyu"].intrinsics().double()).numpy()
    write_labels(folder / "joint_data.mat", uvd, xyz * [1, -1, 1])


def write_labels(path: Path, uvd: np.ndarray, xyz_up: np.ndarray, names: list[str] = JOINT_NAMES) -> None:
    """Write joint_data.mat, MATLAB 5: cell array of names, uvd and xyz (y up), (3, N, 36, 3) each."""
    cells = np.empty((1, len(names)), object)
    cells[0] = names
    scipy.io.savemat(path, {"joint_names": cells, "joint_uvd": uvd, "joint_xyz": xyz_up}, do_compression=True)


def save_packed(path: Path, depth: Tensor) -> None:
    """Write depth in mm as 256 G + B, 2001 for nothing."""
    mm = depth.round().numpy().astype(np.uint16)
    mm[mm == 0] = NOTHING
    packed = np.stack((np.zeros_like(mm), mm // 256, mm % 256), -1).astype(np.uint8)
    Image.fromarray(packed).save(path, compress_level=1)


def all_joints(hands: Hands) -> Tensor:
    """The 36 joints (N, V, 36, 3) of which the 14 evaluated are exact and the others near where NYU's are."""
    fourteen, anatomical = hands.joints["nyu14"], hands.joints["anny21"]
    joints = fourteen.new_zeros(*fourteen.shape[:2], 36, 3)
    wrist, index_base, pinky_base = (anatomical[:, :, joint] for joint in (0, 5, 17))
    for finger, first in enumerate((17, 13, 9, 5, 1)):  # pinky to thumb, from the palm to the tip
        base, middle, last, tip = (anatomical[:, :, first + joint] for joint in range(4))
        chain = (tip, last, (2 * last + middle) / 3, middle, (middle + 2 * base) / 3, base)
        joints[:, :, 6 * finger : 6 * finger + 6] = torch.stack(chain, 2)
    palm = (wrist, wrist, wrist, index_base, (index_base + pinky_base) / 2, (index_base + wrist) / 2)
    joints[:, :, 30:] = torch.stack(palm, 2)
    joints[:, :, EVALUATED] = fourteen
    return joints
