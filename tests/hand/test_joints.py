"""Joint sets on the hand model: where the joints of each data set lie in the hand."""

import pytest
import torch
import trimesh
from torch import Generator

from murauer.hand.articulation import ANGLE_NAMES
from murauer.hand.joints import JOINT_SETS
from murauer.hand.model import HandModel
from murauer.hand.pose_prior import PosePrior
from murauer.hand.shape import SHAPE_NAMES, ShapePrior
from murauer.skeletons import FINGERS, SKELETONS, convert

FLAT = torch.zeros(1, len(ANGLE_NAMES))
MEAN = torch.zeros(1, len(SHAPE_NAMES))


@pytest.fixture(scope="module")
def model() -> HandModel:
    return HandModel()


@pytest.mark.parametrize("name", ["msra21", "hands21"])
def test_anatomical_joints_are_the_models_in_another_order(model: HandModel, name: str) -> None:
    hand = model(
        PosePrior().sample(3, Generator().manual_seed(0)), ShapePrior().sample(3, Generator().manual_seed(1))
    )
    torch.testing.assert_close(hand.joints(name), convert(hand.joints("anny21"), "anny21", name))


def test_icvl_joints_lie_in_the_middle_of_the_segments(model: HandModel) -> None:
    hand = model(PosePrior().sample(4, Generator().manual_seed(2)), MEAN)
    ours, anatomical = hand.joints("icvl16"), hand.joints("anny21")
    names = SKELETONS["icvl16"].joints
    for number, finger in enumerate(FINGERS):
        chain = anatomical[:, 1 + 4 * number : 5 + 4 * number]
        for k, segment in enumerate(("root", "middle")):
            middle = (chain[:, k] + chain[:, k + 1]) / 2
            torch.testing.assert_close(
                ours[:, names.index(f"{finger}_{segment}_segment")], middle, atol=1e-3, rtol=0
            )
        tip = ours[:, names.index(f"{finger}_tip_segment")]
        assert ((tip - (chain[:, 2] + chain[:, 3]) / 2).norm(dim=-1) < 5).all()


@pytest.mark.parametrize("name", [name for name in JOINT_SETS if name not in ("msra21", "hands21", "anny21")])
def test_joints_lie_inside_the_hand(model: HandModel, name: str) -> None:
    hand = model(FLAT, MEAN)
    mesh = trimesh.Trimesh(hand.vertices[0].numpy(), model.faces.numpy(), process=False)
    assert mesh.contains(hand.joints(name)[0].numpy()).all()
