"""Two cameras agree on joints, whose relative pose follows from the joints themselves."""

import numpy as np
import pytest

from murauer.geometry.patches import Floats
from murauer.training.adapt.pseudo_labels import Belief
from murauer.training.adapt.two_views import agreed, relative_pose

DRAWN = np.random.default_rng(0)
ANGLE = np.deg2rad(35.0)
ROTATION = np.array(
    [[np.cos(ANGLE), 0, np.sin(ANGLE)], [0, 1, 0], [-np.sin(ANGLE), 0, np.cos(ANGLE)]], np.float32
)
SHIFT = np.array([-400.0, 30.0, 150.0], np.float32)


@pytest.fixture
def hands() -> tuple[Floats, Floats]:
    """300 hands all over the room, as the first camera sees them and as the second does."""
    places = DRAWN.uniform((-200, -200, 700), (200, 200, 1100), (300, 1, 3))
    first = (places + DRAWN.normal(0, 50, (300, 21, 3))).astype(np.float32)
    return first, (first - SHIFT) @ ROTATION


def test_the_pose_of_the_cameras_follows_from_predictions_that_are_wrong(
    hands: tuple[Floats, Floats],
) -> None:
    first, second = (joints + DRAWN.normal(0, 12, joints.shape) for joints in hands)
    second[:40] += DRAWN.normal(0, 150, (40, 1, 3))  # and some of them altogether
    rotation, shift = relative_pose(first, second)
    assert np.degrees(np.arccos((np.trace(rotation.T @ ROTATION) - 1) / 2)) < 0.3
    moved = hands[1] @ rotation.T + shift
    assert np.linalg.norm(moved - hands[0], axis=-1).mean() < 1.0


def test_the_surer_camera_counts_and_each_sees_the_same_hand(hands: tuple[Floats, Floats]) -> None:
    first, second = hands
    seen = Belief(first + 30.0, np.full(first.shape[:2], 40.0, np.float32))
    sure = Belief(second, np.full(first.shape[:2], 5.0, np.float32))
    a, b = agreed(seen, sure, ROTATION, SHIFT)
    assert np.abs(a.joints - first).max() < 0.1
    np.testing.assert_allclose(b.joints @ ROTATION.T + SHIFT, a.joints, atol=1e-2)
    # One of them is wrong by 52 mm, whatever both say.
    np.testing.assert_allclose(a.error_mm, 30 * 3**0.5 / 2, rtol=1e-3)
    assert (a.weight() < 0.2).all() and (sure.weight() == 1).all()


def test_the_mean_of_two_is_better_than_each(hands: tuple[Floats, Floats]) -> None:
    error = np.full(hands[0].shape[:2], 12.0, np.float32)
    first, second = (Belief(joints + DRAWN.normal(0, 7, joints.shape), error) for joints in hands)
    both, _ = agreed(first, second, ROTATION, SHIFT)
    alone, together = (np.linalg.norm(each.joints - hands[0], axis=-1).mean() for each in (first, both))
    assert together < 0.8 * alone
