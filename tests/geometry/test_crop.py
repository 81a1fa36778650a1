import math

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from murauer.geometry.camera import CAMERAS, uvd_to_xyz, xyz_to_uvd
from murauer.geometry.crop import CropGeometry, crop_hand
from murauer.geometry.patches import Cubes

NYU = CAMERAS["nyu"].intrinsics()[None]
Y_UP = torch.tensor([1.0, -1.0, 1.0])
ANNOTATED_CENTRE_UVD = torch.tensor([[210.217, 268.604, 778.299]])


def geometry_of(centre, **options) -> CropGeometry:
    """Where the cubes are, whatever the image."""
    return crop_hand(torch.zeros(len(centre), 1, 1), NYU, centre, **options)[1]


@pytest.fixture(scope="module")
def frame(shared_dir) -> torch.Tensor:
    """The first NYU test frame, (1, 480, 640) in mm."""
    packed = np.asarray(Image.open(shared_dir / "data/real/nyu_test_depth_1_0000001.png")).astype(np.float32)
    depth = 256 * packed[..., 1] + packed[..., 2]
    return torch.from_numpy(np.where(depth == 2001, 0, depth))[None]


@pytest.fixture(scope="module")
def joints(shared_dir) -> torch.Tensor:
    """Its 14 joints, (1, 14, 3) in mm."""
    line = np.loadtxt(shared_dir / "data/nyu/nyu_test_groundtruth_label.txt", max_rows=1)
    return uvd_to_xyz(torch.from_numpy(line.reshape(1, 14, 3)).float(), NYU)


@pytest.mark.parametrize(
    ("name", "cube_mm", "degrees"),
    [
        ("a_nojitter", 300.0, 0),
        ("a2_cube249p9", 249.9, 0),
        ("b3_com", 300.0, 0),
        ("b2_rot30", 300.0, 30),
        ("b_rot30_com", 300.0, 30),
    ],
)
def test_published_crops_of_a_real_frame(shared_dir, frame, joints, name, cube_mm, degrees):
    golden = np.load(shared_dir / f"data/golden/{name}.npz")
    patch, geometry = crop_hand(
        frame,
        NYU,
        torch.from_numpy(golden["com3D"])[None] * Y_UP,
        cube_mm=cube_mm,
        rotation=torch.tensor([math.radians(degrees)]),
        pivot=uvd_to_xyz(ANNOTATED_CENTRE_UVD, NYU),
        box="published",
    )
    same = (patch[0] - torch.from_numpy(golden["img"])).abs() < 1e-4
    hand = (patch[0] < 1) | torch.from_numpy(golden["img"] < 1)
    assert same.float().mean() >= 0.999  # asked for: 0.97
    assert same[hand].float().mean() >= 0.999
    normalised = geometry.normalise_joints(joints)
    target = torch.from_numpy(golden["target"]).float()
    torch.testing.assert_close((normalised * Y_UP).clamp(-1, 1)[0], target, rtol=0, atol=1e-4)
    torch.testing.assert_close(geometry.denormalise_joints(normalised), joints, rtol=0, atol=1e-3)
    # The peer's map of joints to the patch ignores the half pixel that its resampling moves the image by.
    in_patch = geometry.patch_from_xyz(joints)[0].numpy()
    assert np.abs(in_patch - golden["gt_uvd_crop"][:, :2]).max() < 1


@pytest.mark.parametrize("name", ["pad_left", "pad_bottom"])
def test_published_crops_of_hands_partly_outside_the_image(shared_dir, frame, name):
    golden = np.load(shared_dir / f"data/golden/{name}.npz")
    columns, rows = golden["depth_shift"].astype(int)
    shifted = torch.zeros_like(frame)
    shifted[:, rows:, : 640 + columns] = frame[:, : 480 - rows, -columns:]
    centre = uvd_to_xyz(torch.from_numpy(golden["com"]).float()[None], NYU)
    patch, geometry = crop_hand(shifted, NYU, centre, box="published")
    same = (geometry.depth_mm(patch)[0] - torch.from_numpy(golden["crop"])).abs() < 1e-2
    assert same.float().mean() >= 0.999
    assert (patch < 1).float().mean() > 0.05


