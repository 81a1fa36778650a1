import numpy as np
import pytest
import torch

from murauer.geometry.camera import CAMERAS, Camera
from murauer.geometry.crop import crop_hand
from murauer.geometry.patches import BACKGROUND, BoxRule, Cubes, shown

CAMERA = CAMERAS["nyu"]


def some_depth(count: int, camera: Camera, stream: torch.Generator) -> torch.Tensor:
    depth = 500 + 500 * torch.rand(count, camera.height, camera.width, generator=stream)
    return depth * (torch.rand(depth.shape, generator=stream) > 0.1)


@pytest.mark.parametrize("patch_size", [32, 64, 128])
@pytest.mark.parametrize("box", ["exact", "published"])
def test_patches_are_those_of_training_to_the_bit(patch_size: int, box: BoxRule) -> None:
    stream, count = torch.Generator().manual_seed(patch_size), 40
    depth = some_depth(count, CAMERA, stream)
    centre = torch.tensor([-400.0, -300.0, 300.0]) + torch.rand(count, 3, generator=stream) * torch.tensor(
        [800.0, 600.0, 900.0]  # also near and beyond the image's border
    )
    expected, geometry = crop_hand(depth, CAMERA.intrinsics(), centre, patch_size=patch_size, box=box)
    cubes = Cubes(centre.numpy(), CAMERA.intrinsics_array(), 300.0, patch_size, box=box)
    assert np.array_equal(cubes.cut(depth.numpy()), expected.numpy())
    assert 0.1 < (expected < 1).float().mean() < 0.9
    joints = torch.rand(count, 14, 3, generator=stream) * 2 - 1
    xyz = geometry.denormalise_joints(joints)
    np.testing.assert_allclose(cubes.denormalise_joints(joints.numpy()), xyz.numpy(), atol=1e-3)
    front = (xyz[..., 2] > 100).all(dim=1)
    shown = geometry.patch_from_xyz(xyz)[front].numpy()
    np.testing.assert_allclose(cubes.patch_from_xyz(xyz.numpy())[front], shown, atol=2e-2)


def test_patches_of_integer_depth() -> None:
    stream = torch.Generator().manual_seed(0)
    depth = some_depth(1, CAMERA, stream).round()
    cubes = Cubes(np.array([[10.0, -20.0, 700.0]], np.float32), CAMERA.intrinsics_array(), 300.0, 64)
    assert np.array_equal(cubes.cut(depth.numpy().astype(np.uint16)), cubes.cut(depth.numpy()))


def test_turned_cubes_of_different_sizes_are_those_of_training() -> None:
    stream, count = torch.Generator().manual_seed(7), 30
    depth = some_depth(count, CAMERA, stream)
    centre = torch.tensor([-150.0, -120.0, 400.0]) + torch.rand(count, 3, generator=stream) * torch.tensor(
        [300.0, 240.0, 500.0]
    )
    cube = 200 + 250 * torch.rand(count, generator=stream)
    rotation = 6.28 * torch.rand(count, generator=stream)
    expected, geometry = crop_hand(
        depth, CAMERA.intrinsics(), centre, cube_mm=cube, patch_size=48, rotation=rotation
    )
    cubes = Cubes(centre.numpy(), CAMERA.intrinsics_array(), cube.numpy(), 48, rotation.numpy())
    # Float32 of two orders of additions rounds a few look-ups to the neighbouring pixel.
    assert (cubes.cut(depth.numpy()) == expected.numpy()).mean() > 0.995
    joints = torch.rand(count, 21, 3, generator=stream) * 2 - 1
    xyz = geometry.from_patch(joints)
    np.testing.assert_allclose(cubes.from_patch(joints.numpy()), xyz.numpy(), atol=2e-2)
    torch.testing.assert_close(geometry.to_patch(xyz), joints, atol=1e-3, rtol=0)
    shown = geometry.patch_from_xyz(xyz).numpy()
    np.testing.assert_allclose(cubes.patch_from_xyz(xyz.numpy()), shown, atol=2e-2)


def test_a_cube_without_a_pixel_has_no_published_box() -> None:
    centre, intrinsics = np.array([[0.0, 0.0, 9000.0]], np.float32), np.array([50.0, 50.0, 32.5, 24.5])
    cubes = Cubes(centre, intrinsics, 20.0, 16, box="published")
    with pytest.raises(ValueError, match="less than a pixel"):
        cubes.cut(np.zeros((1, 48, 64), np.float32))
    assert (Cubes(centre, intrinsics, 20.0, 16).cut(np.full((1, 48, 64), 9000.0)) == 0).all()


def test_the_share_of_a_patch_that_shows_something() -> None:
    patches = np.full((3, 4, 4), BACKGROUND)
    patches[1, :2], patches[2] = -1.0, 0.999
    assert shown(patches).tolist() == [0.0, 0.5, 1.0]
    cubes = Cubes(np.array([[0, 0, 700.0]] * 3, np.float32), CAMERA.intrinsics_array(), 300.0, 4)
    depth = cubes.depth_mm(patches)
    assert depth[0].max() == 0 and (depth[1, :2] == 550).all() and (depth[1, 2:] == 0).all()
    assert depth[2] == pytest.approx(700 + 0.999 * 150)
