"""A folder in the format of the MSRA15 hand gesture database."""

import struct
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from dataset_folders.hands import Hands, render_hands
from murauer.geometry.camera import Camera
from murauer.hand.sensors import TimeOfFlightSensor

CAMERA = Camera(fx=241.42, fy=241.42, u0=160, v0=120, width=320, height=240)
GESTURES = ("1", "IP")


@dataclass(frozen=True)
class MsraFolder:
    """What was written: hands by person, their frames in the order of the gestures."""

    path: Path
    persons: dict[int, Hands]


def write_msra15(
    folder: Path, frames: int = 3, persons: tuple[int, ...] = (0, 1, 2), *, seed: int = 0
) -> MsraFolder:
    """Write two gestures of each person.

    Args:
        folder: to be made.
        frames: in each folder of a gesture.
        persons: numbers of the persons.
        seed: of everything random.
    """
    written = {}
    for person in persons:
        hands = render_hands(
            frames * len(GESTURES),
            CAMERA,
            ("msra21",),
            TimeOfFlightSensor(),
            seed=seed + person,
            distance_mm=(300.0, 450.0),
        )
        for number, gesture in enumerate(GESTURES):
            rows = slice(number * frames, (number + 1) * frames)
            _write_gesture(
                folder / f"P{person}" / gesture,
                hands.measured[rows, 0],
                hands.joints["msra21"][rows, 0],
            )
        written[person] = hands
    return MsraFolder(folder, written)


def _write_gesture(folder: Path, depth: Tensor, joints: Tensor) -> None:
    folder.mkdir(parents=True)
    lines = [str(len(joints))]
    for index, (image, xyz) in enumerate(zip(depth, joints, strict=True)):
        save_box(folder / f"{index:06d}_depth.bin", image)
        backwards = xyz * torch.tensor([1.0, -1.0, -1.0])
        lines.append(" ".join(f"{number:.4f}" for number in backwards.flatten().tolist()))
    (folder / "joint.txt").write_text("\n".join(lines) + "\n")


def save_box(path: Path, depth: Tensor) -> None:
    """Write the box around all measured pixels; right and bottom are excluded."""
    rows, columns = torch.nonzero(depth, as_tuple=True)
    left, right = int(columns.min()), int(columns.max()) + 1
    top, bottom = int(rows.min()), int(rows.max()) + 1
    header = struct.pack("<6I", depth.shape[1], depth.shape[0], left, top, right, bottom)
    path.write_bytes(header + depth[top:bottom, left:right].numpy().astype("<f4", order="C").tobytes())