def reference_crop(depth, intrinsics, centre, cube_mm, patch_size, angle):
    """Follow the ray through every patch pixel, one by one, in plain float arithmetic."""
    fx, fy, u0, v0 = intrinsics
    x, y, z = centre
    u_centre, v_centre = fx * x / z + u0, fy * y / z + v0
    patch = np.ones((patch_size, patch_size))
    for row in range(patch_size):
        for column in range(patch_size):
            right = ((column + 0.5) / patch_size - 0.5) * cube_mm * fx / z
            down = ((row + 0.5) / patch_size - 0.5) * cube_mm * fy / z
            u = round(u_centre + math.cos(angle) * right - math.sin(angle) * down)
            v = round(v_centre + math.sin(angle) * right + math.cos(angle) * down)
            if 0 <= u < depth.shape[1] and 0 <= v < depth.shape[0] and depth[v, u] > 0:
                offset = (depth[v, u] - z) / (cube_mm / 2)
                if abs(offset) <= 1:
                    patch[row, column] = offset
    return patch


def test_exact_crops_equal_a_slow_reference():
    rng = np.random.default_rng(5)
    depth = rng.uniform(500, 900, (4, 60, 90)).astype(np.float32)
    depth[rng.random(depth.shape) < 0.2] = 0
    intrinsics = rng.uniform((80, 80, 30, 20), (140, 140, 60, 40), (4, 4))
    centre = rng.uniform((-250, -150, 600), (250, 150, 800), (4, 3))  # some near or over the border
    angle = rng.uniform(-3, 3, 4)
    patches, _ = crop_hand(
        torch.from_numpy(depth),
        torch.from_numpy(intrinsics).float(),
        torch.from_numpy(centre).float(),
        cube_mm=320.0,
        patch_size=40,
        rotation=torch.from_numpy(angle).float(),
    )
    for sample in range(4):
        expected = reference_crop(depth[sample], intrinsics[sample], centre[sample], 320, 40, angle[sample])
        assert (expected < 1).any()
        assert (np.abs(patches[sample].numpy() - expected) < 1e-4).mean() > 0.995  # ties of rounding


def test_the_cube_fills_the_exact_patch():
    centre = torch.tensor([[60.0, -40.0, 700.0]])
    geometry = geometry_of(centre, cube_mm=300.0, patch_size=64)
    corners = centre[:, None] + torch.tensor([[[0.0, 0, 0], [-150, -150, 0], [150, 150, 0]]])
    expected = torch.tensor([[[31.5, 31.5], [-0.5, -0.5], [63.5, 63.5]]])
    torch.testing.assert_close(geometry.patch_from_xyz(corners), expected, rtol=0, atol=1e-3)
    assert torch.allclose(geometry.normalise_joints(corners)[0, 1], torch.tensor([-1.0, -1, 0]), atol=1e-5)


def test_positive_rotation_turns_the_patch_counter_clockwise(frame):
    centre = uvd_to_xyz(ANNOTATED_CENTRE_UVD, NYU)
    square = NYU.clone()
    square[:, 1] = square[:, 0]  # so that a quarter turn maps the grid onto itself
    upright, _ = crop_hand(frame, square, centre, patch_size=96)
    turned, _ = crop_hand(frame, square, centre, patch_size=96, rotation=torch.tensor([math.pi / 2]))
    assert (turned == torch.rot90(upright, 1, (1, 2))).float().mean() > 0.999
    assert (turned == torch.rot90(upright, -1, (1, 2))).float().mean() < 0.9


