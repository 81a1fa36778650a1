"""Labels of other skeletons as joints of hand21, without being bent."""

import numpy as np
import pytest
import torch

from murauer.errors import UserError
from murauer.geometry.skeletons import convert
from murauer.hand.model import HandModel
from murauer.hand.pose_prior import PosePrior
from murauer.hand.shape import ShapePrior
from murauer.training.adapt.labels import as_hand21


@pytest.fixture(scope="module")
def hands() -> dict[str, np.ndarray]:
    generator = torch.Generator().manual_seed(2)
    posed = HandModel()(PosePrior().sample(20, generator), ShapePrior().sample(20, generator))
    return {name: posed.joints(name).numpy() for name in ("hand21", "nyu14", "icvl16")}


@pytest.mark.parametrize("skeleton", ["nyu14", "icvl16"])
def test_their_conversion_is_the_labels(hands: dict[str, np.ndarray], skeleton: str) -> None:
    labels = hands[skeleton]
    joints = as_hand21(labels, skeleton, np.zeros((20, 21, 3), np.float32))
    np.testing.assert_allclose(convert(joints, "hand21", skeleton), labels, atol=0.01)
    assert np.linalg.norm(joints - hands["hand21"], axis=-1).mean() < 5.0


def test_joints_without_a_label_stay_where_they_are_believed(hands: dict[str, np.ndarray]) -> None:
    labels = hands["nyu14"].copy()
    labels[:, :8] = np.nan  # fingers, all but the thumb
    believed = hands["hand21"] + np.float32(9.0)
    joints = as_hand21(labels, "nyu14", believed)
    found = convert(joints, "hand21", "nyu14")
    np.testing.assert_allclose(found[:, 8:], labels[:, 8:], atol=0.01)
    tips = [8, 12, 16, 20]
    np.testing.assert_allclose(joints[:, tips], believed[:, tips], atol=2.0)
    unknown = as_hand21(np.full_like(labels, np.nan), "nyu14", believed)
    np.testing.assert_array_equal(unknown, believed)


def test_labels_of_the_skeleton_itself_are_kept(hands: dict[str, np.ndarray]) -> None:
    joints = as_hand21(hands["hand21"], "hand21", np.zeros((20, 21, 3), np.float32))
    np.testing.assert_allclose(joints, hands["hand21"], atol=1e-3)


def test_a_skeleton_without_conversion_is_named() -> None:
    with pytest.raises(UserError, match="no conversion from skeleton hand21 to nyu36"):
        as_hand21(np.zeros((1, 36, 3), np.float32), "nyu36", np.zeros((1, 21, 3), np.float32))
