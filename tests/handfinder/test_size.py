"""Hands of a wrong size: depth in another unit, or a focal length of another image."""

from dataclasses import replace

import numpy as np
import pytest

from murauer.geometry.skeletons import SKELETONS
from murauer.handfinder.localisation import look_for_hand, packaged_finder
from murauer.handfinder.size import BONES, USUAL_BONES_MM, size_probability
from rendered_scene import Scene


def hand_of(bones_mm: float) -> np.ndarray:
    """Joints whose bones are together so long."""
    joints = np.random.default_rng(0).normal(size=(14, 3)).astype(np.float32)
    length = np.linalg.norm(joints[BONES[:, 0]] - joints[BONES[:, 1]], axis=-1).sum()
    return joints * np.float32(bones_mm / length)


def test_the_size_of_a_hand() -> None:
    sure = np.array([6.0, 13.0, 4.0], np.float32)  # as the network is of genuine hands
    assert size_probability(sure, hand_of(USUAL_BONES_MM), 900) > 0.95
    assert size_probability(sure, hand_of(0.5 * USUAL_BONES_MM), 900) < size_probability(
        sure, hand_of(650), 900
    )
    assert size_probability(np.array([13.0, 5.0, 1.0]), hand_of(450), 500) < 0.05  # half as large
    assert size_probability(np.array([0.0, 5.0, 13.0]), hand_of(690), 1900) < 0.05  # twice
    assert size_probability(np.array([1.0, 5.0, -3.0]), hand_of(420), 150) < 0.05  # a scene in cm
    assert SKELETONS["nyu14"].bones == tuple(map(tuple, BONES.tolist()))


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