@pytest.mark.parametrize(("box", "angle"), [("exact", 0.7), ("published", 0.0)])
def test_the_affine_map_says_which_pixels_the_patch_shows(box, angle):
    """Images whose depth tells the column or the row; both maps are unbiased and at most half a pixel off."""
    columns = (700 + 0.1 * torch.arange(640.0)).expand(480, 640)
    rows = (700 + 0.1 * torch.arange(480.0))[:, None].expand(480, 640)
    centre = torch.tensor([[-20.0, 15.0, 740.0]]).expand(2, 3)
    patch, geometry = crop_hand(
        torch.stack((columns, rows)), NYU, centre, rotation=torch.full((2,), angle), patch_size=96, box=box
    )
    shown = (geometry.depth_mm(patch) - 700) / 0.1
    grid = torch.stack(
        (*torch.meshgrid(torch.arange(96.0), torch.arange(96.0), indexing="xy"), torch.ones(96, 96))
    )
    mapped = torch.einsum("ij,jrc->irc", geometry.image_from_patch[0], grid)[:2]
    inside = (patch < 1).all(dim=0)
    assert inside.float().mean() > 0.98
    error = (shown - mapped)[:, inside]
    assert error.abs().max() < 0.51  # half a pixel, and float32 depths
    assert error.mean(dim=1).abs().max() < 0.03


def test_a_window_with_its_own_intrinsics_gives_the_same_patch(frame, joints):
    centre, rotation = joints[:, 13], torch.tensor([0.4])
    whole, whole_geometry = crop_hand(frame, NYU, centre, rotation=rotation)
    window = frame[:, 90:460, 30:400]
    shifted = NYU - torch.tensor([[0.0, 0.0, 30.0, 90.0]])
    cut, geometry = crop_hand(window, shifted, centre, rotation=rotation)
    assert (cut == whole).float().mean() > 0.999
    torch.testing.assert_close(
        geometry.normalise_joints(joints), whole_geometry.normalise_joints(joints), rtol=0, atol=1e-5
    )


angles = st.floats(-math.pi, math.pi)
placements = st.tuples(st.floats(-150, 150), st.floats(-100, 100), st.floats(450, 1100))
offsets = st.tuples(*[st.floats(-70, 70)] * 3)


@settings(deadline=None, max_examples=60)
@given(centre=placements, offset=offsets, angle=angles, patch_size=st.sampled_from([48, 64, 96, 128]))
@example(centre=(0.0, 1.0, 981.0), offset=(22.0, 0.0, 0.0), angle=2.359375, patch_size=128)
def test_a_drawn_point_lands_where_its_normalised_joint_says(centre, offset, angle, patch_size):
    cube_mm = 300.0
    centre = torch.tensor([centre])
    joint = centre + torch.tensor([offset])
    # A disc of four patch pixels' radius around the joint, in an image large enough for all placements.
    intrinsics = NYU + torch.tensor([[0.0, 0.0, 330.0, 260.0]])
    u, v, d = xyz_to_uvd(joint, intrinsics)[0].tolist()
    source_pixels_per_patch_pixel = cube_mm * 588 / float(centre[0, 2]) / patch_size
    columns, rows = torch.arange(1300), torch.arange(1000)[:, None]
    disc = (columns - u) ** 2 + (rows - v) ** 2 <= (4 * source_pixels_per_patch_pixel) ** 2
    depth = torch.where(disc, d, 0.0)[None]
    patch, geometry = crop_hand(
        depth, intrinsics, centre, cube_mm=cube_mm, patch_size=patch_size, rotation=torch.tensor([angle])
    )
    normalised = geometry.normalise_joints(joint[:, None])[0, 0]
    drawn_rows, drawn_columns = torch.nonzero(patch[0] < 1, as_tuple=True)
    assert len(drawn_rows) > 0
    torch.testing.assert_close(
        patch[0, drawn_rows, drawn_columns], normalised[2].expand(len(drawn_rows)), rtol=0, atol=1e-5
    )
    # Where a camera that took the rotated image would see the normalised joint, in patch pixels.
    seen = normalised * (cube_mm / 2) + centre[0]
    across = (seen[:2] / seen[2] - centre[0, :2] / centre[0, 2]) * centre[0, 2] / cube_mm
    expected = (across + 0.5) * patch_size - 0.5
    drawn = torch.stack((drawn_columns.float().mean(), drawn_rows.float().mean()))
    assert (drawn - expected).abs().max() < 0.4  # centroid of about 50 samples of a disc
    torch.testing.assert_close(geometry.patch_from_xyz(joint[:, None])[0, 0], expected, rtol=0, atol=5e-3)


