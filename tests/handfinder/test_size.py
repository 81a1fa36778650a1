"""Hands of a wrong size: depth in another unit, or a focal length of another image."""

from dataclasses import replace

import numpy as np
import pytest

from murauer.handfinder.localisation import look_for_hand, packaged_finder
from rendered_scene import Scene


def test_hands_in_a_wrong_unit_are_none(scene: Scene) -> None:
    """Of each wrong scale at most one frame of six has a hand, in doubt; of the right one nearly all."""
    finder = packaged_finder()
    for scale in (0.125, 0.3, 1.0, 2.5):
        depths = [depth.numpy() * np.float32(scale) for depth in scene.depth[::2]]
        looks = [look_for_hand(finder, depth, scene.camera, 0.0) for depth in depths]
        found = sum(look.problem is None for look in looks)
        assert found >= 5 if scale == 1 else found <= 1, (scale, found)
        assert scale == 1 or max(look.confidence for look in looks) < 0.7


@pytest.mark.parametrize("factor", [0.4, 3.0])
def test_hands_through_a_wrong_lens_are_none(scene: Scene, factor: float) -> None:
    camera = replace(scene.camera, fx=factor * scene.camera.fx, fy=factor * scene.camera.fy)
    looks = [look_for_hand(packaged_finder(), depth.numpy(), camera, 0.0) for depth in scene.depth[::2]]
    assert sum(look.problem is None for look in looks) <= 1


@pytest.mark.parametrize(("scale", "size"), [(0.5, "half"), (2.0, "twice")])
def test_the_size_of_what_is_no_hand_is_told(scene: Scene, scale: float, size: str) -> None:
    looks = [
        look_for_hand(packaged_finder(), depth.numpy() * np.float32(scale), scene.camera, 0.0)
        for depth in scene.depth
    ]
    told = [f"what looks like one of {size} the size" in (look.problem or "") for look in looks]
    assert sum(told) >= len(told) / 2
