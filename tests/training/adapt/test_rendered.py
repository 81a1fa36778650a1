"""Rendered frames are as far away as those of a camera, and are renewed."""

import torch

from murauer.store.store import Store
from murauer.training.adapt.rendered import RenderedFrames, frames_like
from murauer.training.base.scenes import BaseScenes


def test_they_are_at_the_distances_of_the_camera(tiny_store: Store) -> None:
    generator = torch.Generator().manual_seed(0)
    frames = tiny_store.require("real")
    distance = frames.regions(frames.usable_rows(0)).centre[:, 2]
    region, weight = frames_like(frames, 100, generator).draw(60, generator)
    assert region.centre[:, 2].min() > 0.85 * distance.min()
    assert region.centre[:, 2].max() < 1.15 * distance.max()
    assert weight.shape == (60, 21) and (weight == 1).all()


def test_the_oldest_part_is_rendered_anew() -> None:
    generator = torch.Generator().manual_seed(0)
    rendered = RenderedFrames(BaseScenes(window_px=32), 130, generator)
    before = rendered._held["joints"].clone()
    rendered.renew(generator)
    after = rendered._held["joints"]
    kept = (after[:, None, 0] == before[None, :, 0]).all(-1).any(1)
    assert 0 < kept.sum() < len(after)