@settings(deadline=None, max_examples=60)
@given(
    centre=placements,
    pivot=offsets,
    angle=angles,
    seed=st.integers(0, 2**31),
    box=st.sampled_from(["exact", "published"]),
)
def test_denormalising_inverts_normalising(centre, pivot, angle, seed, box):
    centre = torch.tensor([centre, (10.0, 20.0, 800.0)])
    geometry = geometry_of(
        centre, rotation=torch.tensor([angle, 0.0]), pivot=centre + torch.tensor([pivot]) / 3, box=box
    )
    spread = torch.rand(2, 14, 3, generator=torch.Generator().manual_seed(seed)) * 400 - 200
    joints = centre[:, None] + spread
    again = geometry.denormalise_joints(geometry.normalise_joints(joints))
    torch.testing.assert_close(again, joints, rtol=0, atol=1e-3)


@pytest.mark.parametrize("box", ["exact", "published"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, 1.0), (600.0, -1.0), (599.0, 1.0), (750.0, 0.0), (825.0, 0.5), (900.0, 1.0), (901.0, 1.0)],
)
def test_depth_is_normalised_inside_the_cube_and_background_elsewhere(box, value, expected):
    depth = torch.full((1, 480, 640), value)
    patch, _ = crop_hand(depth, NYU, torch.tensor([[0.0, 0.0, 750.0]]), box=box, patch_size=32)
    torch.testing.assert_close(patch, torch.full((1, 32, 32), expected))


def test_missing_depth_is_background_even_where_the_cube_reaches_the_camera():
    patch, _ = crop_hand(torch.zeros(1, 480, 640), NYU, torch.tensor([[0.0, 0.0, 120.0]]))
    assert torch.equal(patch, torch.ones(1, 128, 128))


@pytest.mark.parametrize("box", ["exact", "published"])
def test_hands_outside_the_image_leave_background(box):
    depth = torch.full((4, 480, 640), 750.0)
    centres = torch.tensor([[900.0, 0, 750], [-900, 0, 750], [0, 900, 750], [0, -900, 750]])
    patch, _ = crop_hand(depth, NYU, centres, box=box)
    assert torch.equal(patch, torch.ones(4, 128, 128))
    on_the_left_border = torch.tensor([[-320 * 750 / 588.03, 0.0, 750.0]])
    half, _ = crop_hand(depth[:1], NYU, on_the_left_border, box=box)
    assert (half[0, :, :62] == 1).all()
    assert (half[0, :126, 66:] == 0).all()


def test_samples_of_a_batch_do_not_mix(frame):
    depth = torch.cat((frame, frame.flip(2), frame.roll(40, 1)))
    centre = uvd_to_xyz(ANNOTATED_CENTRE_UVD, NYU) + torch.tensor([[0.0, 0, 0], [30, 5, 20], [-10, 40, -25]])
    rotation = torch.tensor([0.0, 1.0, -0.5])
    together, _ = crop_hand(depth, NYU, centre, rotation=rotation)
    for sample in range(3):
        alone, _ = crop_hand(depth[sample, None], NYU, centre[sample, None], rotation=rotation[sample, None])
        assert torch.equal(together[sample], alone[0])


