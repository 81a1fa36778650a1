"""Geometry at the limits of what is legal, against formulas written here once more, in float64.

Focal lengths from 50 to 5,000 pixels, depths from 100 mm to 10 m, principal points and cubes at the border of
the image and beyond, images of one pixel and of as many as there may be. What float32 may lose is stated with
every comparison, in units of its resolution.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from murauer.foreign.limits import MOST_PIXELS, MOST_SIDE
from murauer.geometry.camera import Camera, uvd_to_xyz, xyz_to_uvd
from murauer.geometry.crop import CropGeometry, crop_hand
from murauer.geometry.patches import Cubes
from murauer.geometry.rig import CameraRig, nyu_like_rig
from murauer.geometry.windows import cut_window, window_intrinsics
from murauer.hand.model import mirror
from murauer.store.frame_set import Region

RESOLUTION = 2.0**-23
"""Relative distance of two numbers in float32."""

focal_lengths = st.floats(50, 5000)
depths_mm = st.floats(100, 10_000)
angles = st.floats(-math.pi, math.pi)
shares = st.floats(-0.25, 1.25)
"""Places along a side of an image, also past its borders."""

few = settings(deadline=None, max_examples=60)


@st.composite
def sizes(draw: st.DrawFn, longest: int = MOST_SIDE) -> tuple[int, int]:
    """Width and height of an image."""
    width = draw(st.integers(1, longest))
    return width, draw(st.integers(1, min(longest, MOST_PIXELS // width)))


@st.composite
def cameras(draw: st.DrawFn, longest: int = MOST_SIDE) -> Camera:
    """Any size of image, any principal point in it or somewhat outside, as of a crop."""
    width, height = draw(sizes(longest))
    middle = draw(shares) * width, draw(shares) * height
    fx = draw(focal_lengths)
    return Camera(fx, fx * draw(st.floats(0.5, 2)), *middle, width, height, is_crop=True)


@st.composite
def points(draw: st.DrawFn, camera: Camera) -> tuple[float, float, float]:
    """A point in mm that the camera shows in its image or a little outside."""
    z = draw(depths_mm)
    u, v = draw(shares) * camera.width, draw(shares) * camera.height
    return (u - camera.u0) * z / camera.fx, (v - camera.v0) * z / camera.fy, z


def pixels_of(camera: Camera, point: np.ndarray) -> np.ndarray:
    x, y, z = np.moveaxis(np.asarray(point, np.float64), -1, 0)
    return np.stack((camera.fx * x / z + camera.u0, camera.fy * y / z + camera.v0), -1)


@few
@given(st.data())
def test_float32_projects_as_exactly_as_it_can(data: st.DataObject) -> None:
    camera = data.draw(cameras())
    point = np.array(data.draw(points(camera)), np.float32)
    intrinsics = camera.intrinsics()
    expected = pixels_of(Camera(*intrinsics.tolist()), point)
    uvd = xyz_to_uvd(torch.from_numpy(point), intrinsics)
    size = np.abs(expected) + np.abs(intrinsics[2:].numpy()) + 1e-30  # the sum that is rounded
    assert (np.abs(uvd[:2].numpy() - expected) <= 4 * RESOLUTION * size).all()
    assert uvd[2] == point[2]
    again = uvd_to_xyz(uvd, intrinsics).numpy()
    mm_per_pixel = point[2] / intrinsics[:2].numpy()
    assert (np.abs(again - point)[:2] <= 8 * RESOLUTION * (size * mm_per_pixel + np.abs(point[:2]))).all()
    assert again[2] == point[2]


@few
@given(st.data())
def test_parts_and_sizes_of_an_image_show_the_same_rays(data: st.DataObject) -> None:
    camera = data.draw(cameras())
    point = np.array(data.draw(points(camera)))
    u, v = pixels_of(camera, point)
    left, top = data.draw(st.integers(-9000, 9000)), data.draw(st.integers(-9000, 9000))
    part = camera.cropped(left, top, 7, 5)
    assert pixels_of(part, point) == pytest.approx([u - left, v - top], abs=1e-6)
    assert (part.width, part.height, part.is_crop) == (7, 5, True)
    width, height = data.draw(sizes())
    resized = camera.resized(width, height)
    # From border to border: half a pixel before the first centre.
    outline = (np.array([u, v]) + 0.5) / (camera.width, camera.height)
    seen = (pixels_of(resized, point) + 0.5) / (width, height)
    assert seen == pytest.approx(outline, rel=1e-9, abs=1e-9)
    back = resized.resized(camera.width, camera.height)
    assert back.intrinsics_array() == pytest.approx(camera.intrinsics_array(), rel=1e-9, abs=1e-9)


@st.composite
def placements(draw: st.DrawFn, longest: int = 24) -> tuple[Camera, np.ndarray, float, float, np.ndarray]:
    """A camera, and centre, cube side, rotation and pivot of a cube somewhere about its image; float32."""
    camera = draw(cameras(longest))
    camera = Camera(*camera.intrinsics().tolist(), camera.width, camera.height, is_crop=True)
    centre = np.array(draw(points(camera)), np.float32)
    pivot = centre + np.array([draw(st.floats(-60, 60)) for _ in range(3)], np.float32)
    return camera, centre, draw(st.floats(80, 700)), float(np.float32(draw(angles))), pivot


def source_places(camera, centre, cube_mm, angle, pivot, size) -> np.ndarray:
    """Image columns and rows that a patch shows, (P, P, 2): every pixel by itself.

    The cube's box is placed in the rotated image; a pixel of it is turned back about the pivot.
    """
    (u, v), (u0, v0) = pixels_of(camera, centre), pixels_of(camera, pivot)
    places = np.empty((size, size, 2))
    for row in range(size):
        for column in range(size):
            right = u + ((column + 0.5) / size - 0.5) * cube_mm * camera.fx / centre[2] - u0
            down = v + ((row + 0.5) / size - 0.5) * cube_mm * camera.fy / centre[2] - v0
            places[row, column, 0] = u0 + math.cos(angle) * right - math.sin(angle) * down
            places[row, column, 1] = v0 + math.sin(angle) * right + math.cos(angle) * down
    return places


def looked_up(depth: np.ndarray, places: np.ndarray, z: float, cube_mm: float) -> tuple[np.ndarray, ...]:
    """The patch, and which of its pixels float32 may see otherwise: those between two pixels of the image."""
    patch = np.ones(places.shape[:2])
    slack = 1e-3 + 8 * RESOLUTION * np.abs(places).max()
    between = (np.abs(places - np.floor(places) - 0.5) < slack).any(-1)
    for row, column in np.ndindex(*patch.shape):
        u, v = np.round(places[row, column]).astype(int)
        if 0 <= u < depth.shape[1] and 0 <= v < depth.shape[0] and depth[v, u] > 0:
            offset = (depth[v, u] - z) / (cube_mm / 2)
            between[row, column] |= abs(abs(offset) - 1) < 1e-3
            patch[row, column] = offset if abs(offset) <= 1 else 1.0
    return patch, between


def scene(camera: Camera, z: float, cube_mm: float, seed: int) -> np.ndarray:
    """Pixels in, before and behind the cube, and without a measurement."""
    rng = np.random.default_rng(seed)
    depth = z + cube_mm * rng.uniform(-0.7, 0.7, (camera.height, camera.width))
    depth[rng.random(depth.shape) < 0.1] = 0
    return np.maximum(depth, 0).astype(np.float32)


@few
@given(placements(), st.integers(0, 99))
def test_patches_equal_rays_followed_one_by_one(placement, seed: int) -> None:
    camera, centre, cube_mm, angle, pivot = placement
    depth = scene(camera, float(centre[2]), cube_mm, seed)
    turn = torch.tensor([angle])
    arguments = (torch.from_numpy(depth)[None], camera.intrinsics(), torch.from_numpy(centre)[None])
    for about in (pivot, centre):
        places = source_places(camera, centre, cube_mm, angle, about, 8)
        expected, between = looked_up(depth, places, float(centre[2]), cube_mm)
        patch, _ = crop_hand(
            *arguments, cube_mm=cube_mm, patch_size=8, rotation=turn, pivot=torch.from_numpy(about)[None]
        )
        assert np.abs(patch[0].numpy() - expected)[~between].max(initial=0) < 1e-3
    # In NumPy, which knows no other pivot than the centre.
    cubes = Cubes(centre[None], camera.intrinsics_array(), cube_mm, 8, np.array([angle], np.float32))
    assert np.abs(cubes.cut(depth[None])[0] - expected)[~between].max(initial=0) < 1e-3


@pytest.mark.parametrize("shape", [(1, 1), (1, MOST_SIDE), (MOST_SIDE, 1), (2, 3)])
@pytest.mark.parametrize("angle", [0.0, 0.3])
def test_tiny_and_huge_images(shape: tuple[int, int], angle: float) -> None:
    height, width = shape
    # A cube whose outline is some pixels wide, at the far corner.
    camera = Camera(400.0, 400.0, width / 2, height / 2, width, height, is_crop=True)
    z = 4000.0
    x, y = ((side - 1 - side / 2) * z / 400 for side in (width, height))
    centre = np.array([x, y, z], np.float32)
    depth = scene(camera, z, 100.0, 3)
    depth[-1, -1] = z + 5
    turn = torch.tensor([angle])
    patch, _ = crop_hand(
        torch.from_numpy(depth)[None],
        camera.intrinsics(),
        torch.from_numpy(centre)[None],
        cube_mm=100.0,
        patch_size=16,
        rotation=turn,
    )
    expected, between = looked_up(depth, source_places(camera, centre, 100.0, angle, centre, 16), z, 100.0)
    assert np.abs(patch[0].numpy() - expected)[~between].max() < 1e-3
    assert (expected[~between] < 1).any() and (expected == 1).any() and between.mean() < 0.5
    cubes = Cubes(centre[None], camera.intrinsics_array(), 100.0, 16, turn.numpy())
    assert np.array_equal(cubes.cut(depth[None]), patch.numpy())


def geometry_of(placement) -> CropGeometry:
    camera, centre, cube_mm, angle, pivot = placement
    return crop_hand(
        torch.zeros(1, 1, 1),
        camera.intrinsics()[None],
        torch.from_numpy(centre)[None],
        cube_mm=cube_mm,
        patch_size=64,
        rotation=torch.tensor([angle]),
        pivot=torch.from_numpy(pivot)[None],
    )[1]


offsets = st.lists(st.tuples(*[st.floats(-0.55, 0.55)] * 3), min_size=1, max_size=4)
"""From a cube's centre, as shares of its side."""


