# mypy: ignore-errors
import math

import pytest
import torch
import warp as wp
from torch import Generator, Tensor

from murauer.hand.kernel_launch import launch
from murauer.hand.sensors import kernels
from murauer.hand.sensors.pixels import Patches, incidence_cosine, round_randomly


@wp.kernel
def spread_kernel(
    values: wp.array(dtype=float, ndim=3),
    per_pixel: wp.array(dtype=float),
    phase: wp.array(dtype=float, ndim=2),
    spread: wp.array(dtype=float, ndim=3),
):
    image, row, column = wp.tid()
    patch_row = kernels.patch_of(row, per_pixel[image], phase[0, image])
    patch_column = kernels.patch_of(column, per_pixel[image], phase[1, image])
    spread[image, row, column] = values[image, patch_row, patch_column]


@wp.kernel
def look_up_kernel(
    depth: wp.array(dtype=float, ndim=3),
    down: wp.array(dtype=int, ndim=3),
    right: wp.array(dtype=int, ndim=3),
    moved: wp.array(dtype=float, ndim=3),
):
    image, row, column = wp.tid()
    moved[image, row, column] = kernels.look_up(
        depth, image, row + down[image, row, column], column + right[image, row, column]
    )


def patch_noise(
    images: Tensor, side_px: Tensor, channels: int, generator: Generator, *, normal: bool = False
) -> Tensor:
    """What the pixels of images get of random numbers for patches, (channels, B, H, W)."""
    patches = Patches.over(images, side_px, generator)
    values = (patches.normal if normal else patches.uniform)(channels, generator)
    noise = images.new_empty(channels, *images.shape)
    for own, spread in zip(values, noise, strict=True):
        launch(spread_kernel, tuple(images.shape), [own, patches.per_pixel, patches.phase, spread])
    return noise


def look_up(depth: Tensor, down: Tensor, right: Tensor) -> Tensor:
    moved = torch.empty_like(depth)
    launch(look_up_kernel, tuple(depth.shape), [depth, down.int(), right.int(), moved])
    return moved


def test_patches_are_squares_of_the_given_side() -> None:
    images = torch.zeros(2, 60, 80)
    noise = patch_noise(images, torch.tensor([4.0, 10.0]), 3, Generator().manual_seed(0))
    assert noise.shape == (3, 2, 60, 80)
    for image, side in ((0, 4), (1, 10)):
        for axis, length in ((0, 60), (1, 80)):
            borders = (noise[0, image].diff(dim=axis) != 0).any(1 - axis).nonzero()[:, 0]
            assert (borders.diff() == side).all()
            assert len(borders) in (math.floor(length / side) - 1, math.floor(length / side))
    assert not torch.equal(noise[0], noise[1])


def test_patches_below_a_pixel_are_independent_pixels() -> None:
    noise = patch_noise(torch.zeros(1, 40, 40), torch.tensor([0.25]), 1, Generator().manual_seed(0))[0, 0]
    assert noise.unique().numel() == noise.numel()
    assert (noise >= 0).all() and (noise < 1).all() and abs(noise.mean() - 0.5) < 0.03


def test_normal_patches_have_unit_variance() -> None:
    noise = patch_noise(
        torch.zeros(4, 90, 90), torch.full((4,), 1.7), 2, Generator().manual_seed(0), normal=True
    )
    assert abs(noise.mean()) < 0.05 and noise.std() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("offset", [-1.3, 0.0, 0.25, 2.0])
def test_random_rounding_keeps_the_mean(offset: float) -> None:
    rounded = round_randomly(
        torch.full((20_000,), offset), torch.rand(20_000, generator=Generator().manual_seed(0))
    )
    assert set(rounded.tolist()) <= {math.floor(offset), math.ceil(offset)}
    assert rounded.float().mean() == pytest.approx(offset, abs=0.02)


def test_look_up_stops_at_the_border() -> None:
    generator = Generator().manual_seed(0)
    depth = torch.rand(2, 5, 7, generator=generator)
    down = torch.randint(-4, 5, (2, 5, 7), generator=generator)
    right = torch.randint(-4, 5, (2, 5, 7), generator=generator)
    moved = look_up(depth, down, right)
    for b in range(2):
        for v in range(5):
            for u in range(7):
                row = min(max(v + int(down[b, v, u]), 0), 4)
                column = min(max(u + int(right[b, v, u]), 0), 6)
                assert moved[b, v, u] == depth[b, row, column]


def test_incidence_cosine_of_a_tilted_plane() -> None:
    camera = torch.tensor([200.0, 210.0, 30.0, 20.0])
    normal = torch.nn.functional.normalize(torch.tensor([0.6, -0.4, 0.8]), dim=0)
    v, u = torch.meshgrid(torch.arange(48.0), torch.arange(64.0), indexing="ij")
    ray = torch.stack([(u - camera[2]) / camera[0], (v - camera[3]) / camera[1], torch.ones_like(u)], dim=-1)
    depth = 600 / (ray @ normal)
    expected = (ray @ normal) / ray.norm(dim=-1)
    cosine = incidence_cosine(depth[None], camera[None])[0]
    # One-sided differences on a curve z(u): off by half a pixel's curvature.
    torch.testing.assert_close(cosine, expected, atol=0.005, rtol=0)


def test_incidence_cosine_stays_on_its_own_surface_at_edges() -> None:
    depth = torch.full((1, 20, 20), 500.0)
    depth[:, :, 10:] = 900.0
    depth[:, :, 15:] = 0.0
    camera = torch.tensor([[5000.0, 5000.0, 10.0, 10.0]])
    torch.testing.assert_close(incidence_cosine(depth, camera), torch.ones(1, 20, 20), atol=1e-4, rtol=0)
