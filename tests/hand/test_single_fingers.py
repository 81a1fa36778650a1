"""Each finger by itself: every combination comes, none penetrates, and what is to touch touches."""

import pytest
import torch
from torch import Generator, Tensor

from murauer.hand.articulation import ANGLE_LIMITS, ANGLE_NAMES, FINGERS, LONG_FINGERS
from murauer.hand.gestures import SIGN_NAMES, gesture
from murauer.hand.model import HandModel
from murauer.hand.penetration import TOLERANCE_MM, penetration
from murauer.hand.pose_prior import ANY_POSE, PosePrior
from murauer.hand.shape import ANYBODY, SHAPE_NAMES, ShapePrior

COMBINATIONS = 16
THUMB_TIP, TIPS = 4, [8, 12, 16, 20]


def joints_of(angles: Tensor) -> Tensor:
    return HandModel().pose_joints(angles, torch.zeros(1, len(SHAPE_NAMES)), "anny21")


def samples(n: int, touching_share: float) -> Tensor:
    prior = PosePrior(single_share=1.0, touching_share=touching_share)
    return prior.sample(n, Generator().manual_seed(0))


def test_fingers_are_stretched_and_folded_in_all_combinations() -> None:
    angles = samples(1500, 0.0)
    flexion = sum(
        angles[:, [ANGLE_NAMES.index(f"{finger}_{joint}_flexion") for finger in LONG_FINGERS]]
        for joint in ("mcp", "pip")
    )
    stretched, folded = flexion < torch.pi / 4, flexion > 2 * torch.pi / 3
    clear = (stretched | folded).all(1)
    combination = (stretched * torch.tensor([1, 2, 4, 8])).sum(1)[clear]
    assert clear.float().mean() > 0.15
    assert combination.bincount(minlength=COMBINATIONS).min() >= 3


def test_they_neither_penetrate_nor_leave_their_limits() -> None:
    angles = torch.cat([samples(1000, 0.0), samples(1000, 1.0), ANY_POSE.sample(1000, Generator())])
    low, high = ANGLE_LIMITS.T
    assert ((angles >= low - 1e-5) & (angles <= high + 1e-5)).all()
    assert penetration(joints_of(angles)).max() < TOLERANCE_MM + 0.5


def test_the_thumb_touches_each_of_the_fingers() -> None:
    joints = joints_of(samples(1000, 1.0))
    distance = (joints[:, TIPS] - joints[:, THUMB_TIP, None]).norm(dim=-1)
    nearest, finger = distance.min(1)
    assert (nearest < 18).float().mean() > 0.9, "tips' centres two radii apart"
    assert finger.bincount(minlength=len(FINGERS) - 1).min() > 100


def test_without_a_share_of_them_poses_are_as_they_were() -> None:
    usual, without = PosePrior(), PosePrior(single_share=0.0, touching_share=1.0)
    assert torch.equal(*(prior.sample(50, Generator().manual_seed(1)) for prior in (usual, without)))


@pytest.mark.parametrize("name", SIGN_NAMES)
def test_signs_are_possible(name: str) -> None:
    angles, (low, high) = gesture(name)[None], ANGLE_LIMITS.T
    assert ((angles >= low - 1e-5) & (angles <= high + 1e-5)).all()
    assert penetration(joints_of(angles)) < TOLERANCE_MM


def test_anybody_may_be_a_child_or_a_giant() -> None:
    shape = ShapePrior(ANYBODY).sample(2000, Generator().manual_seed(0))
    joints = HandModel().pose_joints(torch.zeros(2000, len(ANGLE_NAMES)), shape, "anny21")
    length = (joints[:, 12] - joints[:, 0]).norm(dim=-1)
    assert length.min() < 140 and length.max() > 215
    assert 165 < length.mean() < 185
