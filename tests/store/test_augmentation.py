"""Augmentation varies each sample on its own, and moves image and labels together."""

import math

import numpy as np
import pytest
import torch

from murauer.store.augmentation import (
    AugmentationConfig,
    Placement,
    add_white_noise,
    draw_placement,
    still,
    to_samples,
)
from murauer.store.frame_set import Region
from murauer.store.store import Store


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


@pytest.fixture
def region(tiny_store: Store) -> Region:
    return tiny_store.synthetic.regions(np.arange(16))


def test_draws_have_the_stated_size() -> None:
    placement = draw_placement(20_000, AugmentationConfig(rotation_deg=60, offset_mm=5), generator())
    assert placement.offset.std(0).numpy() == pytest.approx([5, 5, 5], rel=0.03)
    degrees = placement.rotation * 180 / math.pi
    assert degrees.abs().max() <= 60 and degrees.std() == pytest.approx(60 / 3**0.5, rel=0.03)
    assert not draw_placement(5, AugmentationConfig(), generator(), rotate=False).rotation.any()
    assert (placement.scale == 1).all()
    cubes = AugmentationConfig(cube_deviation=0.1)
    assert draw_placement(20_000, cubes, generator()).scale.log().std().item() == pytest.approx(0.1, rel=0.03)
    assert (draw_placement(5, cubes, generator(), rotate=False).scale == 1).all()


def test_noise_leaves_the_background_alone() -> None:
    patch = torch.full((4, 64, 64), 0.2)
    patch[:, :32] = 1.0
    noisy = add_white_noise(patch, torch.randn(patch.shape, generator=generator()), 0.05)
    assert (noisy[:, :32] == 1.0).all()
    assert (noisy[:, 32:] - 0.2).std().item() == pytest.approx(0.05, rel=0.05)


def test_joints_stay_on_the_hand_under_rotation_and_offset(region: Region) -> None:
    """At the patch pixel of each joint, the hand's surface is close to the joint's depth."""
    size = len(region.depth)
    placement = draw_placement(size, AugmentationConfig(rotation_deg=60, offset_mm=5), generator())
    for chosen in (still(size), placement):
        samples = to_samples(region, chosen, patch_size=64, cube_mm=300.0)

        def share_on_hand(joints: torch.Tensor, patch: torch.Tensor = samples.patch) -> float:
            pixel = ((joints[..., :2] + 1) / 2 * 64 - 0.5).round().long().clamp(0, 63)
            surface = patch[torch.arange(size)[:, None], 0, pixel[..., 1], pixel[..., 0]]
            return float(((joints[..., 2] - surface) * 150).abs().lt(40).float().mean())

        # The rest is hidden by other fingers, or perspective moves it over the edge of its own.
        assert share_on_hand(samples.joints) > 0.8
        assert share_on_hand(samples.joints.roll(1, 0)) < 0.7


def test_rotation_turns_the_image_and_the_joints_alike(region: Region) -> None:
    size = len(region.depth)
    quarter = Placement(torch.zeros(size, 3), torch.full((size,), math.pi / 2), torch.ones(size))
    upright = to_samples(region, still(size), patch_size=64, cube_mm=300.0)
    turned = to_samples(region, quarter, patch_size=64, cube_mm=300.0)
    expected = torch.rot90(upright.patch, 1, (2, 3))
    assert (expected - turned.patch).abs().lt(0.02).float().mean() > 0.97
    # A quarter turn counter-clockwise as displayed: right becomes up. Equal only up to the perspective.
    torch.testing.assert_close(turned.joints[..., 1], -upright.joints[..., 0], atol=0.12, rtol=0)
    torch.testing.assert_close(turned.joints[..., 2], upright.joints[..., 2], atol=1e-5, rtol=0)
