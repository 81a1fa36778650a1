"""A folder in the format of the ICVL Hand Posture Dataset."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from dataset_folders.hands import Hands, render_hands
from murauer.geometry.camera import Camera, xyz_to_uvd
from murauer.hand.sensors import TimeOfFlightSensor

CAMERA = Camera(fx=241.42, fy=241.42, u0=160, v0=120, width=320, height=240)
NEAR = (300.0, 450.0)


@dataclass(frozen=True)
class IcvlFolder:
    """What was written, the test in the order of its two sequences."""

    path: Path
    train: Hands
    test: Hands


def write_icvl(folder: Path, train: int = 12, test: int = 6, *, seed: int = 0) -> IcvlFolder:
    """Write Training with two recordings and a rotated copy of one, and Testing with two sequences."""
    training, testing = (
        render_hands(count, CAMERA, ("icvl16",), TimeOfFlightSensor(), seed=seed + part, distance_mm=NEAR)
        for part, count in enumerate((train, test))
    )
    half = train // 2
    names = [f"201405151126/image_{i:04d}.png" for i in range(half)]
    names += [f"201406041509/image_{i:04d}.png" for i in range(train - half)]
    lines = _write_images(folder / "Training/Depth", names, training)
    copies = [f"22-5/image_{i:04d}.png {line.split(maxsplit=1)[1]}" for i, line in enumerate(lines[:half])]
    (folder / "Training/labels.txt").write_text("\n".join([*lines, *copies]) + "\n")

    half = test // 2
    names = [f"test_seq_{1 if i < half else 2}/image_{i % half:04d}.png" for i in range(test)]
    lines = _write_images(folder / "Testing/Depth", names, testing)
    (folder / "Testing/test_seq_1.txt").write_text("\n".join(lines[:half]) + " \n")
    (folder / "Testing/test_seq_2.txt").write_text("\n".join(lines[half:]) + "\n\n")
    return IcvlFolder(folder, training, testing)


def save_grey16(path: Path, depth: Tensor) -> None:
    """Write depth in whole mm as 16-bit PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(depth.round().numpy().astype(np.uint16)).save(path, compress_level=1)


def _write_images(folder: Path, names: list[str], hands: Hands) -> list[str]:
    """Write the images and return the lines of their labels."""
    uvd = xyz_to_uvd(hands.joints["icvl16"][:, 0], CAMERA.intrinsics())
    lines = []
    for index, name in enumerate(names):
        save_grey16(folder / name, hands.measured[index, 0])
        lines.append(" ".join([name, *(f"{number:.3f}" for number in uvd[index].flatten().tolist())]))
    return lines