def test_the_input_image_is_left_alone(frame):
    before = frame.clone()
    crop_hand(frame, NYU, uvd_to_xyz(ANNOTATED_CENTRE_UVD, NYU))
    assert torch.equal(frame, before)


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depth": torch.full((1, 480, 640), NAN)}, "NaN"),
        ({"depth": torch.full((1, 480, 640), INF)}, "infinite"),
        ({"depth": torch.zeros(480, 640)}, "expected depth"),
        ({"depth": torch.zeros(2, 480, 640)}, "expected depth"),
        ({"centre": torch.tensor([[0.0, NAN, 700.0]])}, "finite"),
        ({"centre": torch.tensor([[0.0, 0.0, -700.0]])}, "z > 0"),
        ({"centre": torch.tensor([[0.0, 0.0, 0.0]])}, "z > 0"),
        ({"centre": torch.tensor([[320.0, 240.0]])}, "centre"),
        ({"intrinsics": torch.full((1, 4), INF)}, "finite"),
        ({"intrinsics": torch.ones(3, 4)}, "intrinsics"),
        ({"rotation": torch.tensor([NAN])}, "rotation"),
        ({"rotation": torch.zeros(2)}, "rotation"),
        ({"intrinsics": torch.tensor([[0.0, 500.0, 320.0, 240.0]])}, "focal lengths positive"),
        ({"intrinsics": torch.tensor([[500.0, -500.0, 320.0, 240.0]])}, "focal lengths positive"),
        ({"centre": torch.tensor([[0.0, 0.0, 1e-38]])}, "too far outside"),
        ({"centre": torch.tensor([[3e38, 0.0, 1.0]]), "rotation": torch.ones(1)}, "too far outside"),
        ({"cube_mm": INF}, "too far outside"),
        ({"cube_mm": NAN}, "cube_mm"),
        ({"cube_mm": torch.tensor([300.0, 300.0])}, "a cube_mm for each centre"),
        ({"cube_mm": torch.tensor([-300.0])}, "cube_mm"),
        ({"cube_mm": torch.tensor([0.0])}, "cube_mm"),
        ({"cube_mm": 0.3, "box": "published", "centre": torch.tensor([[0.6, 0.6, 700]])}, "than a pixel"),
        ({"cube_mm": 0.0}, "cube_mm"),
        ({"patch_size": 0}, "patch_size"),
        ({"box": "floored"}, "floored"),
    ],
)
def test_impossible_input_is_refused(changes, message):
    arguments = {
        "depth": torch.full((1, 480, 640), 700.0),
        "intrinsics": NYU,
        "centre": torch.tensor([[0.0, 0.0, 700.0]]),
    }
    with pytest.raises(ValueError, match=message):
        crop_hand(**(arguments | changes))


def test_cubes_of_different_sizes_are_those_cut_one_by_one() -> None:
    stream = torch.Generator().manual_seed(5)
    depth = 600 + 100 * torch.rand(3, 60, 80, generator=stream)
    intrinsics = torch.tensor([100.0, 100.0, 40.0, 30.0])
    centre = torch.tensor([[0.0, 0.0, 650.0], [20.0, -30.0, 640.0], [-10.0, 5.0, 660.0]])
    cube, rotation = torch.tensor([250.0, 300.0, 380.0]), torch.tensor([0.0, 0.5, -1.0])
    together, geometry = crop_hand(depth, intrinsics, centre, cube_mm=cube, patch_size=32, rotation=rotation)
    joints = torch.rand(3, 5, 3, generator=stream) * 2 - 1
    for row in range(3):
        one = slice(row, row + 1)
        alone, own = crop_hand(
            depth[one],
            intrinsics,
            centre[one],
            cube_mm=float(cube[row]),
            patch_size=32,
            rotation=rotation[one],
        )
        assert torch.equal(alone, together[one])
        for name in ("from_patch", "denormalise_joints"):
            expected = getattr(own, name)(joints[one])
            torch.testing.assert_close(getattr(geometry, name)(joints)[one], expected)


