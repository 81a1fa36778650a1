from itertools import pairwise

import numpy as np
import pytest
import torch

from murauer.errors import UserError
from murauer.geometry.camera import CAMERAS, uvd_to_xyz
from murauer.geometry.skeletons import FINGERS, SKELETONS, blend_residual, convert, find_skeleton
from murauer.hand.model import HandModel
from murauer.hand.pose_prior import PosePrior
from murauer.hand.shape import ShapePrior

ANATOMICAL = ("msra21", "hands21", "anny21")


@pytest.mark.parametrize(
    ("name", "size"), [("nyu14", 14), ("nyu36", 36), ("icvl16", 16), *((name, 21) for name in ANATOMICAL)]
)
def test_every_skeleton_is_one_tree_of_distinct_joints(name, size):
    skeleton = SKELETONS[name]
    assert skeleton.name == name
    assert len(skeleton) == len(set(skeleton.joints)) == len(skeleton.parents) == len(skeleton.groups) == size
    assert len(skeleton.bones) == size - 1
    for joint in range(size):
        steps = 0
        while skeleton.parents[joint] >= 0:
            joint, steps = skeleton.parents[joint], steps + 1
            assert steps < size
    assert set(skeleton.groups) == {*FINGERS, "palm"}


@pytest.mark.parametrize("name", ["nyu14", "nyu36"])
def test_bones_of_real_hands_have_the_length_of_bones(shared_dir, name):
    """A wrong parent would join joints of different fingers, farther apart than any bone when spread."""
    uvd = np.load(shared_dir / "data/nyu/nyu_test_joints36_uvd.npz")["joints_uvd"][:2440:10]
    joints = convert(uvd_to_xyz(torch.from_numpy(uvd), CAMERAS["nyu"].intrinsics()), "nyu36", name)
    skeleton = SKELETONS[name]
    child, parent = zip(*skeleton.bones, strict=True)
    lengths = (joints[:, child] - joints[:, parent]).norm(dim=-1)
    assert lengths.max() < (60 if name == "nyu36" else 120)
    # In the first frame the hand is open: joints in the wrong order would make a finger's path zigzag.
    first = joints[0]
    for finger in FINGERS:
        chain = [index for index, group in enumerate(skeleton.groups) if group == finger]
        total = (first[chain[0]] - first[chain[-1]]).norm()
        assert sum((first[a] - first[b]).norm() for a, b in pairwise(chain)) < 1.25 * total


def test_nyu_evaluation_joints_are_those_of_the_published_ground_truth(shared_dir):
    all_joints = np.load(shared_dir / "data/nyu/nyu_test_joints36_uvd.npz")["joints_uvd"]
    annotated = np.loadtxt(shared_dir / "data/nyu/nyu_test_groundtruth_label.txt", max_rows=50)
    converted = convert(torch.from_numpy(all_joints[:50]), "nyu36", "nyu14")
    assert np.abs(converted.numpy().reshape(50, 42) - annotated).max() < 0.01


def test_crop_centres_are_those_of_the_method():
    assert SKELETONS["nyu14"].centre == 13
    assert SKELETONS["nyu36"].centre == 34


def test_orders_of_the_21_joint_data_sets():
    assert SKELETONS["msra21"].joints[:5] == ("wrist", "index_mcp", "index_pip", "index_dip", "index_tip")
    assert SKELETONS["msra21"].joints[17:] == ("thumb_cmc", "thumb_mcp", "thumb_ip", "thumb_tip")
    assert SKELETONS["hands21"].joints[:6] == (
        "wrist", "thumb_cmc", "index_mcp", "middle_mcp", "ring_mcp", "pinky_mcp",
    )  # fmt: skip
    assert SKELETONS["hands21"].joints[6:12] == (
        "thumb_mcp", "thumb_ip", "thumb_tip", "index_pip", "index_dip", "index_tip",
    )  # fmt: skip
    assert SKELETONS["anny21"].joints[1:6] == ("thumb_cmc", "thumb_mcp", "thumb_ip", "thumb_tip", "index_mcp")


