import numpy as np
import pytest
import torch

from murauer.capture.depth import centre_from_uvd, read_centre, read_frame
from murauer.errors import UserError
from murauer.geometry.camera import CAMERAS, Camera, uvd_to_xyz
from murauer.geometry.distortion import Distortion, undistort_depth, undistortion_pixels

CAMERA = Camera(60.0, 60.0, 32.0, 24.0, 64, 48)
DEPTH = np.where(np.arange(64 * 48).reshape(48, 64) % 5, 700, 0).astype(np.uint16)


@pytest.mark.parametrize(
    ("depth", "unit"),
    [
        (DEPTH, "mm"),
        (DEPTH.astype(np.float64), "mm"),
        (DEPTH.tolist(), "mm"),
        (torch.from_numpy(DEPTH.astype(np.int32)), "mm"),
        (torch.from_numpy(DEPTH.astype(np.float32)).requires_grad_(), "mm"),
        (DEPTH.astype(np.float32) / 1000, "m"),
        (np.where(DEPTH, DEPTH, np.nan) / 1000, "m"),
        (np.where(DEPTH, DEPTH, np.inf), "mm"),
        (DEPTH * 8, 0.125),
        (np.asfortranarray(DEPTH), "mm"),
        (DEPTH.astype(">u2"), "mm"),
    ],
)
def test_depth_of_any_kind(depth: object, unit: object) -> None:
    read = read_frame(depth, CAMERA, unit, None)
    np.testing.assert_allclose(read, DEPTH, rtol=1e-6)


def test_what_is_handed_in_stays_as_it_is() -> None:
    depth = np.where(DEPTH, DEPTH, np.nan).astype(np.float32)
    before = depth.copy()
    read_frame(depth, CAMERA, 1.0, None)
    np.testing.assert_array_equal(depth, before)


def test_lenses_are_undistorted() -> None:
    lens = Distortion(k1=-0.2, p1=0.01)
    depth = DEPTH + np.arange(64, dtype=np.uint16)
    pixels = torch.from_numpy(undistortion_pixels(CAMERA, lens))
    expected = undistort_depth(torch.from_numpy(depth.astype(np.float32)), pixels)
    assert np.array_equal(read_frame(depth, CAMERA, "mm", lens), expected.numpy())
    assert not np.array_equal(expected.numpy(), depth)


def test_a_lens_of_another_camera() -> None:
    with pytest.raises(UserError, match="undoing the lens would leave 0 % of the image"):
        read_frame(DEPTH, CAMERA, "mm", Distortion(k1=1e6))


@pytest.mark.parametrize(
    ("depth", "unit", "message"),
    [
        (DEPTH / 1000, "mm", "say unit='m'"),
        (DEPTH, "m", "say unit='mm'"),
        (DEPTH, "cm", "must be 'mm', 'm' or a number"),
        (DEPTH, -1, "must be 'mm', 'm' or a number"),
        (DEPTH[:, :-1], "mm", "63 x 48 pixels but the camera has 64 x 48"),
        (DEPTH[None], "mm", r"shape \(1, 48, 64\)"),
        (DEPTH[:0], "mm", r"shape \(0, 64\)"),
        (DEPTH > 0, "mm", "array of bool"),
        (DEPTH.astype(complex), "mm", "complex"),
        ("frame.png", "mm", "expected one depth image"),
        (None, "mm", "got NoneType"),
        ({"depth": 1}, "mm", "got dict"),
        ([[1, 2], [3]], "mm", "got list"),
        (DEPTH * 0, "mm", "no measurement"),
        (np.full((48, 64), np.nan), "mm", "no measurement"),
        (-DEPTH.astype(float), "mm", "negative"),
    ],
)
def test_what_is_no_depth_image(depth: object, unit: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_frame(depth, CAMERA, unit, None)


def test_a_camera_must_be_one() -> None:
    with pytest.raises(UserError, match=r"expected a murauer\.Camera, got 'nyu'"):
        read_frame(DEPTH, "nyu", "mm", None)  # type: ignore[arg-type]


@pytest.mark.parametrize("centre", [(1, 2, 700), np.array([1, 2, 700]), torch.tensor([1.0, 2.0, 700.0])])
def test_centres_of_any_kind(centre: object) -> None:
    assert read_centre(centre).tolist() == [1, 2, 700]


@pytest.mark.parametrize(
    ("centre", "message"),
    [
        ((1, 2), "x, y, z in mm"),
        ((1, 2, -700), "in front"),
        ((1, np.nan, 700), "in front"),
        ("abc", "x, y, z"),
    ],
)
def test_centres_that_cannot_be(centre: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_centre(centre)


def test_centre_from_uvd() -> None:
    camera = CAMERAS["nyu"]
    expected = uvd_to_xyz(torch.tensor([100.0, 200.0, 700.0]), camera.intrinsics())
    np.testing.assert_allclose(centre_from_uvd((100.0, 200.0, 700.0), camera), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("uvd", "message"),
    [
        ((-1, 0, 700), "outside"),
        ((640, 0, 700), "outside"),
        ((0, 0, 0), "positive"),
        ((0, 0, -5), "positive"),
    ],
)
def test_centre_from_uvd_that_cannot_be(uvd: tuple[float, float, float], message: str) -> None:
    with pytest.raises(UserError, match=message):
        centre_from_uvd(uvd, CAMERAS["nyu"])
