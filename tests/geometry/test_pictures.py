"""Pictures of depth and skeletons, pixel by pixel against what their parts should be."""

import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from murauer.geometry.camera import Camera
from murauer.geometry.overlay import (
    BACKGROUND_COLOUR,
    FINGER_COLOURS,
    contact_sheet,
    draw_frame,
    draw_hand,
    draw_skeleton,
    shade_depth,
    side_by_side,
)
from murauer.geometry.patches import Cubes
from murauer.geometry.skeletons import SKELETONS, Skeleton

PAIR = Skeleton("pair", ("a", "b"), (-1, 0), ("palm", "thumb"), centre=0)
ALONE = Skeleton("alone", ("a",), (-1,), ("index",), centre=0)
OUTLINE = (16, 18, 22)
CAMERA = Camera(500.0, 490.0, 159.5, 119.5, 320, 240)


def shaded(depth: np.ndarray, near: float, far: float) -> np.ndarray:
    """Warm to cold with depth, brighter where the surface falls away to the right and below."""
    picture = np.empty((*depth.shape, 3))
    for v, u in np.ndindex(*depth.shape):
        if not depth[v, u] > 0:
            picture[v, u] = (24, 27, 34)
            continue
        share = min(max((depth[v, u] - near) / (far - near), 0), 1)
        slope = 0.0
        for dv, du in ((0, 1), (1, 0)):
            for side in (-1, 1):
                row, column = v + side * dv, u + side * du
                if 0 <= row < depth.shape[0] and 0 <= column < depth.shape[1] and depth[row, column] > 0:
                    slope += side * (depth[row, column] - depth[v, u]) / 2
        light = 1 + 0.28 * math.tanh(slope / max(0.01 * (far - near), 1e-6))
        for channel, (warm, cold) in enumerate(((236, 72), (228, 86), (214, 112))):
            picture[v, u, channel] = min(max((warm + (cold - warm) * share) * light, 0), 255)
    return picture


@pytest.mark.parametrize(("near", "far"), [(500.0, 900.0), (650.0, 660.0), (600.0, 600.0 + 1e-5)])
def test_depth_is_shaded_pixel_by_pixel(near: float, far: float) -> None:
    rng = np.random.default_rng(0)
    depth = 700 + np.cumsum(rng.normal(0, 4, (9, 12)), axis=1) + 20 * rng.normal(size=(9, 1))
    depth[rng.random(depth.shape) < 0.15] = 0
    expected = shaded(depth, near, far)
    for values in (depth, torch.from_numpy(depth)):
        picture = np.asarray(shade_depth(values, near, far)).astype(float)
        assert np.abs(picture - np.floor(expected)).max() <= 1
        assert (picture == np.floor(expected)).mean() > 0.98


def distance_to_line(u: np.ndarray, v: np.ndarray, a: tuple[float, ...], b: tuple[float, ...]) -> np.ndarray:
    along = np.array(b) - a
    share = np.clip(((u - a[0]) * along[0] + (v - a[1]) * along[1]) / (along @ along), 0, 1)
    return np.hypot(u - a[0] - share * along[0], v - a[1] - share * along[1])


def test_a_bone_and_its_ends_have_their_widths_and_outlines() -> None:
    ends = [(60.0, 80.0, 5.0), (150.0, 40.0, 6.0)]
    picture = np.asarray(draw_skeleton(Image.new("RGB", (220, 140)), np.array(ends), PAIR, width=16))
    v, u = np.mgrid[:140, :220]
    bone = distance_to_line(u, v, ends[0][:2], ends[1][:2])
    dots = [np.hypot(u - x, v - y) for x, y, _ in ends]
    # From the last that is drawn to the first: radius, from which place, colour.
    layers = [
        (dots[0], 0.9 * 16, FINGER_COLOURS["palm"]),
        (dots[0], 1.25 * 16, OUTLINE),
        (dots[1], 0.9 * 16, FINGER_COLOURS["thumb"]),
        (dots[1], 1.25 * 16, OUTLINE),
        (bone, 16 / 2, FINGER_COLOURS["thumb"]),
        (bone, 1.7 * 16 / 2, OUTLINE),
    ]
    expected, unsure = np.zeros((140, 220, 3), int), np.zeros((140, 220), bool)
    for far, radius, colour in reversed(layers):
        expected[far < radius] = colour
        unsure[np.abs(far - radius) < 1.5] = True
    assert (picture[~unsure] == expected[~unsure]).all()
    assert unsure.mean() < 0.15