def slack_px(camera: Camera, *places: np.ndarray) -> float:
    """What float32 loses of places in an image, in pixels."""
    largest = max(float(np.abs(place).max()) for place in places)
    return 16 * RESOLUTION * (largest + abs(camera.u0) + abs(camera.v0) + 1)


@few
@given(placements(MOST_SIDE), offsets)
def test_joints_are_where_the_equations_say(placement, shift) -> None:
    camera, centre, cube_mm, angle, pivot = placement
    joints = centre + np.float32(cube_mm) * np.array(shift, np.float32)
    joints[:, 2] = np.maximum(joints[:, 2], 50)
    geometry = geometry_of(placement)
    uv, about = pixels_of(camera, joints), pixels_of(camera, pivot)
    back = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    turned = (uv - about) @ back.T + about  # counter-clockwise as displayed, v points down
    middle = pixels_of(camera, centre)
    sides = cube_mm * np.array([camera.fx, camera.fy]) / centre[2]
    slack = slack_px(camera, uv, turned, about, middle)

    shown = geometry.to_patch(torch.from_numpy(joints)[None])[0].numpy()
    expected = (turned - middle) / (sides / 2)
    assert np.abs(shown[:, :2] - expected).max() <= 4 * slack / sides.min() + 16 * RESOLUTION
    depth = (joints[:, 2] - centre[2]) / (cube_mm / 2)
    assert shown[:, 2] == pytest.approx(depth, abs=4 * RESOLUTION)
    pixels = geometry.patch_from_xyz(torch.from_numpy(joints)[None])[0].numpy()
    assert pixels == pytest.approx((shown[:, :2] + 1) * 32 - 0.5, abs=1e-4 + 64 * 4 * slack / sides.min())

    normalised = geometry.normalise_joints(torch.from_numpy(joints)[None])[0].numpy()
    z = joints[:, 2:].astype(np.float64)
    xy = (turned - (camera.u0, camera.v0)) * z / (camera.fx, camera.fy)
    mm = 2 * slack * z.max() / min(camera.fx, camera.fy) + 8 * RESOLUTION * np.abs(centre).max()
    assert np.abs(normalised - (np.hstack((xy, z)) - centre) / (cube_mm / 2)).max() <= mm / (cube_mm / 2)

    for there, again in (("to_patch", "from_patch"), ("normalise_joints", "denormalise_joints")):
        inverted = getattr(geometry, again)(getattr(geometry, there)(torch.from_numpy(joints)[None]))[0]
        assert np.abs(inverted.numpy() - joints).max() <= 4 * mm


