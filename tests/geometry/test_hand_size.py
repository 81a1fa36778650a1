"""The size of a hand against a loop over its bones."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from murauer.geometry.hand_size import LARGEST_HAND, MEAN_LENGTH_MM, SMALLEST_HAND, hand_scale
from murauer.geometry.skeletons import SKELETONS
from murauer.hand.model import HandModel
from murauer.hand.pose_prior import PosePrior
from murauer.hand.shape import ShapePrior


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 999), st.floats(0.01, 100), st.tuples(*[st.floats(-10_000, 10_000)] * 3))
def test_all_bones_count_wherever_the_hand_is(seed: int, size: float, place: tuple[float, ...]) -> None:
    joints = size * np.random.default_rng(seed).normal(0, 60, (2, 21, 3))
    expected = [
        sum(math.dist(hand[joint], hand[parent]) for joint, parent in SKELETONS["hand21"].bones)
        / MEAN_LENGTH_MM
        for hand in joints
    ]
    assert hand_scale(joints + place) == pytest.approx(expected, rel=1e-6)
    assert float(hand_scale(joints[0])) == pytest.approx(expected[0])
    there = torch.from_numpy(joints + place).float()
    assert hand_scale(there).tolist() == pytest.approx(expected, abs=2e-5 * (1 + size))


def test_the_mean_hand_has_size_1_in_every_pose() -> None:
    poses = PosePrior().sample(5, torch.Generator().manual_seed(0))
    hand = HandModel()(poses, ShapePrior().sample(1, torch.Generator(), spread=0))
    assert hand_scale(hand.joints("hand21")).tolist() == pytest.approx([1] * 5, abs=0.02)


def test_hands_of_all_people_have_a_size_that_cubes_are_made_for() -> None:
    shapes = ShapePrior().sample(60, torch.Generator().manual_seed(1))
    hand = HandModel()(PosePrior().sample(60, torch.Generator().manual_seed(2)), shapes)
    sizes = hand_scale(hand.joints("hand21"))
    assert 0.6 == SMALLEST_HAND < sizes.min() and sizes.max() < LARGEST_HAND == 1.4
