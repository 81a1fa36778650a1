import math
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from murauer.errors import UnlikelyInput, UserError
from murauer.geometry.camera import (
    CAMERAS,
    Camera,
    align_intrinsics,
    check_camera,
    finite_number,
    uvd_to_xyz,
    xyz_to_uvd,
)

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


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2], "must be an object"),
        ({k: v for k, v in CAMERA_VALUES.items() if k != "fy"}, "lacks fy"),
        ({k: v for k, v in CAMERA_VALUES.items() if k != "height"}, "lacks height"),
        (CAMERA_VALUES | {"k1": 0.1}, "unknown k1"),
        (CAMERA_VALUES | {"fx": "475"}, "fx must be a number"),
        (CAMERA_VALUES | {"fx": True}, "fx must be a number"),
        (CAMERA_VALUES | {"fx": -475}, "positive"),
        (CAMERA_VALUES | {"fy": 0.0}, "positive"),
        (CAMERA_VALUES | {"u0": float("nan")}, "finite"),
        (CAMERA_VALUES | {"width": float("inf")}, "finite"),
        (CAMERA_VALUES | {"fx": 10**400}, "finite"),
        (CAMERA_VALUES | {"height": -(10**5000)}, "finite"),
        (CAMERA_VALUES | {"width": 640.5}, "whole number"),
        (CAMERA_VALUES | {"width": 0, "height": 0}, "positive"),
        (CAMERA_VALUES | {"is_crop": 1}, "is_crop must be true or false"),
    ],
)
def test_what_describes_no_camera(values: object, expected: str) -> None:
    with pytest.raises(UserError, match=expected) as error:
        Camera.from_dict(values, "camera file a.json")  # type: ignore[arg-type]
    assert str(error.value).startswith("camera file a.json")


def test_numbers_are_finite_floats() -> None:
    assert [finite_number(value, "here") for value in (3, -2.5, sys.float_info.max)] == [
        3.0,
        -2.5,
        sys.float_info.max,
    ]
    assert isinstance(finite_number(3, "here"), float)
    with pytest.raises(UserError, match="here must be finite"):
        finite_number(2 * int(sys.float_info.max), "here")


def test_calibrations_are_those_that_the_data_sets_give() -> None:
    assert {name: camera.intrinsics_array().tolist() for name, camera in CAMERAS.items()} == {
        "nyu": [588.03, 587.07, 320.0, 240.0],
        "sr305": [476.007, 476.007, 313.683, 242.755],
        "icvl": [241.42, 241.42, 160.0, 120.0],
        "msra15": [241.42, 241.42, 160.0, 120.0],
        "hands17": [475.065948, 475.065857, 315.944855, 245.287079],
    }
    sizes = {name: (camera.width, camera.height) for name, camera in CAMERAS.items()}
    assert sizes == dict.fromkeys(CAMERAS, (640, 480)) | dict.fromkeys(("icvl", "msra15"), (320, 240))
    assert not any(camera.is_crop for camera in CAMERAS.values())


def test_a_camera_may_leave_its_size_to_its_images() -> None:
    values = {name: CAMERA_VALUES[name] for name in ("fx", "fy", "u0", "v0")}
    assert Camera.from_dict(values) == Camera(*values.values(), 0, 0, is_crop=False)


def test_numbers_there_and_back() -> None:
    for camera in (Camera(**CAMERA_VALUES), Camera(**CAMERA_VALUES, is_crop=True)):
        assert Camera.from_dict(camera.to_dict()) == camera
    assert "is_crop" not in Camera(**CAMERA_VALUES).to_dict()
    assert Camera.from_dict(CAMERA_VALUES | {"width": 640.0}) == Camera(**CAMERA_VALUES)


CANNOT_BE = {
    "focal length in mm": {"fx": 1.88, "fy": 1.88},
    "focal length in metres": {"fx": 0.00188, "fy": 0.00188},
    "focal length of a larger image": {"fx": 2500.0, "fy": 2500.0},
    "next to nothing": {"fx": 1e-300, "fy": 1e-300},
    "next to infinite": {"fx": 1e300, "fy": 1e300},
    "one side of another image": {"fy": 60.0},
    "principal point of a larger image": {"width": 320, "height": 240},
    "principal point of a crop's image": {"width": 300, "height": 300},
    "no principal point": {"u0": 0.0, "v0": 0.0},
    "principal point in mm": {"u0": 1.6, "v0": 1.2},
    "principal point far outside": {"v0": 1e9},
}


@pytest.mark.parametrize("changes", CANNOT_BE.values(), ids=CANNOT_BE)
def test_cameras_that_cannot_be(changes: dict[str, float]) -> None:
    values = CAMERA_VALUES | changes
    with pytest.raises(UserError, match="no camera is like this"):
        check_camera(Camera(**values))
    with pytest.raises(UserError, match="here: no camera is like this"):
        Camera.from_dict(values, "here")
    unknown_size = Camera(**{key: values[key] for key in ("fx", "fy", "u0", "v0")})
    with pytest.raises(UserError, match="no camera is like this"):
        unknown_size.for_image(values["width"], values["height"])


@pytest.mark.parametrize(
    "changes", [{"fx": 200.0, "fy": 200.0}, {"fx": 1600.0, "fy": 1600.0}, {"fy": 330.0}, {"u0": 420.0}]
)
def test_cameras_that_hardly_are(changes: dict[str, float]) -> None:
    check_camera.cache_clear()
    with pytest.warns(UnlikelyInput, match="few cameras are like this"):
        check_camera(Camera(**(CAMERA_VALUES | changes)))


