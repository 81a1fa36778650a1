"""A folder in the format of the HANDS17 challenge."""

from dataclasses import dataclass
from pathlib import Path

from dataset_folders.hands import Hands, render_hands
from dataset_folders.icvl import save_grey16
from murauer.geometry.camera import Camera
from murauer.hand.sensors import StructuredLightSensor

CAMERA = Camera(fx=475.065948, fy=475.065857, u0=315.944855, v0=245.287079, width=640, height=480)


@dataclass(frozen=True)
class Hands17Folder:
    """What was written."""

    path: Path
    train: Hands
    test: Hands


def write_hands17(
    folder: Path, train: int = 12, test: int = 6, *, test_labels: bool = True, seed: int = 0
) -> Hands17Folder:
    """Write training, and the frames of the test with boxes and, as published later, their labels."""
    training, testing = (
        render_hands(
            count,
            CAMERA,
            ("hands21",),
            StructuredLightSensor(),
            seed=seed + part,
            distance_mm=(450.0, 650.0),
            wall_mm=1400.0,
        )
        for part, count in enumerate((train, test))
    )
    _write_images(folder / "training/images", training)
    (folder / "training/Training_Annotation.txt").write_text(_annotation(training))
    _write_images(folder / "frame/images", testing)
    boxes = [f"{_name(index)}\t200\t100\t420\t330\t\n" for index in range(test)]
    (folder / "frame/BoundingBox.txt").write_text("".join(boxes))
    if test_labels:
        (folder / "frame/Test_Annotation.txt").write_text(_annotation(testing))
    return Hands17Folder(folder, training, testing)


def _name(index: int) -> str:
    return f"image_D{index + 1:08d}.png"


def _write_images(folder: Path, hands: Hands) -> None:
    for index in range(len(hands)):
        save_grey16(folder / _name(index), hands.measured[index, 0])


def _annotation(hands: Hands) -> str:
    lines = []
    for index, joints in enumerate(hands.joints["hands21"][:, 0]):
        numbers = (f"{number:.4f}" for number in joints.flatten().tolist())
        lines.append("\t".join([_name(index), *numbers]) + "\t\n")
    return "".join(lines)