def test_joints_as_the_patch_shows_them() -> None:
    depth = torch.full((1, 60, 80), 650.0)
    intrinsics = torch.tensor([100.0, 100.0, 40.0, 30.0])
    centre = torch.tensor([[30.0, -20.0, 650.0]])
    _, geometry = crop_hand(depth, intrinsics, centre, cube_mm=300.0, patch_size=32)
    shown = geometry.to_patch(
        torch.tensor([[[30.0, -20.0, 650.0], [180.0, 130.0, 650.0], [30.0, -20.0, 725.0]]])
    )
    assert shown[0, 0].abs().max() < 1e-4
    assert shown[0, 1].tolist() == pytest.approx([1.0, 1.0, 0.0], abs=1e-4)  # the corner of the outline
    assert shown[0, 2, 2] == pytest.approx(0.5)
    # Farther away it appears nearer to the middle of the image: perspective is the camera's business.
    assert shown[0, 2, 0] < 0 < shown[0, 2, 1]


def test_a_scene_in_other_units_gives_the_same_patch() -> None:
    """Pixels are what they are; mm could be metres."""
    stream = torch.Generator().manual_seed(9)
    depth = (600 + 300 * torch.rand(1, 40, 50, generator=stream)) * (torch.rand(1, 40, 50) > 0.1)
    intrinsics, centre = torch.tensor([60.0, 60.0, 25.0, 20.0]), torch.tensor([[20.0, -10.0, 750.0]])
    patch, _ = crop_hand(depth, intrinsics, centre, patch_size=16)
    metres, _ = crop_hand(depth / 1000, intrinsics, centre / 1000, cube_mm=0.3, patch_size=16)
    torch.testing.assert_close(metres, patch, rtol=0, atol=1e-5)
    assert (patch < 1).float().mean() > 0.5


def test_how_far_from_an_image_a_patch_may_look() -> None:
    arguments = torch.zeros(1, 4, 4), torch.tensor([500.0, 500.0, 2.0, 2.0]), torch.tensor([[0.0, 0.0, 1.0]])
    crop_hand(*arguments, cube_mm=2 * 0.95e9 / 500)
    with pytest.raises(ValueError, match="too far outside"):
        crop_hand(*arguments, cube_mm=2 * 1.05e9 / 500)