@few
@given(placements(MOST_SIDE), offsets)
def test_arrays_and_tensors_agree_on_joints(placement, shift) -> None:
    camera, centre, cube_mm, angle, _ = placement
    geometry = geometry_of((camera, centre, cube_mm, angle, centre))
    cubes = Cubes(centre[None], camera.intrinsics_array(), cube_mm, 64, np.array([angle], np.float32))
    joints = 2 * np.array(shift, np.float32)[None]
    slack = slack_px(
        camera, pixels_of(camera, centre), cube_mm * np.array([camera.fx, camera.fy]) / centre[2]
    )
    deepest = centre[2] + cube_mm
    mm = 4 * slack * deepest / min(camera.fx, camera.fy) + 16 * RESOLUTION * (np.abs(centre).max() + cube_mm)
    xyz = cubes.from_patch(joints)
    assert np.abs(xyz - geometry.from_patch(torch.from_numpy(joints)).numpy()).max() <= mm
    unturned = Cubes(centre[None], camera.intrinsics_array(), cube_mm, 64)
    expected = centre + joints.astype(np.float64) * cube_mm / 2
    assert np.abs(unturned.denormalise_joints(joints) - expected).max() <= mm
    assert np.array_equal(unturned.denormalise_joints(joints), cubes.denormalise_joints(joints))
    front = xyz[0, :, 2] > 50
    pixels = cubes.patch_from_xyz(xyz)[0, front]
    narrowest = cube_mm * min(camera.fx, camera.fy) / centre[2] / 64
    exact = (joints[0, front, :2] + 1) * 32 - 0.5
    assert np.abs(pixels - exact).max(initial=0) <= 1e-4 + (slack + mm * camera.fy / 50) / narrowest


