"""Bones keep their lengths, joints follow, and the rest of the hand stays."""

import numpy as np
import pytest
import torch

from murauer.geometry.skeletons import SKELETONS
from murauer.hand.model import HandModel
from murauer.hand.pose_prior import PosePrior
from murauer.hand.shape import ShapePrior
from murauer.studio.labels.held_hand import HeldHand

ANNY = SKELETONS["anny21"]
TIP = ANNY.joints.index("index_tip")


def lengths(joints: np.ndarray) -> np.ndarray:
    return np.array([np.linalg.norm(joints[a] - joints[b]) for a, b in ANNY.bones])


@pytest.fixture(scope="module", params=["right", "left"])
def labels(request: pytest.FixtureRequest) -> np.ndarray:
    """Two poses of one hand, 600 mm before the camera."""
    stream = torch.Generator().manual_seed(1)
    hand = HandModel()(PosePrior().sample(2, stream), ShapePrior().sample(1, stream).expand(2, -1))
    joints = hand.joints("anny21") + torch.tensor([20.0, 10.0, 600.0])
    if request.param == "left":
        joints[..., 0] = -joints[..., 0]
    return joints.numpy()


@pytest.fixture(scope="module")
def held(labels: np.ndarray) -> HeldHand:
    return HeldHand(labels, ANNY)


def test_a_finger_follows_with_its_bones_and_the_rest_stays(held: HeldHand, labels: np.ndarray) -> None:
    start = held.settle(labels[1])
    assert np.linalg.norm(start - labels[1], axis=-1).mean() < 1.5
    target = start[TIP] + np.array([0.0, 0.0, -12.0], np.float32)
    moved = held.drag(TIP, target)
    assert np.linalg.norm(moved[TIP] - target) < 2
    fingers = [k for k, group in enumerate(ANNY.groups) if group in ("index",)]
    phalanges = [k for k, (a, b) in enumerate(ANNY.bones) if a in fingers and b in fingers]
    np.testing.assert_allclose(lengths(moved)[phalanges], lengths(start)[phalanges], atol=0.01)
    np.testing.assert_allclose(lengths(moved), lengths(start), atol=0.5)  # the palm arches
    others = [k for k in range(len(ANNY)) if k not in fingers]
    assert np.linalg.norm(moved - start, axis=-1)[others].max() < 1.5


def test_nothing_stretches_to_what_is_out_of_reach(held: HeldHand, labels: np.ndarray) -> None:
    start = held.settle(labels[0])
    moved = held.drag(TIP, start[TIP] + np.array([0.0, 0.0, -400.0], np.float32))
    phalanges = [k for k, (a, b) in enumerate(ANNY.bones) if {ANNY.groups[a], ANNY.groups[b]} == {"index"}]
    np.testing.assert_allclose(lengths(moved)[phalanges], lengths(start)[phalanges], atol=0.01)
    assert np.isfinite(moved).all()
