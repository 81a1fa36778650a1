import math
from dataclasses import astuple

import numpy as np
import pytest
import torch

from murauer.geometry.camera import CAMERAS, Camera, uvd_to_xyz, xyz_to_uvd
from murauer.geometry.distortion import (
    OUTSIDE,
    Distortion,
    fit_distortion,
    project,
    undistort_depth,
    undistortion_pixels,
)

LENS = Distortion(k1=-0.28, k2=0.09, p1=0.0012, p2=-0.0008, k3=-0.011)


def undistortion_map(camera: Camera, lens: Distortion) -> torch.Tensor:
    return torch.from_numpy(undistortion_pixels(camera, lens))


def plane(camera: Camera, lens: Distortion, normal: tuple[float, float, float], distance: float):
    """Depth of a plane as the lens shows it, by searching the ray of every pixel with Newton's method."""
    depth = torch.zeros(camera.height, camera.width)
    for v in range(camera.height):
        for u in range(camera.width):
            goal = ((u - camera.u0) / camera.fx, (v - camera.v0) / camera.fy)
            x, y = goal
            for _ in range(30):  # fixed point: x <- goal - (distort(x) - x)
                r2 = x * x + y * y
                radial = lens.k1 * r2 + lens.k2 * r2**2 + lens.k3 * r2**3
                dx = x * radial + 2 * lens.p1 * x * y + lens.p2 * (r2 + 2 * x * x)
                dy = y * radial + lens.p1 * (r2 + 2 * y * y) + 2 * lens.p2 * x * y
                x, y = goal[0] - dx, goal[1] - dy
            depth[v, u] = distance / (normal[0] * x + normal[1] * y + normal[2])
    return depth


def test_a_plane_stays_a_plane():
    camera = Camera(fx=60, fy=62, u0=30.5, v0=24, width=64, height=48)
    normal, distance = (0.2, -0.1, 1.0), 800.0
    undistorted = undistort_depth(plane(camera, LENS, normal, distance), undistortion_map(camera, LENS))
    v, u = torch.nonzero(undistorted, as_tuple=True)
    assert len(v) > 2900  # of 3072; barrel distortion shows all but the corners
    uvd = torch.stack((u, v, undistorted[v, u]), dim=-1).float()
    residual = uvd_to_xyz(uvd, camera.intrinsics()) @ torch.tensor(normal) - distance
    one_pixel = (0.2 + 0.1) * distance / camera.fx  # of sideways error on this slope
    assert residual.abs().max() < one_pixel
    raw = plane(camera, LENS, normal, distance)
    bent = torch.stack((u, v, raw[v, u]), dim=-1).float()
    residual = uvd_to_xyz(bent, camera.intrinsics()) @ torch.tensor(normal) - distance
    assert residual.abs().max() > 3 * one_pixel


def test_points_are_projected_where_the_map_takes_them_from():
    camera = CAMERAS["sr305"]
    pixels = undistortion_map(camera, LENS)
    for u, v in ((40, 30), (313, 242), (600, 400)):
        xyz = uvd_to_xyz(torch.tensor([u, v, 700.0]), camera.intrinsics())
        shown = project(xyz, camera, LENS)
        assert shown[2] == 700
        assert pixels[v, u] == round(shown[1].item()) * camera.width + round(shown[0].item())


def test_a_lens_is_found_from_where_it_shows_rays():
    rays = np.random.default_rng(0).uniform(-0.6, 0.6, (200, 2))
    assert astuple(fit_distortion(rays, LENS.distort(rays))) == pytest.approx(astuple(LENS))


def test_no_distortion_changes_nothing():
    camera = CAMERAS["nyu"]
    pinhole = Distortion()
    assert pinhole.is_pinhole and not LENS.is_pinhole
    assert torch.equal(undistortion_map(camera, pinhole).flatten(), torch.arange(640 * 480))
    xyz = torch.tensor([[30.0, -20.0, 500.0]])
    assert torch.allclose(project(xyz, camera, pinhole), xyz_to_uvd(xyz, camera.intrinsics()))


def test_values_are_taken_not_averaged():
    camera = CAMERAS["sr305"]
    depth = torch.where(torch.arange(640) < 320, 500.0, 900.0).expand(480, 640)
    pixels = undistortion_map(camera, LENS)
    assert set(undistort_depth(depth, pixels).unique().tolist()) <= {0.0, 500.0, 900.0}
    assert (undistort_depth(depth, pixels)[pixels == OUTSIDE] == 0).all()


def test_beyond_the_turning_point_there_is_nothing():
    fold = Distortion(k1=-0.5)
    assert fold.largest_radius == pytest.approx(math.sqrt(1 / 1.5))
    camera = Camera(fx=20, fy=20, u0=32, v0=24, width=64, height=48)
    row = undistortion_map(camera, fold)[24]
    shown = row[row != OUTSIDE] % camera.width
    assert (shown.diff() >= 0).all() and (row == OUTSIDE).any()
    assert Distortion(k1=0.1).largest_radius == math.inf


def test_a_rational_lens_folds_where_it_turns_or_has_a_pole() -> None:
    assert Distortion(k1=1.0, k4=4.0).largest_radius == math.inf  # 1 - t + 4 t² has no root
    assert Distortion(k4=-1.0).largest_radius == pytest.approx(1.0)
    lens, radii = Distortion(k1=0.05, k4=0.9), np.linspace(0, 5, 500_001)
    seen = lens.distort(np.stack((radii, 0 * radii), -1))[:, 0]
    assert lens.largest_radius == pytest.approx(radii[np.argmax(np.diff(seen) < 0)], abs=1e-3)


def test_agrees_with_opencv():
    cv2 = pytest.importorskip("cv2", reason="OpenCV is only a reference here, not a dependency")
    camera = CAMERAS["sr305"]
    matrix = torch.tensor([[camera.fx, 0, camera.u0], [0, camera.fy, camera.v0], [0, 0, 1]]).double().numpy()
    lens = torch.tensor(astuple(LENS)).double().numpy()
    columns, rows = cv2.initUndistortRectifyMap(matrix, lens, None, matrix, (640, 480), cv2.CV_32FC1)
    pixels = undistortion_map(camera, LENS)
    inside = pixels != OUTSIDE
    expected = torch.from_numpy(rows).round() * 640 + torch.from_numpy(columns).round()
    assert (pixels[inside] == expected[inside].long()).float().mean() > 0.999  # ties of rounding
    generator = torch.Generator().manual_seed(0)
    xyz = torch.rand(100, 3, generator=generator) * 300 + torch.tensor([-150, -150, 600])
    uv, _ = cv2.projectPoints(xyz.double().numpy(), (0, 0, 0), (0, 0, 0), matrix, lens)
    assert torch.allclose(project(xyz, camera, LENS)[:, :2].double(), torch.from_numpy(uv[:, 0]), atol=1e-3)


def test_coefficients_must_be_finite():
    with pytest.raises(ValueError, match="k2 must be finite"):
        Distortion(k2=math.nan)