def test_the_width_of_bones_that_nobody_asked_for_is_3() -> None:
    joints, blank = np.array([[5.0, 20.0], [60.0, 20.0]]), Image.new("RGB", (80, 40))
    assert draw_skeleton(blank, joints, PAIR) == draw_skeleton(blank, joints, PAIR, width=3)
    column = np.asarray(draw_skeleton(blank, joints, PAIR))[:, 30]
    assert (column == FINGER_COLOURS["thumb"]).all(-1).sum() == 3
    assert np.flatnonzero(column.any(-1)).tolist() in ([18, 19, 20, 21, 22], [17, 18, 19, 20, 21, 22, 23])


def test_unknown_joints_and_their_bones_are_left_away() -> None:
    blank = Image.new("RGB", (80, 40))
    first = np.array([[20.0, 20.0, 5.0], [60.0, 20.0, np.nan]])
    assert draw_skeleton(blank, first, PAIR) == draw_skeleton(
        blank, first[:1], Skeleton("a", ("a",), (-1,), ("palm",), 0)
    )
    second = np.asarray(draw_skeleton(blank, first[::-1], PAIR))
    assert (second[20, 20] == FINGER_COLOURS["thumb"]).all() and not second[:, 40:].any()


@pytest.fixture(scope="module")
def depth() -> np.ndarray:
    v, u = np.mgrid[:240, :320]
    hand = 600 + 0.2 * u + 0.3 * v
    return np.where((u - 150) ** 2 + (v - 110) ** 2 < 70**2, hand, 1500.0).astype(np.float32)


def test_a_hand_is_drawn_in_its_cube(depth: np.ndarray) -> None:
    centre = np.array([-12.0, -10.0, 660.0], np.float32)
    joints = (centre + np.random.default_rng(0).normal(0, 40, (14, 3))).astype(np.float32)
    for given, cube_mm, size in (({}, 300.0, 384), ({"cube_mm": 200.0, "size": 96}, 200.0, 96)):
        cubes = Cubes(centre[None], CAMERA.intrinsics_array(), cube_mm, size)
        patch = cubes.cut(depth[None])[0]
        mm = np.where(patch < 1, 660 + patch * cube_mm / 2, 0)
        plain = shade_depth(mm, 660 - 0.4 * cube_mm, 660 + 0.4 * cube_mm)
        drawn = draw_hand(depth, CAMERA, None, centre, SKELETONS["nyu14"], **given)
        assert np.abs(np.asarray(drawn).astype(int) - np.asarray(plain)).max() <= 1
        places = np.hstack((cubes.patch_from_xyz(joints[None])[0], joints[:, 2:]))
        expected = draw_skeleton(drawn, places, SKELETONS["nyu14"], width=size / 96)
        assert draw_hand(depth, CAMERA, joints, centre, SKELETONS["nyu14"], **given) == expected
        assert expected != drawn


