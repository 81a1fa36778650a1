import numpy as np
import pytest
import torch

from murauer.geometry.crop import crop_hand
from murauer.geometry.patches import Cubes
from murauer.geometry.skeletons import SKELETONS
from murauer.inference.plausibility import confidence, features

NYU14 = SKELETONS["nyu14"]
BONES = np.array(NYU14.bones)


@pytest.fixture(scope="module")
def hands(scene) -> tuple[np.ndarray, np.ndarray, Cubes]:
    """True joints with their patches."""
    patch, _ = crop_hand(scene.depth, scene.camera.intrinsics(), scene.centre, patch_size=64)
    return (
        patch.numpy(),
        scene.joints.numpy(),
        Cubes(scene.centre.numpy(), scene.camera.intrinsics_array(), 300.0, 64),
    )


def test_true_joints_are_plausible(hands) -> None:
    patch, joints, cubes = hands
    supported, explained, crowded, off_centre = features(patch, joints, cubes, BONES, NYU14.centre).T
    assert supported.mean() > 0.85 and explained.mean() > 0.8
    assert (crowded < 0.2).all() and np.allclose(off_centre, 0, atol=1e-4)
    assert np.median(confidence(patch, joints, cubes, BONES, NYU14.centre)) > 0.9


@pytest.mark.parametrize("wrong", ["another hand's pose", "in front", "behind", "mirrored", "beside"])
def test_other_joints_are_less_plausible(hands, wrong: str) -> None:
    patch, joints, cubes = hands
    local = joints - cubes.centre[:, None]
    spoilt = {
        "another hand's pose": local[::-1],
        "in front": local - [0, 0, 40],
        "behind": local - [0, 0, -80],
        "mirrored": local * [1, -1, 1],
        "beside": local - [60, 0, 0],
    }[wrong] + cubes.centre[:, None]
    right, other = (
        confidence(patch, each.astype(np.float32), cubes, BONES, NYU14.centre) for each in (joints, spoilt)
    )
    assert other.mean() < right.mean() - 0.02 and (other < right + 0.05).mean() > 0.8


def test_nothing_in_the_cube_is_no_hand(hands) -> None:
    patch, joints, cubes = hands
    sure = confidence(np.ones_like(patch), joints, cubes, BONES, NYU14.centre)
    assert sure.shape == (len(patch),) and (sure < 0.05).all()


def test_a_wall_is_no_hand(hands) -> None:
    patch, joints, cubes = hands
    sure = confidence(np.zeros_like(patch), joints, cubes, BONES, NYU14.centre)
    assert (sure < 0.5).all() and np.median(sure) < 0.1


def test_agreement_is_that_of_each_frame(hands) -> None:
    patch, joints, cubes = hands
    whole = features(patch, joints, cubes, BONES, NYU14.centre)
    one = Cubes(cubes.centre[3:4], cubes.intrinsics, 300.0, 64)
    np.testing.assert_allclose(features(patch[3:4], joints[3:4], one, BONES, NYU14.centre)[0], whole[3])
    assert torch.isfinite(torch.from_numpy(whole)).all()
