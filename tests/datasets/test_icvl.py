from pathlib import Path

import pytest

from dataset_folders.hands import assert_reads
from murauer.datasets import DATASETS
from murauer.datasets.icvl import IcvlDataset
from murauer.errors import UserError


@pytest.mark.parametrize(("set_name", "part"), [("real", "train"), ("test", "test")])
def test_images_and_joints(icvl_folder, set_name, part):
    dataset = DATASETS["icvl"](icvl_folder.path)
    # Labels have three decimals of a pixel and of a mm.
    assert_reads(dataset, set_name, getattr(icvl_folder, part), joints_mm=0.01, depth_mm=0.5)
    assert set(dataset.sets[set_name].person) == {-1}


def test_rotated_copies_are_left_out_and_the_order_of_the_labels_is_kept(icvl_folder, copied):
    folder = copied(icvl_folder.path)
    labels = folder / "Training/labels.txt"
    lines = labels.read_text().splitlines()
    assert sum(line.startswith("22-5") for line in lines) == 6
    labels.write_text("\n".join(reversed(lines)))
    dataset, original = IcvlDataset(folder), IcvlDataset(icvl_folder.path)
    assert dataset.sets["real"].frames == 12
    for index in range(12):
        swapped, frame = dataset.view("real", index, 0), original.view("real", 11 - index, 0)
        assert swapped.name == frame.name
        assert (swapped.joints == frame.joints).all()


def test_one_part_is_enough(icvl_folder, copied):
    folder = copied(icvl_folder.path)
    (folder / "Training").rename(folder / "elsewhere")
    assert set(IcvlDataset(folder).sets) == {"test"}


def test_a_lost_image_spoils_only_its_frame(icvl_folder, copied):
    folder = copied(icvl_folder.path)
    (folder / "Training/Depth/201405151126/image_0002.png").unlink()
    dataset = IcvlDataset(folder)
    with pytest.raises(UserError, match=r"201405151126/image_0002.png"):
        dataset.view("real", 2, 0)
    assert dataset.view("real", 3, 0).depth.any()


def edit(path: Path, change) -> None:
    lines = path.read_text().splitlines()
    change(lines)
    path.write_text("\n".join(lines))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "Training/labels.txt").unlink(), ("labels.txt",)),
        (lambda folder: (folder / "Testing/test_seq_2.txt").unlink(), ("test_seq_2.txt",)),
        (lambda folder: (folder / "Training/labels.txt").write_text("\n"), ("labels.txt is empty",)),
        (
            lambda folder: edit(folder / "Training/labels.txt", lambda lines: lines.pop(3)),
            ("1 images without a line", "image_0003.png"),
        ),
        (
            lambda folder: edit(folder / "Training/labels.txt", lambda lines: lines.append(lines[2])),
            ("image_0002.png twice",),
        ),
        (
            lambda folder: edit(
                folder / "Testing/test_seq_1.txt", lambda lines: lines.__setitem__(1, lines[1] + " 4")
            ),
            ("test_seq_1.txt, line 2 has 49 numbers", "48"),
        ),
        (
            lambda folder: edit(
                folder / "Testing/test_seq_1.txt", lambda lines: lines.__setitem__(0, lines[0][:-3] + "abc")
            ),
            ("test_seq_1.txt, line 1", "abc"),
        ),
        (
            lambda folder: [
                (folder / f"Training/Depth/201406041509/image_000{n}.png").unlink() for n in range(3)
            ],
            ("misses 3 of the 12", "image_0000.png"),
        ),
        (lambda folder: [p.rename(folder / f"x{p.name}") for p in list(folder.iterdir())], ("neither",)),
    ],
)
def test_what_does_not_belong_together_ends_in_one_sentence(icvl_folder, assert_refused, damage, words):
    assert_refused(IcvlDataset, icvl_folder.path, damage, words)
