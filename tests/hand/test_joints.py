"""Joint sets on the hand model: where the joints of each data set lie in the hand."""

from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from torch import Generator

from murauer.geometry.camera import CAMERAS, uvd_to_xyz
from murauer.geometry.skeletons import FINGERS, SKELETONS, convert
from murauer.hand.articulation import ANGLE_NAMES
from murauer.hand.joints import JOINT_SETS
from murauer.hand.model import HandModel
from murauer.hand.pose_prior import PosePrior
from murauer.hand.shape import SHAPE_NAMES, ShapePrior

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


def test_nyu_joints_are_some_of_its_36(model: HandModel) -> None:
    hand = model(PosePrior().sample(3, Generator().manual_seed(3)), MEAN)
    torch.testing.assert_close(hand.joints("nyu14"), convert(hand.joints("nyu36"), "nyu36", "nyu14"))


def test_nyu_segments_are_as_long_as_in_its_labels(model: HandModel, shared_dir: Path) -> None:
    """Distances of neighbouring joints of a finger, and from every joint of the palm to every other."""
    file = shared_dir / "data" / "nyu" / "nyu_test_joints36_uvd.npz"
    uvd = torch.from_numpy(np.load(file)["joints_uvd"][:2440]).float()
    real = uvd_to_xyz(uvd, CAMERAS["nyu"].intrinsics())
    # The first person has a large hand with long fingers, as a fit finds.
    large = MEAN.clone()
    large[0, SHAPE_NAMES.index("size")], large[0, SHAPE_NAMES.index("finger_length")] = 0.11, 0.27
    ours = model(FLAT, large).joints("nyu36")
    pairs = [(6 * f + k, 6 * f + k + 1) for f in range(5) for k in range(5)]
    pairs += [(a, b) for a in range(30, 36) for b in range(30, a)]

    def lengths(joints: torch.Tensor) -> torch.Tensor:
        return torch.stack([(joints[:, a] - joints[:, b]).norm(dim=-1) for a, b in pairs], 1).median(0).values

    difference = (lengths(ours) - lengths(real)).abs()
    assert difference.median() < 3.0
    assert difference.max() < 17.0


@pytest.mark.parametrize("name", [name for name in JOINT_SETS if name not in ("msra21", "hands21", "anny21")])
def test_joints_lie_inside_the_hand(model: HandModel, name: str) -> None:
    hand = model(FLAT, MEAN)
    mesh = trimesh.Trimesh(hand.vertices[0].numpy(), model.faces.numpy(), process=False)
    assert mesh.contains(hand.joints(name)[0].numpy()).all()