def test_conversion_follows_the_names():
    joints = torch.arange(2 * 21 * 3.0).reshape(2, 21, 3)
    hands = convert(joints, "msra21", "hands21")
    for index, name in enumerate(SKELETONS["hands21"].joints):
        assert torch.equal(hands[:, index], joints[:, SKELETONS["msra21"].joints.index(name)])
    back = convert(convert(hands, "hands21", "anny21"), "anny21", "msra21")
    assert torch.equal(back, joints)


@pytest.mark.parametrize(("source", "target"), [("nyu14", "nyu36"), ("icvl16", "nyu36"), ("anny21", "nyu36")])
def test_impossible_conversion_names_both_skeletons(source, target):
    with pytest.raises(UserError, match=f"{source} to {target}"):
        convert(torch.zeros(1, len(SKELETONS[source]), 3), source, target)


def test_wrong_number_of_joints_and_unknown_names_are_refused():
    with pytest.raises(ValueError, match="36 joints"):
        convert(torch.zeros(1, 14, 3), "nyu36", "nyu14")
    with pytest.raises(UserError, match="nyu15"):
        find_skeleton("nyu15")


def test_hand21_is_mediapipes():
    joints = SKELETONS["hand21"].joints
    assert joints[:6] == ("WRIST", "THUMB_CMC", "THUMB_MCP", "THUMB_IP", "THUMB_TIP", "INDEX_FINGER_MCP")
    assert joints[9] == "MIDDLE_FINGER_MCP" and joints[16:18] == ("RING_FINGER_TIP", "PINKY_MCP")
    assert joints[20] == "PINKY_TIP"
    assert SKELETONS["hand21"].bones[:5] == ((1, 0), (2, 1), (3, 2), (4, 3), (5, 0))


FINGER_AFTER_FINGER = (-1, 0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11, 0, 13, 14, 15, 0, 17, 18, 19)
CHAINS = (1, 2, 3, 4, 5, 32, 7, 8, 9, 10, 11, 32, 13, 14, 15, 16, 17, 32, 19, 20, 21, 22, 23, 32)

# Parents, the first letters of the groups and the centre.
TREES = {
    "hand21": (FINGER_AFTER_FINGER, "p tttt iiii mmmm rrrr pppp", "MIDDLE_FINGER_MCP"),
    "anny21": (FINGER_AFTER_FINGER, "p tttt iiii mmmm rrrr pppp", "middle_mcp"),
    "msra21": (FINGER_AFTER_FINGER, "p iiii mmmm rrrr pppp tttt", "middle_mcp"),
    "hands21": (
        (-1, 0, 0, 0, 0, 0, 1, 6, 7, 2, 9, 10, 3, 12, 13, 4, 15, 16, 5, 18, 19),
        "p timrp ttt iii mmm rrr ppp",
        "middle_mcp",
    ),
    "nyu14": ((1, 13, 3, 13, 5, 13, 7, 13, 9, 10, 12, 13, 13, -1), "pp rr mm ii ttt ppp", "PALM_3"),
    "nyu36": (
        (*CHAINS, 25, 26, 27, 28, 29, 35, 35, 35, 34, 34, 35, -1),
        "pppppp rrrrrr mmmmmm iiiiii tttttt pppppp",
        "PALM_5",
    ),
    "icvl16": ((-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14), "p ttt iii mmm rrr ppp", "palm"),
}


@pytest.mark.parametrize("name", SKELETONS)
def test_trees_are_those_written_out_here(name):
    parents, groups, centre = TREES[name]
    skeleton = SKELETONS[name]
    assert skeleton.parents == parents
    assert "".join(group[0] for group in skeleton.groups) == groups.replace(" ", "")
    assert skeleton.joints[skeleton.centre] == centre
    palm = {"wrist", "palm", "WRIST"} | {f"PALM_{number}" for number in range(1, 7)}
    assert {joint in palm for joint in skeleton.joints} == {True, False}
    for joint, group in zip(skeleton.joints, skeleton.groups, strict=True):
        assert (group == "palm") == (joint in palm)