def focal(degrees: float, side: int) -> float:
    """Of a camera whose image of that side shows that angle."""
    return side / 2 / math.tan(math.radians(degrees / 2))


LIMITS: dict[str, tuple[Callable[[float], dict[str, float]], float, float]] = {
    "wide": (lambda x: dict.fromkeys(("fx", "fy"), focal(x, 640)), 110, 130),
    "high": (lambda x: dict.fromkeys(("fx", "fy"), focal(x, 480)) | {"width": 300, "u0": 149.5}, 110, 130),
    "narrow": (lambda x: dict.fromkeys(("fx", "fy"), focal(x, 640)), 25, 15),
    "stretched": (lambda x: {"fx": 475 * x, "fy": 475.0}, 1.25, 2.5),
    "stretched downwards": (lambda x: {"fx": 475.0, "fy": 475 * x}, 1.25, 2.5),
    "to the right": (lambda x: {"u0": 319.5 + 640 * x}, 0.12, 0.25),
    "to the left": (lambda x: {"u0": 319.5 - 640 * x}, 0.12, 0.25),
    "above": (lambda x: {"v0": 239.5 - 480 * x}, 0.12, 0.25),
    "below": (lambda x: {"v0": 239.5 + 480 * x}, 0.12, 0.25),
}


@pytest.mark.parametrize(("changes", "usual", "most"), LIMITS.values(), ids=LIMITS)
def test_cameras_within_and_beyond_the_limits(
    changes: Callable[[float], dict[str, float]], usual: float, most: float
) -> None:
    check_camera.cache_clear()
    beyond = 1 + 1e-6 * math.copysign(1, most - usual)

    def check(value: float) -> None:
        check_camera(Camera(**(CAMERA_VALUES | changes(value))))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check(usual / beyond)
    with pytest.warns(UnlikelyInput):
        check(usual * beyond)
    with pytest.warns(UnlikelyInput):
        check(most / beyond)
    with pytest.raises(UserError):
        check(most * beyond)


def test_the_limits_themselves_are_allowed(recwarn: pytest.WarningsRecorder) -> None:
    check_camera.cache_clear()
    check_camera(Camera(500.0, 400.0, 319.5, 239.5, 640, 480))  # stretched by just 1.25
    assert not recwarn.list
    check_camera(Camera(500.0, 200.0, 319.5, 239.5, 640, 480))  # and by 2.5
    assert len(recwarn.list) == 1


def test_who_gives_an_unlikely_camera_is_told_where(recwarn: pytest.WarningsRecorder) -> None:
    check_camera.cache_clear()
    Camera(200.0, 200.0, 319.5, 239.5).for_image(640, 480)
    assert recwarn.pop(UnlikelyInput).filename == __file__


def test_intrinsics_of_all_samples_need_no_axes() -> None:
    assert align_intrinsics(np.zeros(4), 3).shape == (4,)
    assert align_intrinsics(np.zeros((7, 4)), 2).shape == (7, 4)
    assert align_intrinsics(np.zeros((7, 4)), 4).shape == (7, 1, 1, 4)
    assert align_intrinsics(torch.zeros(7, 5, 4), 4).shape == (7, 5, 1, 4)


COMMON = (
    *CAMERAS.values(),
    Camera(365.0, 365.0, 255.5, 211.5, 512, 424),  # Kinect 2
    Camera(504.3, 504.4, 324.0, 330.5, 640, 576),  # Azure Kinect, narrow
    Camera(252.3, 252.3, 256.0, 258.0, 512, 512),  # and wide
    Camera(430.0, 430.0, 424.0, 240.0, 848, 480),  # RealSense D405, D455
    Camera(2800.0, 2800.0, 1000.0, 760.0, 2000, 1500),  # a scanner with a long lens
    Camera(475.0, 475.0, 245.5, 315.5, 480, 640),  # upright
)


@pytest.mark.parametrize("camera", COMMON)
def test_cameras_that_there_are(camera: Camera, recwarn: pytest.WarningsRecorder) -> None:
    check_camera.cache_clear()
    check_camera(camera)
    assert not recwarn.list


def test_a_crop_may_be_anywhere() -> None:
    """Points fall on the same pixels of the scene, in the crop as in the image."""
    camera, xyz = CAMERAS["nyu"], np.array([200.0, -150.0, 700.0])
    crop = camera.cropped(400, 30, 120, 100)
    assert crop.for_image(120, 100) is crop
    u, v, _ = xyz_to_uvd(xyz, camera.intrinsics_array())
    assert xyz_to_uvd(xyz, crop.intrinsics_array())[:2] == pytest.approx([u - 400, v - 30])
    with pytest.raises(UserError, match="principal point"):
        check_camera(replace(crop, is_crop=False))


def test_a_resized_image_has_the_same_outline() -> None:
    camera = CAMERAS["sr305"].resized(320, 120)
    rays = uvd_to_xyz(np.array([[-0.5, -0.5, 1.0], [319.5, 119.5, 1.0]]), camera.intrinsics_array())
    before = uvd_to_xyz(
        np.array([[-0.5, -0.5, 1.0], [639.5, 479.5, 1.0]]), CAMERAS["sr305"].intrinsics_array()
    )
    assert rays == pytest.approx(before)
    assert camera.resized(640, 480).intrinsics_array() == pytest.approx(CAMERAS["sr305"].intrinsics_array())


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
