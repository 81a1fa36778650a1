"""Finding the hand that is meant: with known hands, and by the packaged networks."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from known_hands import KnownHands, hand
from murauer.capture.depth import read_depth
from murauer.geometry.camera import CAMERAS, uvd_to_xyz
from murauer.handfinder.localisation import (
    LEAST_HAND,
    Sighting,
    choose,
    look_at_place,
    look_for_hand,
    look_for_hands,
    packaged_finder,
)

CAMERA = CAMERAS["nyu"]
FRAME = np.full((480, 640), 800, np.uint16)
RIGHT, LEFT = hand((100, 0, 700), 0.98, right=0.95), hand((-100, 0, 700), 0.99, right=0.05)

# Where a person sees the middle of the hand in these frames: column, row, mm.
SR305_HANDS = {
    "20210326-230536_30": (295, 313, 620),
    "20210326-230536_70": (307, 271, 570),
    "20210326-230536_110": (283, 247, 515),
    "20210326-230536_150": (299, 221, 510),
    "20210326-231615_0": (278, 296, 625),
    "20210326-231615_40": (318, 303, 590),
    "20210326-231615_80": (326, 300, 600),
    "20210326-231615_140": (317, 278, 600),
    "20210326-231615_180": (342, 286, 625),
    "20210326-231615_220": (350, 291, 580),
}


def test_the_surest_hand_unless_a_side_is_said() -> None:
    hands = [LEFT, RIGHT]
    assert choose(hands, 0.0) is LEFT
    assert choose(hands, math.inf) is RIGHT and choose(hands, -math.inf) is LEFT
    assert choose([LEFT], math.inf) is LEFT  # whoever says so knows better
    assert choose([hand((0, 0, 700), LEAST_HAND - 0.01)], 0.0) is None
    assert choose([LEFT, hand((0, 0, 700), LEAST_HAND - 0.01, right=1.0)], math.inf) is LEFT


def test_a_look_says_where_and_which() -> None:
    finder = KnownHands(RIGHT, LEFT)
    sighting = look_for_hand(finder, FRAME, CAMERA, 0.0)
    assert sighting.centre is LEFT.centre and sighting.confidence == 0.99
    assert sighting.handedness == "left" and sighting.problem is None and sighting.took_ms > 0
    assert look_for_hand(KnownHands(LEFT), FRAME, CAMERA, math.inf).handedness == "right"
    assert look_for_hand(KnownHands(LEFT), FRAME, CAMERA, 5.0).handedness == "right"
    assert [each.handedness for each in look_for_hands(finder, FRAME, CAMERA)] == ["left", "right"]
    assert look_for_hands(KnownHands(hand((0, 0, 700), 0.1)), FRAME, CAMERA) == []


def test_two_hands_are_those_of_one_person() -> None:
    rather, clearly = hand((100, 0, 700), 0.99, right=0.7), hand((-100, 0, 700), 0.98, right=0.99)
    assert [each.handedness for each in look_for_hands(KnownHands(rather, clearly), FRAME, CAMERA)] == [
        "left",
        "right",
    ]
    third = hand((0, 200, 700), 0.98, right=0.9)
    sides = [each.handedness for each in look_for_hands(KnownHands(rather, clearly, third), FRAME, CAMERA)]
    assert sides == ["right"] * 3


def test_a_place_is_refined_where_it_is() -> None:
    finder = KnownHands(RIGHT)
    beside = RIGHT.centre + np.array([30, 0, 0])
    seen = look_at_place(finder, FRAME, CAMERA, beside)
    assert np.array_equal(seen.centre, beside)
    assert seen.confidence == pytest.approx(0.98, abs=1e-4) and seen.right == pytest.approx(0.95, abs=1e-4)
    assert look_at_place(finder, FRAME, CAMERA, LEFT.centre).confidence < 0.01


@pytest.mark.parametrize(
    ("depth_mm", "message"),
    [
        (700.0, "if there is one, give its centre"),
        (4000.0, "the nearest thing is 4000 mm away"),
        (0.0, "nothing was measured"),
    ],
)
def test_why_there_is_none(depth_mm: float, message: str) -> None:
    sighting = look_for_hand(packaged_finder(), np.full((480, 640), depth_mm, np.float32), CAMERA, 0.0)
    assert sighting.problem is not None and message in sighting.problem
    assert sighting.confidence == 0 and np.isnan(sighting.centre).all()


def look(depth: torch.Tensor, camera=CAMERA) -> Sighting:
    return look_for_hand(packaged_finder(), np.asarray(depth), camera, 0.0)


def test_a_stick_is_no_hand() -> None:
    depth = torch.zeros(480, 640)
    depth[100:400, 300:310] = 600.0
    assert "found no hand" in (look(depth).problem or "")


def test_rendered_hands_before_a_person(scene) -> None:
    found = torch.from_numpy(np.stack([look(depth).centre for depth in scene.depth]))
    error = (found - scene.centre).norm(dim=-1).nan_to_num(torch.inf)
    assert error.median() < 25
    assert (error < 60).float().mean() >= 0.8


@pytest.fixture(scope="module")
def easy(scene) -> tuple[torch.Tensor, Sighting]:
    """The scene that the finder is surest of, and what it finds in it."""
    found = [look(depth) for depth in scene.depth]
    best = int(np.argmax([each.confidence for each in found]))
    return scene.depth[best], found[best]


def test_follows_the_hand_to_another_place(easy) -> None:
    depth, before = easy
    moved = depth.roll(64, dims=1)
    moved[:, :64] = 0
    shift = look(moved).centre - before.centre
    assert shift.tolist() == pytest.approx([64 * before.centre[2] / CAMERA.fx, 0, 0], abs=25)


def test_specks_and_holes_do_not_matter(easy) -> None:
    depth, expected = easy
    chance = torch.rand(depth.shape, generator=torch.Generator().manual_seed(0))
    for spoilt in (depth.masked_fill(chance < 0.002, 300.0), depth.masked_fill(chance < 0.2, 0.0)):
        assert np.linalg.norm(look(spoilt).centre - expected.centre) < 25


def test_right_and_left_of_rendered_hands(scene) -> None:
    assert sum(look(depth).handedness == "right" for depth in scene.depth) >= 9
    assert sum(look(depth.flip(1)).handedness == "left" for depth in scene.depth) >= 9


def test_sr305_frames(shared_dir: Path) -> None:
    camera, close = CAMERAS["sr305"], 0
    for name, uvd in SR305_HANDS.items():
        depth = read_depth(shared_dir / "data" / "real" / f"sr305_{name}.png", camera, 0.125)
        expected = uvd_to_xyz(torch.tensor(uvd, dtype=torch.float32), camera.intrinsics())
        close += bool(np.linalg.norm(look(depth, camera).centre - expected.numpy()) < 40)
    assert close >= 9


def test_nyu_frame(shared_dir: Path) -> None:
    depth = read_depth(shared_dir / "data" / "real" / "nyu_test_depth_1_0000001.png", CAMERA)
    labels = shared_dir / "data" / "nyu" / "nyu_test_groundtruth_label.txt"
    with open(labels) as lines:
        palm = torch.tensor([float(word) for word in next(lines).split()]).view(14, 3)[13]
    expected = uvd_to_xyz(palm, CAMERA.intrinsics())
    assert np.linalg.norm(look(depth).centre - expected.numpy()) < 40