def test_names_of_joints_are_those_of_the_data_sets():
    assert SKELETONS["nyu36"].joints[:7] == (
        "F1_KNU3_A", "F1_KNU3_B", "F1_KNU2_A", "F1_KNU2_B", "F1_KNU1_A", "F1_KNU1_B", "F2_KNU3_A",
    )  # fmt: skip
    assert SKELETONS["nyu36"].joints[24:31] == (
        "TH_KNU3_A", "TH_KNU3_B", "TH_KNU2_A", "TH_KNU2_B", "TH_KNU1_A", "TH_KNU1_B", "PALM_1",
    )  # fmt: skip
    assert SKELETONS["nyu14"].joints == tuple(
        SKELETONS["nyu36"].joints[index] for index in (0, 3, 6, 9, 12, 15, 18, 21, 24, 25, 27, 30, 31, 32)
    )
    assert SKELETONS["icvl16"].joints[:5] == (
        "palm", "thumb_root_segment", "thumb_middle_segment", "thumb_tip_segment", "index_root_segment",
    )  # fmt: skip


CONVERTED = ("hand21", "anny21", "msra21", "hands21", "nyu14", "icvl16")


@pytest.mark.parametrize("source", CONVERTED)
@pytest.mark.parametrize("target", CONVERTED)
def test_conversions_turn_and_move_with_the_hand(source, target):
    generator = torch.Generator().manual_seed(3)
    joints = torch.randn(4, len(SKELETONS[source]), 3, generator=generator, dtype=torch.float64) * 50
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64)).Q
    shift = torch.tensor([10.0, -200.0, 700.0], dtype=torch.float64)
    moved = convert(joints @ rotation.T + shift, source, target)
    assert moved.shape == (4, len(SKELETONS[target]), 3)
    torch.testing.assert_close(moved, convert(joints, source, target) @ rotation.T + shift)


def test_arrays_are_converted_like_tensors():
    joints = torch.rand(2, 3, 21, 3)
    array = convert(joints.numpy(), "hand21", "nyu14")
    assert array.dtype == np.float32 and array.shape == (2, 3, 14, 3)
    torch.testing.assert_close(torch.from_numpy(array), convert(joints, "hand21", "nyu14"))


@pytest.mark.parametrize("target", ["nyu14", "icvl16"])
def test_conversions_are_weighted_sums_also_of_integers_and_of_few_joints(target):
    """Column by column of the weights, from hands of which a single coordinate is not 0."""
    weights = np.stack([convert(np.eye(21)[:, [joint]], "hand21", target)[:, 0] for joint in range(21)], -1)
    assert weights.sum(1) == pytest.approx(1)
    joints = np.random.default_rng(4).integers(-500, 500, (3, 21, 3))
    expected = np.einsum("kj,bjd->bkd", weights, joints)
    assert convert(joints, "hand21", target) == pytest.approx(expected)
    tensor = torch.from_numpy(joints)
    np.testing.assert_allclose(convert(tensor, "hand21", target), expected, atol=1e-3)
    # A joint that is not known makes those unknown that it is a part of, and leaves the others as they are.
    unknown = joints.astype(np.float32)
    unknown[1, 4], unknown[2, 9, 1] = np.nan, np.nan
    lost = np.zeros(expected.shape, bool)
    lost[1, weights[:, 4] != 0], lost[2, weights[:, 9] != 0, 1] = True, True
    assert 0 < lost[1].sum() < lost[1].size and 0 < lost[2].sum() < lost[2].size / 3
    for converted in (
        convert(unknown, "hand21", target),
        convert(torch.from_numpy(unknown), "hand21", target).numpy(),
    ):
        assert converted.dtype == np.float32
        assert np.array_equal(np.isnan(converted), lost)
        np.testing.assert_allclose(converted[~lost], expected[~lost], atol=1e-3)


@pytest.mark.parametrize("source", CONVERTED)
@pytest.mark.parametrize("target", ["hand21", "nyu14"])
def test_conversions_hit_the_joints_of_the_hand_model(source, target):
    poses = PosePrior().sample(60, torch.Generator().manual_seed(8))
    shapes = ShapePrior().sample(60, torch.Generator().manual_seed(9))
    hand = HandModel()(poses, shapes)
    missed = (convert(hand.joints(source), source, target) - hand.joints(target)).norm(dim=-1)
    if source == target:
        assert missed.max() == 0
    else:
        assert missed.mean() == pytest.approx(blend_residual(source, target), rel=0.25)
        assert missed.mean() < 3


def test_residual_of_a_conversion_that_needs_no_sums_is_refused():
    with pytest.raises(UserError, match="nyu36 to nyu36"):
        blend_residual("nyu36", "nyu36")
