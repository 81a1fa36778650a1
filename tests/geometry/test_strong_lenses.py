"""Distortion far stronger than that of depth cameras, against dense sampling and single pixels."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from murauer.geometry.camera import Camera
from murauer.geometry.distortion import (
    LARGEST,
    OUTSIDE,
    POLYNOMIAL,
    Distortion,
    fit_distortion,
    project,
    undistort_depth,
    undistortion_pixels,
)

few = settings(deadline=None, max_examples=60)
strong = st.builds(
    Distortion,
    k1=st.floats(-2, 2),
    k2=st.floats(-2, 2),
    p1=st.floats(-0.05, 0.05),
    p2=st.floats(-0.05, 0.05),
    k3=st.floats(-2, 2),
    k4=st.sampled_from((0.0, 0.3, -0.6)) | st.floats(-2, 2),
    k5=st.sampled_from((0.0, 0.2, -0.4)) | st.floats(-2, 2),
    k6=st.sampled_from((0.0, 0.1, -0.2)) | st.floats(-2, 2),
)


def shown_at(lens: Distortion, x: float, y: float) -> tuple[float, float]:
    """Brown's model as OpenCV's documentation writes it, for one point."""
    r = math.hypot(x, y)
    above = 1 + lens.k1 * r**2 + lens.k2 * r**4 + lens.k3 * r**6
    below = 1 + lens.k4 * r**2 + lens.k5 * r**4 + lens.k6 * r**6
    return (
        x * above / below + 2 * lens.p1 * x * y + lens.p2 * (r**2 + 2 * x**2),
        y * above / below + lens.p1 * (r**2 + 2 * y**2) + 2 * lens.p2 * x * y,
    )


@few
@given(strong, st.floats(-1, 1), st.floats(-1, 1))
def test_points_are_shown_where_the_model_says(lens: Distortion, x: float, y: float) -> None:
    assume(math.hypot(x, y) < 0.9 * lens.largest_radius)
    expected = shown_at(lens, x, y)
    size = 1 + abs(expected[0]) + abs(expected[1])
    assert lens.distort(np.array([x, y])) == pytest.approx(expected, abs=1e-9 * size)
    both = torch.tensor([[[x, y]]], dtype=torch.float32)
    assert lens.distort(both)[0, 0].tolist() == pytest.approx(expected, abs=1e-4 * size)
    camera = Camera(300.0, 280.0, 150.0, 120.0, 320, 240)
    uvd = project(np.array([700 * x, 700 * y, 700.0]), camera, lens)
    assert uvd == pytest.approx([300 * expected[0] + 150, 280 * expected[1] + 120, 700], abs=1e-6 * size)


@few
@given(strong)
def test_radii_are_shown_in_order_up_to_the_largest_and_turn_there(lens: Distortion) -> None:
    lens = replace(lens, p1=0.0, p2=0.0)
    radii = np.linspace(0, min(lens.largest_radius, 4.0), 4000, endpoint=False)
    seen = lens.distort(np.stack((radii, 0 * radii), -1))[:, 0]
    assert np.isfinite(seen).all() and (np.diff(seen) > -1e-9).all()
    if lens.largest_radius < 4:
        # Either r R stops rising there, or its denominator is 0.
        r, step = lens.largest_radius, 1e-6
        below = 1 + lens.k4 * r**2 + lens.k5 * r**4 + lens.k6 * r**6
        if abs(below) > 1e-5:
            a, b = (shown_at(lens, r + side * step, 0.0)[0] for side in (-1, 0))
            assert abs(b - a) / step < 1e-3 * (1 + 1 / below**2)


@pytest.mark.parametrize("name", Distortion.__dataclass_fields__)
def test_tiny_and_large_coefficients_have_a_largest_radius(name: str) -> None:
    for value in (5e-324, 1e-300, 1e-20, -1e-20, LARGEST, -LARGEST):
        lens = Distortion(**{name: value})
        r = lens.largest_radius
        assert r > 0
        if abs(value) < 1:
            assert r > 100
        if name[0] == "k" and abs(value) == LARGEST and r < 1:
            power = 2 if name in ("k1", "k4") else 4 if name in ("k2", "k5") else 6
            assert 0.05 < r**power * LARGEST < 20
    for value in (1.01e6, -1.01e6, math.nan, math.inf):
        with pytest.raises(ValueError, match=f"{name} must be finite"):
            Distortion(**{name: value})


@few
@given(
    strong,
    st.integers(1, 12),
    st.integers(1, 12),
    st.floats(2, 60),
    st.floats(-0.2, 1.2),
    st.floats(-0.2, 1.2),
)
def test_the_map_of_pixels_is_that_of_single_rays(lens, width, height, focal, across, down) -> None:
    camera = Camera(focal, 1.1 * focal, across * width, down * height, width, height, is_crop=True)
    pixels = undistortion_pixels(camera, lens)
    assert pixels.shape == (height, width)
    for v, u in np.ndindex(height, width):
        x, y = (u - camera.u0) / camera.fx, (v - camera.v0) / camera.fy
        radius = math.hypot(x, y)
        if abs(radius - lens.largest_radius) < 1e-6:
            continue
        if radius > lens.largest_radius:
            assert pixels[v, u] == OUTSIDE
            continue
        x, y = shown_at(lens, x, y)
        column, row = x * camera.fx + camera.u0, y * camera.fy + camera.v0
        if min(abs(column % 1 - 0.5), abs(row % 1 - 0.5)) < 1e-6:
            continue
        inside = 0 <= round(column) < width and 0 <= round(row) < height
        assert pixels[v, u] == (round(row) * width + round(column) if inside else OUTSIDE)
    depth = np.random.default_rng(0).uniform(300, 900, (2, height, width)).astype(np.float32)
    moved = undistort_depth(depth, pixels)
    expected = np.where(pixels == OUTSIDE, 0, depth.reshape(2, -1)[:, np.maximum(pixels, 0)])
    assert np.array_equal(moved, expected)
    tensors = undistort_depth(torch.from_numpy(depth), torch.from_numpy(pixels))
    assert np.array_equal(tensors.numpy(), expected)


@few
@given(strong, st.integers(0, 99))
def test_the_nearest_lens_is_found(lens: Distortion, seed: int) -> None:
    """Exactly one of the polynomial model; of another one no worse than small changes of what was found."""
    rays = np.random.default_rng(seed).uniform(-0.5, 0.5, (80, 2))
    polynomial = replace(lens, k4=0.0, k5=0.0, k6=0.0)
    found = fit_distortion(rays, polynomial.distort(rays))
    for name in POLYNOMIAL:
        assert getattr(found, name) == pytest.approx(getattr(polynomial, name), abs=1e-6)
    assume(lens.largest_radius > 0.75)
    shown = lens.distort(rays)
    nearest = fit_distortion(rays, shown)
    least = np.square(nearest.distort(rays) - shown).sum()
    for name in POLYNOMIAL:
        for change in (-1e-3, 1e-3):
            other = replace(nearest, **{name: getattr(nearest, name) + change})
            assert np.square(other.distort(rays) - shown).sum() >= least - 1e-12
