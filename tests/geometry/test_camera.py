import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from murauer.errors import UserError
from murauer.geometry.camera import CAMERAS, Camera, find_camera, uvd_to_xyz, xyz_to_uvd

CAMERA_VALUES = {"fx": 475.0, "fy": 474.0, "u0": 315.5, "v0": 245.5, "width": 640, "height": 480}
Y_UP = torch.tensor([1.0, -1.0, 1.0])


def test_conversions_agree_with_published_numbers(shared_dir):
    golden = np.load(shared_dir / "data/golden/c_uvd_xyz.npz")
    uvd, xyz = torch.from_numpy(golden["uvd"]), torch.from_numpy(golden["xyz"]).double()
    intrinsics = CAMERAS["nyu"].intrinsics().double()
    torch.testing.assert_close(uvd_to_xyz(uvd, intrinsics), xyz * Y_UP, rtol=0, atol=1e-4)
    torch.testing.assert_close(
        xyz_to_uvd(xyz * Y_UP, intrinsics), torch.from_numpy(golden["uvd_back"]).double(), rtol=0, atol=1e-4
    )


def test_projection_of_points_worked_by_hand():
    intrinsics = torch.tensor([500.0, 400.0, 320.0, 240.0])
    xyz = torch.tensor([[0.0, 0.0, 700.0], [70.0, -35.0, 700.0]])
    expected = torch.tensor([[320.0, 240.0, 700.0], [370.0, 220.0, 700.0]])
    torch.testing.assert_close(xyz_to_uvd(xyz, intrinsics), expected)
    torch.testing.assert_close(uvd_to_xyz(expected, intrinsics), xyz)


def test_intrinsics_per_sample_meet_joints_per_sample():
    generator = torch.Generator().manual_seed(1)
    xyz = torch.rand(3, 5, 3, generator=generator) * 100 + torch.tensor([-50.0, -50.0, 600.0])
    intrinsics = torch.tensor([[500.0, 510, 320, 240], [300, 300, 100, 90], [250, 240, 60, 70]])
    batched = xyz_to_uvd(xyz, intrinsics)
    for sample in range(3):
        torch.testing.assert_close(batched[sample], xyz_to_uvd(xyz[sample], intrinsics[sample]))
    torch.testing.assert_close(xyz_to_uvd(xyz[:, 0], intrinsics), batched[:, 0])
    torch.testing.assert_close(uvd_to_xyz(batched, intrinsics), xyz, rtol=0, atol=1e-3)


@given(
    u=st.floats(-300, 900),
    v=st.floats(-300, 800),
    d=st.floats(50, 3000),
    camera=st.sampled_from(list(CAMERAS.values())),
)
def test_back_projection_inverts_projection(u, v, d, camera):
    uvd = torch.tensor([u, v, d], dtype=torch.float64)
    intrinsics = camera.intrinsics().double()
    torch.testing.assert_close(xyz_to_uvd(uvd_to_xyz(uvd, intrinsics), intrinsics), uvd, rtol=0, atol=1e-8)


def test_camera_from_json_file(tmp_path):
    path = tmp_path / "camera.json"
    path.write_text(json.dumps(CAMERA_VALUES | {"width": 640.0}))
    assert find_camera(str(path)) == Camera(**CAMERA_VALUES)
    assert Camera.from_dict(Camera(**CAMERA_VALUES).to_dict()) == Camera(**CAMERA_VALUES)
    assert find_camera("sr305") == Camera(476.007, 476.007, 313.683, 242.755, 640, 480)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "not valid JSON"),
        ("fx = 3", "not valid JSON"),
        ("[1, 2]", "must be an object"),
        (json.dumps({k: v for k, v in CAMERA_VALUES.items() if k != "fy"}), "lacks fy"),
        (json.dumps(CAMERA_VALUES | {"k1": 0.1}), "unknown k1"),
        (json.dumps(CAMERA_VALUES | {"fx": "475"}), "fx must be a number"),
        (json.dumps(CAMERA_VALUES | {"fx": True}), "fx must be a number"),
        (json.dumps(CAMERA_VALUES | {"fx": -475}), "positive"),
        (json.dumps(CAMERA_VALUES | {"u0": float("nan")}), "finite"),
        (json.dumps(CAMERA_VALUES | {"width": float("inf")}), "finite"),
        (json.dumps(CAMERA_VALUES | {"width": 640.5}), "whole number"),
        (json.dumps(CAMERA_VALUES | {"width": 0, "height": 0}), "positive"),
    ],
)
def test_malformed_camera_file_is_named(tmp_path, content, expected):
    path = tmp_path / "camera.json"
    path.write_text(content)
    with pytest.raises(UserError, match=expected) as error:
        Camera.from_json(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("name", ["nyy", "missing.json"])
def test_unknown_camera_is_named(name):
    with pytest.raises(UserError, match=name):
        find_camera(name)


def test_principal_point_under_its_other_name() -> None:
    values = CAMERAS["nyu"].to_dict()
    values["cx"], values["cy"] = values.pop("u0"), values.pop("v0")
    assert Camera.from_dict(values) == CAMERAS["nyu"]


def test_conversions_of_arrays_are_those_of_tensors() -> None:
    generator = torch.Generator().manual_seed(2)
    xyz = torch.rand(3, 5, 3, generator=generator) * 100 + torch.tensor([-50.0, -50.0, 600.0])
    intrinsics = torch.rand(3, 4, generator=generator) * 100 + 300
    uvd = xyz_to_uvd(xyz, intrinsics)
    assert np.array_equal(xyz_to_uvd(xyz.numpy(), intrinsics.numpy()), uvd.numpy())
    assert np.array_equal(uvd_to_xyz(uvd.numpy(), intrinsics.numpy()), uvd_to_xyz(uvd, intrinsics).numpy())


def test_images_say_the_size_of_a_camera_that_has_none() -> None:
    camera = Camera(475.0, 474.0, 315.5, 245.5)
    assert camera.for_image(640, 480) == Camera(**CAMERA_VALUES)
    assert CAMERAS["nyu"].for_image(640, 480) is CAMERAS["nyu"]
    with pytest.raises(UserError, match="320 x 240 pixels but the camera has 640 x 480"):
        CAMERAS["nyu"].for_image(320, 240)
    with pytest.raises(ValueError, match="positive"):
        Camera(475.0, 474.0, 315.5, 245.5, 640, 0)
