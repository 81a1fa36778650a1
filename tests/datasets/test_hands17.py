from pathlib import Path

import pytest

from dataset_folders.hands import assert_reads
from murauer.datasets import DATASETS
from murauer.datasets.hands17 import Hands17Dataset
from murauer.errors import UserError

TRAINING = "training/Training_Annotation.txt"


@pytest.mark.parametrize(("set_name", "part"), [("real", "train"), ("test", "test")])
def test_images_and_joints(hands17_folder, set_name, part):
    dataset = DATASETS["hands17"](hands17_folder.path)
    assert_reads(dataset, set_name, getattr(hands17_folder, part), joints_mm=0.001, depth_mm=0.5)
    assert dataset.sets[set_name].real


def test_labels_belong_to_images_by_name(hands17_folder, copied):
    folder = copied(hands17_folder.path)
    lines = (folder / TRAINING).read_text().splitlines()
    (folder / TRAINING).write_text("\n".join(lines[::-1]))
    changed, original = Hands17Dataset(folder), Hands17Dataset(hands17_folder.path)
    for index in range(12):
        swapped, frame = changed.view("real", index, 0), original.view("real", 11 - index, 0)
        assert swapped.name == frame.name
        assert (swapped.joints == frame.joints).all()


def test_test_frames_without_labels(hands17_folder, copied):
    folder = copied(hands17_folder.path)
    (folder / "frame/Test_Annotation.txt").unlink()
    dataset = Hands17Dataset(folder)
    frame = dataset.view("test", 3, 0)
    assert frame.joints is None
    assert frame.name == "frame/images/image_D00000004.png"
    labelled = Hands17Dataset(hands17_folder.path).view("test", 3, 0)
    assert (frame.depth == labelled.depth).all()


def test_a_truncated_image_spoils_only_its_frame(hands17_folder, copied):
    folder = copied(hands17_folder.path)
    damaged = folder / "training/images/image_D00000003.png"
    damaged.write_bytes(damaged.read_bytes()[:300])
    dataset = Hands17Dataset(folder)
    with pytest.raises(UserError, match=r"image_D00000003.png is damaged"):
        dataset.view("real", 2, 0)
    assert dataset.view("real", 3, 0).depth.any()


def edit(path: Path, change) -> None:
    lines = path.read_text().splitlines()
    change(lines)
    path.write_text("\n".join(lines))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / TRAINING).unlink(), (TRAINING,)),
        (lambda folder: edit(folder / TRAINING, lambda lines: lines.pop()), ("1 images without", "00012")),
        (lambda folder: edit(folder / TRAINING, lambda lines: lines.append(lines[0])), ("00001.png twice",)),
        (
            lambda folder: edit(folder / TRAINING, lambda lines: lines.__setitem__(4, lines[4][:-20])),
            ("line 5 has", "expected 63"),
        ),
        (lambda folder: (folder / "training/images").rename(folder / "pictures"), ("training/images is",)),
        (
            lambda folder: [(folder / f"frame/images/image_D0000000{n}.png").unlink() for n in (1, 2)],
            ("misses 2 of the 6", "image_D00000001.png"),
        ),
        (lambda folder: [p.rename(folder / f"x{p.name}") for p in list(folder.iterdir())], ("neither",)),
    ],
)
def test_what_does_not_belong_together_ends_in_one_sentence(hands17_folder, assert_refused, damage, words):
    assert_refused(Hands17Dataset, hands17_folder.path, damage, words)
