"""Rendered frames are like those of a camera: as far, as coarse, as noisy."""

import numpy as np
import pytest
import torch

from murauer.store.frame_set import Region
from murauer.store.store import Store
from murauer.training.adapt.noise import noise_mm
from murauer.training.adapt.rendered import RenderedFrames, frames_like
from murauer.training.base.scenes import BaseScenes


def plane(deviation: float) -> Region:
    """Windows that show a tilted plane with noise, a step through the middle, and holes."""
    generator = torch.Generator().manual_seed(0)
    depth = 700 + torch.arange(64).float().expand(8, 64, 64).clone()
    depth[:, 32:] += 60
    depth += deviation * torch.randn(depth.shape, generator=generator)
    depth[torch.rand(depth.shape, generator=generator) < 0.1] = 0
    return Region(
        depth, torch.zeros(8, 4), torch.tensor([[0.0, 0.0, 730.0]]).expand(8, 3), torch.zeros(8, 21, 3)
    )


@pytest.mark.parametrize("deviation", [0.0, 1.0, 10.0])
def test_noise_is_told_from_slopes_steps_and_holes(deviation: float) -> None:
    assert noise_mm(plane(deviation)) == pytest.approx(deviation, rel=0.1, abs=0.01)


def test_nothing_near_the_hand_has_no_noise() -> None:
    far = plane(1.0)
    assert noise_mm(Region(far.depth, far.intrinsics, far.centre + 1000, far.joints)) == 0.0


def test_they_are_at_the_distances_of_the_camera_and_as_noisy(tiny_store: Store) -> None:
    generator = torch.Generator().manual_seed(0)
    frames = tiny_store.require("real")
    seen = frames.regions(frames.usable_rows(0))
    noise = torch.Generator().manual_seed(1)
    noisy = np.where(
        frames.depth > 0, frames.depth + 80 * torch.randn(frames.depth.shape, generator=noise).numpy(), 0
    )
    changed = type(frames)(**vars(frames) | {"depth": noisy.clip(0, 65535).astype(np.uint16)})
    like = frames_like(changed, 100, generator)
    region, weight = like.draw(60, generator)
    distance = seen.centre[:, 2]
    assert region.centre[:, 2].min() > 0.85 * distance.min()
    assert region.centre[:, 2].max() < 1.15 * distance.max()
    assert like.noise_mm == pytest.approx(noise_mm(changed.regions(frames.usable_rows(0))), rel=0.3)
    assert weight.shape == (60, 21) and (weight == 1).all()


def test_the_oldest_part_is_rendered_anew() -> None:
    generator = torch.Generator().manual_seed(0)
    rendered = RenderedFrames(BaseScenes(window_px=32), 130, generator)
    before = rendered._held["joints"].clone()
    rendered.renew(generator)
    after = rendered._held["joints"]
    kept = (after[:, None, 0] == before[None, :, 0]).all(-1).any(1)
    assert 0 < kept.sum() < len(after)