@few
@given(placements(MOST_SIDE), offsets, angles)
def test_turning_by_two_angles_is_turning_by_their_sum(placement, shift, further) -> None:
    camera, centre, cube_mm, angle, _ = placement
    square = Camera(camera.fx, camera.fx, camera.u0, camera.v0, camera.width, camera.height, is_crop=True)
    joints = torch.from_numpy(centre + np.float32(cube_mm) * np.array(shift, np.float32))[None]
    joints[..., 2] = joints[..., 2].clamp(min=50)
    once, twice = (
        geometry_of((square, centre, cube_mm, turn, centre)).to_patch(joints)[0].double().numpy()
        for turn in (angle, angle + further)
    )
    back = np.array([[math.cos(further), math.sin(further)], [-math.sin(further), math.cos(further)]])
    uv = pixels_of(square, joints[0].numpy())
    slack = slack_px(square, uv, pixels_of(square, centre)) / (cube_mm * square.fx / centre[2])
    far = float(np.abs(once).max())
    assert np.abs(twice[:, :2] - once[:, :2] @ back.T).max() <= 8 * slack + 16 * RESOLUTION * (1 + far)
    assert np.array_equal(once[:, 2], twice[:, 2])


@few
@given(placements(), st.integers(0, 99))
def test_a_mirrored_scene_gives_the_mirrored_patch(placement, seed: int) -> None:
    camera, centre, cube_mm, angle, _ = placement
    depth = scene(camera, float(centre[2]), cube_mm, seed)
    places = source_places(camera, centre, cube_mm, angle, centre, 8)
    _, between = looked_up(depth, places, float(centre[2]), cube_mm)
    joints = torch.from_numpy(centre + np.array([[10.0, 20, 5], [-30, 0, 0]], np.float32))
    region = Region(
        torch.from_numpy(depth)[None], camera.intrinsics()[None], torch.from_numpy(centre)[None], joints[None]
    )
    seen = region.mirrored(np.array([True]))
    turn = torch.tensor([angle])
    straight, before = crop_hand(
        region.depth, region.intrinsics, region.centre, cube_mm=cube_mm, patch_size=8, rotation=turn
    )
    mirrored, after = crop_hand(
        seen.depth, seen.intrinsics, seen.centre, cube_mm=cube_mm, patch_size=8, rotation=-turn
    )
    same = (mirrored[0].flip(-1) == straight[0]).numpy()
    assert same[~between].all()
    first, second = before.to_patch(region.joints), after.to_patch(seen.joints)
    scale = 1 + float(np.abs(places).max()) / (cube_mm * min(camera.fx, camera.fy) / centre[2])
    torch.testing.assert_close(mirror(second), first, rtol=0, atol=64 * RESOLUTION * scale + 1e-5)
    twice = seen.mirrored(np.array([True]))
    assert torch.equal(twice.depth, region.depth) and torch.equal(twice.joints, region.joints)
    torch.testing.assert_close(twice.intrinsics, region.intrinsics, rtol=1e-6, atol=1e-4)