@pytest.mark.parametrize("columns", [320, 1200])
def test_a_frame_is_drawn_with_the_outline_of_its_cube(depth: np.ndarray, columns: int) -> None:
    scale = columns / 320
    camera = CAMERA.resized(columns, round(240 * scale))
    depth = np.asarray(Image.fromarray(depth).resize((camera.width, camera.height), Image.Resampling.NEAREST))
    centre, joints = np.array([-12.0, -10.0, 660.0]), np.array([[-12.0, -10.0, 660.0]])
    for given, cube_mm in (({}, 300.0), ({"cube_mm": 150.0}, 150.0)):
        plain = shade_depth(depth, 660 - cube_mm / 2, 660 + 2 * cube_mm)
        u, v = (f * c / 660 + m for f, c, m in zip(*_rows(camera), strict=True))
        half = [focal * cube_mm / 2 / 660 for focal in (camera.fx, camera.fy)]
        box = (u - half[0], v - half[1], u + half[0], v + half[1])
        ImageDraw.Draw(plain).rectangle(box, outline=(255, 255, 255), width=max(1, columns // 400))
        assert draw_frame(depth, camera, None, centre, ALONE, **given) == plain
        expected = draw_skeleton(plain, np.array([[u, v, 660.0]]), ALONE, width=columns / 320)
        assert draw_frame(depth, camera, joints, centre, ALONE, **given) == expected
    everything = np.where(depth > 0, depth, np.nan)
    near, far = np.nanquantile(everything, (0.01, 0.99))
    assert draw_frame(depth, camera, None, None, ALONE) == shade_depth(depth, near, far)


def _rows(camera: Camera) -> tuple[tuple[float, float], ...]:
    return (camera.fx, camera.fy), (-12.0, -10.0), (camera.u0, camera.v0)


def test_a_frame_of_one_depth_or_none_has_a_range_of_a_millimetre() -> None:
    flat = np.full((240, 320), 700.0)
    assert draw_frame(flat, CAMERA, None, None, ALONE) == shade_depth(flat, 700, 701)
    assert draw_frame(0 * flat, CAMERA, None, None, ALONE) == shade_depth(0 * flat, 0, 1)
    single = flat.copy()
    single[0, 0] = 9000.0
    assert draw_frame(single, CAMERA, None, None, ALONE) == shade_depth(single, 700, 701)


def test_pictures_in_a_row_are_as_high_as_the_first() -> None:
    colours = [(200, 0, 0), (0, 200, 0), (0, 0, 200)]
    sizes = [(30, 20), (30, 40), (10, 5)]
    row = side_by_side([Image.new("RGB", size, colour) for size, colour in zip(sizes, colours, strict=True)])
    assert row.size == (30 + 15 + 40, 20)
    pixels = np.asarray(row)
    for (left, right), colour in zip(((0, 30), (30, 45), (45, 85)), colours, strict=True):
        assert (pixels[:, left:right] == colour).all()


@pytest.mark.parametrize(
    ("number", "size", "columns", "rows"),
    [
        (1, (40, 30), 2, 1),
        (5, (40, 30), 3, 2),
        (6, (100, 10), 2, 3),
        (4, (20, 78), 5, 1),
        (9, (52, 30), 3, 3),
    ],
)
def test_a_sheet_is_about_as_wide_as_high(
    number: int, size: tuple[int, int], columns: int, rows: int
) -> None:
    colours = [(20 * index + 9, 250, 250) for index in range(number)]
    pictures = [Image.new("RGB", size, colour) for colour in colours]
    sheet = np.asarray(contact_sheet(pictures, ["i"] * number))
    width, height = size[0], size[1] + 22
    assert sheet.shape == (rows * height, columns * width, 3)
    for index, colour in enumerate(colours):
        top, left = index // columns * height, index % columns * width
        assert (sheet[top : top + size[1], left : left + width] == colour).all()
        caption = sheet[top + size[1] : top + height, left : left + width]
        ink = np.argwhere((caption != BACKGROUND_COLOUR).any(-1))
        assert len(ink) and ink[:, 1].min() >= 6 and ink[:, 0].min() >= 3
        assert caption.max() <= 220


def test_captions_lose_their_beginning_where_they_are_too_long() -> None:
    def ink(caption: str, width: int) -> np.ndarray:
        sheet = np.asarray(contact_sheet([Image.new("RGB", (width, 5))], [caption]))[5:27, :width]
        return (sheet != BACKGROUND_COLOUR).any(-1)

    assert ink("short", 80).any() and np.array_equal(
        ink("a very very long name.png", 80), ink("…ng name.png", 80)
    )
    columns = np.flatnonzero(ink("a very very long name.png", 80).any(0))
    assert columns[0] >= 6 and columns[-1] < 80 - 5
    assert np.array_equal(ink("abcdefgh", 14), ink("…fgh", 14))