@pytest.mark.parametrize("angle", [0.0, 0.8])
@pytest.mark.parametrize("focal", [(90.0, 90.0), (70.0, 140.0), (150.0, 80.0)])
def test_published_crops_equal_a_slow_reference(focal: tuple[float, float], angle: float) -> None:
    """Whole pixels: the first of each interval, the longer side fills the patch, the rest is background."""
    size, cube_mm, rng = 20, 320.0, np.random.default_rng(6)
    depth = rng.uniform(550, 850, (60, 90)).astype(np.float32)
    depth[rng.random(depth.shape) < 0.1] = 0
    for x, y, z in ((0.0, 0.0, 700.0), (310.0, -180.0, 660.0), (-333.0, 200.0, 717.0)):
        patch, geometry = crop_hand(
            torch.from_numpy(depth)[None],
            torch.tensor([*focal, 44.3, 29.6]),
            torch.tensor([[x, y, z]]),
            cube_mm=cube_mm,
            patch_size=size,
            rotation=torch.tensor([angle]),
            box="published",
        )
        u, v = focal[0] * x / z + 44.3, focal[1] * y / z + 29.6
        half = [f * cube_mm / 2 / z for f in focal]
        left, top = math.floor(u - half[0]), math.floor(v - half[1])
        wide, high = math.floor(u + half[0]) - left, math.floor(v + half[1]) - top
        columns, rows = wide * size // max(wide, high), high * size // max(wide, high)
        expected, unsure = np.ones((size, size)), np.zeros((size, size), bool)
        for row, column in np.ndindex(rows, columns):
            right, down = left + column * wide // columns - u, top + row * high // rows - v
            place = (
                u + math.cos(angle) * right - math.sin(angle) * down,
                v + math.sin(angle) * right + math.cos(angle) * down,
            )
            unsure[row, column] = any(abs(p % 1 - 0.5) < 1e-3 for p in place)
            seen_u, seen_v = round(place[0]), round(place[1])
            if 0 <= seen_u < 90 and 0 <= seen_v < 60 and depth[seen_v, seen_u] > 0:
                offset = (depth[seen_v, seen_u] - z) / (cube_mm / 2)
                expected[row, column] = offset if abs(offset) <= 1 else 1
        cubes = Cubes(
            np.array([[x, y, z]], np.float32),
            np.array([*focal, 44.3, 29.6]),
            cube_mm,
            size,
            np.array([angle], np.float32),
            "published",
        )
        for found in (patch[0].numpy(), cubes.cut(depth[None])[0]):
            assert np.abs(found - expected)[~unsure].max() < 1e-4
        assert (expected < 1).any() and unsure.mean() < 0.1
        # The affine map goes through the middle of each interval.
        corner = geometry.image_from_patch[0].double() @ torch.tensor([0.0, 0.0, 1.0]).double()
        right, down = left - 0.5 - u, top - 0.5 - v
        assert corner[0].item() == pytest.approx(
            u + math.cos(angle) * right - math.sin(angle) * down, abs=1e-3
        )
        assert corner[1].item() == pytest.approx(
            v + math.sin(angle) * right + math.cos(angle) * down, abs=1e-3
        )
        steps = geometry.image_from_patch[0, :2, :2].norm(dim=0)
        assert steps.tolist() == pytest.approx([wide / columns, high / rows], rel=1e-5)


def test_background_has_no_depth() -> None:
    depth = torch.tensor([[[0.0, 700.0], [850.0, 5000.0]]])
    camera, centre = torch.tensor([1.0, 1.0, 0.5, 0.5]), torch.tensor([[0.0, 0.0, 750.0]])
    patch, geometry = crop_hand(depth, camera, centre, cube_mm=1500.0, patch_size=2)
    assert geometry.depth_mm(patch).flatten().tolist() == pytest.approx([0, 700, 850, 0], abs=1e-3)


def test_a_part_of_a_batch_has_its_own_geometry() -> None:
    stream = torch.Generator().manual_seed(11)
    centre = torch.tensor([[0.0, 0.0, 650.0], [20.0, -30.0, 640.0], [-10.0, 5.0, 660.0]])
    cube, rotation = torch.tensor([250.0, 300.0, 380.0]), torch.tensor([0.0, 0.5, -1.0])
    joints = torch.rand(3, 5, 3, generator=stream)
    for sides in (cube, 300.0):
        geometry = crop_hand(torch.zeros(3, 4, 4), NYU[0], centre, cube_mm=sides, rotation=rotation)[1]
        for rows in (slice(1, 3), torch.tensor([2, 0])):
            part = geometry.part(rows)
            assert torch.equal(part.from_patch(joints[rows]), geometry.from_patch(joints)[rows])
            assert torch.equal(
                part.denormalise_joints(joints[rows]), geometry.denormalise_joints(joints)[rows]
            )


def test_the_smallest_patches_and_cubes() -> None:
    depth, centre = torch.full((1, 480, 640), 700.0), torch.tensor([[0.0, 0.0, 700.0]])
    for cube_mm in (300.0, 0.3, torch.tensor([0.3])):  # the last of which are in one pixel
        patch, _ = crop_hand(depth, NYU, centre, cube_mm=cube_mm, patch_size=1)
        assert torch.equal(patch, torch.zeros(1, 1, 1))
    patch, _ = crop_hand(depth, NYU, centre, cube_mm=0.3, patch_size=16, box="published")
    assert torch.equal(patch, torch.zeros(1, 16, 16))
