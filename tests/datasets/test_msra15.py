import struct
from pathlib import Path

import pytest
import torch

from dataset_folders.hands import Hands, assert_reads
from murauer.datasets import DATASETS
from murauer.datasets.msra15 import Msra15Dataset, read_box
from murauer.errors import UserError


def together(hands: list[Hands]) -> Hands:
    return Hands(
        torch.cat([part.clean for part in hands]),
        torch.cat([part.measured for part in hands]),
        {"msra21": torch.cat([part.joints["msra21"] for part in hands])},
    )


@pytest.mark.parametrize(("name", "tested"), [("msra15", 0), ("msra15-p2", 2)])
def test_images_joints_and_persons(msra15_folder, name, tested):
    dataset = DATASETS[name](msra15_folder.path)
    assert dataset.name == name
    others = [person for person in (0, 1, 2) if person != tested]
    written = msra15_folder.persons
    assert_reads(dataset, "test", written[tested], joints_mm=0.001, depth_mm=0)
    assert_reads(dataset, "real", together([written[p] for p in others]), joints_mm=0.001, depth_mm=0)
    assert dataset.sets["real"].person.tolist() == [others[0]] * 6 + [others[1]] * 6
    assert set(dataset.sets["test"].person) == dataset.unseen_persons == {tested}
    assert dataset.view("real", 7, 0).name == f"P{others[1]}/1/000001_depth.bin"


def test_a_lost_image_spoils_only_its_frame(msra15_folder, copied):
    folder = copied(msra15_folder.path)
    for other in range(12):  # enough frames that one is not much
        target = folder / f"P0/1/{other:06d}_depth.bin"
        if not target.exists():
            target.write_bytes((folder / "P0/1/000000_depth.bin").read_bytes())
    lines = (folder / "P0/1/joint.txt").read_text().splitlines()
    (folder / "P0/1/joint.txt").write_text("\n".join(["12", *lines[1:], *[lines[1]] * 9]))
    (folder / "P0/1/000004_depth.bin").unlink()
    dataset = Msra15Dataset(folder)
    with pytest.raises(UserError, match=r"P0/1/000004_depth.bin"):
        dataset.view("test", 4, 0)
    assert dataset.view("test", 5, 0).depth.any()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "damaged"),
        (struct.pack("<6i", 320, 240, 10, 10, 20, 20), "10 x 10"),
        (struct.pack("<6i5f", 320, 240, 10, 10, 12, 12, 1, 2, 3, 4, 5), "2 x 2"),
        (struct.pack("<6i4f", 640, 480, 10, 10, 12, 12, 1, 2, 3, 4), "640 x 480"),
        (struct.pack("<6i4f", 320, 240, 319, 10, 321, 12, 1, 2, 3, 4), "319, 10, 321, 12"),
        (struct.pack("<6i4f", 320, 240, 10, 10, 12, 12, 0, 0, 0, 0), "no measurement"),
        (struct.pack("<6i4f", 320, 240, 10, 10, 12, 12, 1, 2, float("nan"), 4), "infinite"),
    ],
)
def test_damaged_images(tmp_path, content, words):
    path = tmp_path / "000000_depth.bin"
    path.write_bytes(content)
    with pytest.raises(UserError, match=words) as error:
        read_box(path)
    assert str(path) in str(error.value)


def test_a_box_is_placed_by_columns_and_rows(tmp_path):
    path = tmp_path / "000000_depth.bin"
    path.write_bytes(struct.pack("<6i6f", 320, 240, 300, 7, 303, 9, *range(401, 407)))
    depth = read_box(path)
    assert depth.shape == (240, 320)
    assert depth[7:9, 300:303].tolist() == [[401, 402, 403], [404, 405, 406]]
    assert depth.count_nonzero() == 6


def edit(path: Path, change) -> None:
    lines = path.read_text().splitlines()
    change(lines)
    path.write_text("\n".join(lines))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "P1/IP/joint.txt").unlink(), ("P1/IP/joint.txt",)),
        (lambda folder: edit(folder / "P1/1/joint.txt", lambda lines: lines.pop()), ("announces 3", "2")),
        (lambda folder: edit(folder / "P1/1/joint.txt", lambda lines: lines.pop(0)), ("number of its",)),
        (
            lambda folder: edit(
                folder / "P1/1/joint.txt", lambda lines: (lines.pop(), lines.__setitem__(0, "2"))
            ),
            ("labels of 2 frames", "000002_depth.bin"),
        ),
        (
            lambda folder: edit(
                folder / "P1/1/joint.txt", lambda lines: lines.__setitem__(2, lines[2] + " 1")
            ),
            ("line 3 has 64 numbers", "63"),
        ),
        (
            lambda folder: edit(
                folder / "P1/1/joint.txt", lambda lines: lines.__setitem__(2, "nan " + lines[2][8:])
            ),
            ("line 3",),
        ),
        (lambda folder: [p.unlink() for p in folder.glob("P2/1/*.bin")], ("P2/1", "no images")),
        (lambda folder: (folder / "P1/1/000001_depth.bin").unlink(), ("misses 1 of the 3",)),
        (lambda folder: (folder / "P0").rename(folder / "Q0"), ("no folder P0 ",)),
        (lambda folder: [p.rename(folder / f"x{p.name}") for p in list(folder.iterdir())], ("no folder P0",)),
    ],
)
def test_what_does_not_belong_together_ends_in_one_sentence(msra15_folder, assert_refused, damage, words):
    assert_refused(Msra15Dataset, msra15_folder.path, damage, words)


def test_missing_persons_and_gestures_are_named(msra15_folder):
    dataset = Msra15Dataset(msra15_folder.path)
    persons, *gestures = dataset.left_out
    assert "3 of the 9 persons, without P3, P4, P5, P6, P7, P8" in persons
    assert len(gestures) == 3 and all("2 of the 17 gestures, without 2, 3, 4," in each for each in gestures)
