import numpy as np
import pytest
import torch
from PIL import Image

from murauer.geometry.overlay import (
    FINGER_COLOURS,
    contact_sheet,
    draw_frame,
    draw_hand,
    draw_skeleton,
    shade_depth,
    side_by_side,
)
from murauer.geometry.skeletons import SKELETONS, Skeleton

TWO_JOINTS = Skeleton("two", ("a", "b"), (-1, 0), ("palm", "thumb"), centre=0)


def where(picture: Image.Image, colour: tuple[int, int, int]) -> np.ndarray:
    """Rows and columns of the pixels of just that colour."""
    return np.argwhere((np.asarray(picture) == colour).all(axis=-1))


def test_joints_are_drawn_at_their_pixels():
    joints = torch.tensor([[10.0, 20.0], [40.0, 30.0]])
    picture = draw_skeleton(Image.new("RGB", (64, 48)), joints, TWO_JOINTS)
    pixels = np.asarray(picture)
    assert tuple(pixels[20, 10]) == FINGER_COLOURS["palm"]
    assert tuple(pixels[30, 40]) == FINGER_COLOURS["thumb"]
    assert tuple(pixels[25, 25]) == FINGER_COLOURS["thumb"]  # the bone has the colour of its joint
    middle = where(picture, FINGER_COLOURS["palm"]).mean(axis=0)
    assert middle == pytest.approx([20, 10], abs=0.35)


def test_near_bones_cover_far_ones():
    skeleton = Skeleton("cross", ("a", "b", "c", "d"), (-1, 0, -1, 2), ("palm", "thumb", "palm", "index"), 0)
    ends = [[10.0, 32.0], [54.0, 32.0], [32.0, 10.0], [32.0, 54.0]]
    for depths, colour in (((1, 1, 2, 2), "thumb"), ((2, 2, 1, 1), "index")):
        joints = torch.tensor([[*end, float(depth)] for end, depth in zip(ends, depths, strict=True)])
        picture = draw_skeleton(Image.new("RGB", (64, 64)), joints, skeleton)
        assert picture.getpixel((32, 32)) == FINGER_COLOURS[colour]


def test_near_is_bright_and_missing_is_background():
    depth = torch.full((20, 30), 600.0)
    depth[:, 15:] = 800.0
    depth[:5] = 0
    pixels = np.asarray(shade_depth(depth, 600, 800)).astype(int).sum(axis=-1)
    assert pixels[10, 5] > pixels[10, 25] > pixels[2, 5]


def test_every_group_has_a_colour():
    assert {group for skeleton in SKELETONS.values() for group in skeleton.groups} <= FINGER_COLOURS.keys()


def test_hand_and_frame(scene):
    skeleton = SKELETONS["nyu14"]
    shown = (scene.depth[0], scene.camera, scene.joints[0], scene.centre[0], skeleton)
    hand, frame = draw_hand(*shown, size=200), draw_frame(*shown)
    assert hand.size == (200, 200) and frame.size == (640, 480)
    # The cube is centred on the palm's joint, so that the joint is in the middle of the picture.
    assert hand.getpixel((100, 100)) in FINGER_COLOURS.values()
    row = side_by_side([frame, hand])
    assert row.size == (640 + 480, 480)


def test_a_frame_without_a_hand_shows_near_and_far(scene):
    depth = torch.full((480, 640), 600.0)
    depth[:, 320:] = 3000.0
    picture = draw_frame(depth, scene.camera, None, None, SKELETONS["nyu14"])
    assert np.array_equal(picture, shade_depth(depth, 600, 3000))
    assert draw_frame(0 * depth, scene.camera, None, None, SKELETONS["nyu14"]).size == (640, 480)


def test_contact_sheet_keeps_every_picture():
    colours = [(50 * i + 5, 9, 9) for i in range(5)]
    sheet = contact_sheet([Image.new("RGB", (40, 30), colour) for colour in colours], ["a" * 99] * 5)
    assert all(len(where(sheet, colour)) == 40 * 30 for colour in colours)