@few
@given(st.data(), st.integers(1, 9), st.floats(50, 900), st.integers(0, 99))
def test_windows_show_the_rays_of_their_pixels(data, size: int, size_mm: float, seed: int) -> None:
    camera = data.draw(cameras(24))
    centre = np.array(data.draw(points(camera)), np.float32)
    depth = scene(camera, float(centre[2]), 300.0, seed)
    window, own = cut_window(
        torch.from_numpy(depth), camera.intrinsics(), torch.from_numpy(centre), size, size_mm
    )
    u, v = pixels_of(Camera(*camera.intrinsics().tolist()), centre)
    for row, column in np.ndindex(size, size):
        # size_mm at the centre's depth along a row, from border to border; as many pixels along a column.
        step = size_mm * camera.fx / centre[2] / size
        place = np.array([u + (column - (size - 1) / 2) * step, v + (row - (size - 1) / 2) * step])
        if np.abs(place - np.floor(place) - 0.5).min() < 1e-3:
            continue
        column_seen, row_seen = np.round(place).astype(int)
        inside = 0 <= column_seen < camera.width and 0 <= row_seen < camera.height
        assert window[row, column] == (depth[row_seen, column_seen] if inside else 0)
    many = window_intrinsics(
        torch.from_numpy(centre)[None].double(), camera.intrinsics().double(), size, torch.tensor([size_mm])
    )
    torch.testing.assert_close(many[0].float(), own, rtol=1e-5, atol=1e-3)


@st.composite
def poses(draw: st.DrawFn) -> torch.Tensor:
    """A rigid transform of any rotation, up to 10 m away."""
    quaternion = torch.tensor([draw(st.floats(-1, 1)) for _ in range(3)] + [1.1], dtype=torch.float64)
    w, x, y, z = (quaternion / quaternion.norm()).tolist()
    pose = torch.eye(4, dtype=torch.float64)
    pose[:3, :3] = torch.tensor(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ],
        dtype=torch.float64,
    )
    pose[:3, 3] = torch.tensor([draw(st.floats(-10_000, 10_000)) for _ in range(3)])
    return pose.float()


CAMERA = Camera(500.0, 500.0, 320.0, 240.0, 640, 480)


@few
@given(poses(), poses(), st.tuples(*[st.floats(-10_000, 10_000)] * 3))
def test_rigs_take_points_there_and_back(first, second, point) -> None:
    rig = CameraRig((CAMERA, CAMERA), torch.stack((first, second)))
    xyz = torch.tensor([point])
    # By the world: x_world from the first pose as a system of equations, then the second pose.
    world = np.linalg.solve(
        first[:3, :3].double().numpy(), xyz[0].double().numpy() - first[:3, 3].double().numpy()
    )
    expected = second[:3, :3].double().numpy() @ world + second[:3, 3].double().numpy()
    seen = rig.transform(xyz, 0, 1)
    assert seen[0].numpy() == pytest.approx(expected, abs=0.02)  # mm, of tens of metres
    assert rig.transform(seen, 1, 0)[0].numpy() == pytest.approx(point, abs=0.04)
    assert torch.equal(rig.transform(xyz, 1, 1).round(decimals=1), xyz.round(decimals=1))


@pytest.mark.parametrize("distance", [100.0, 650.0, 10_000.0])
def test_cameras_of_an_arc_look_at_its_middle(distance: float) -> None:
    rig = nyu_like_rig(CAMERA, distance)
    middle = torch.tensor([[0.0, 0.0, distance]])
    assert torch.equal(rig.camera_from_world[0], torch.eye(4))
    seen = rig.camera_from_world @ torch.tensor([0.0, 0.0, distance, 1.0])
    torch.testing.assert_close(seen[:, :3], middle.expand(3, 3), rtol=1e-5, atol=1e-3)
    for other, degrees in ((0, 0.0), (1, 35.0), (2, -35.0)):
        torch.testing.assert_close(rig.transform(middle, 0, other), middle, rtol=1e-5, atol=1e-3)
        beside = rig.transform(middle + torch.tensor([[100.0, 0.0, 0.0]]), 0, other) - middle
        angle = math.radians(degrees)
        assert beside[0].tolist() == pytest.approx(
            [100 * math.cos(angle), 0, -100 * math.sin(angle)], abs=distance * 1e-5
        )
