from dataclasses import replace
from pathlib import Path

import pytest
import torch

from murauer.camera import CAMERAS, uvd_to_xyz, xyz_to_uvd
from murauer.data.images import read_depth
from murauer.data.simulated import nyu_like_rig
from murauer.errors import UserError
from murauer.hand.clutter import sample_clutter
from murauer.hand.model import HandModel
from murauer.hand.pose_prior import PosePrior
from murauer.hand.scenes import Scenes
from murauer.hand.shape import ShapePrior
from murauer.hand.viewpoint import sample_viewpoints
from murauer.inference.localisation import CLOSE_MM, localise_in_views, localise_with_confidence, locate_hand

# Where a person sees the middle of the hand in these frames: column, row, mm.
SR305_HANDS = {
    "20210326-230536_30": (295, 313, 620),
    "20210326-230536_70": (307, 271, 570),
    "20210326-230536_110": (283, 247, 515),
    "20210326-230536_150": (299, 221, 510),
    "20210326-231615_0": (278, 296, 625),
    "20210326-231615_40": (318, 303, 590),
    "20210326-231615_80": (326, 300, 600),
    "20210326-231615_140": (317, 278, 600),
    "20210326-231615_180": (342, 286, 625),
    "20210326-231615_220": (350, 291, 580),
}


def test_rendered_hands_before_a_person(scene):
    found = torch.stack([locate_hand(depth, scene.camera) for depth in scene.depth])
    error = (found - scene.centre).norm(dim=-1)
    assert error.median() < 25
    assert (error < 60).float().mean() >= 0.8  # misses are elbows nearer to the camera than the hand


def test_follows_the_hand_to_another_place_and_resolution(scene):
    depth = scene.depth[0]
    before = locate_hand(depth, scene.camera)
    moved = depth.roll(60, dims=1)
    moved[:, :60] = 0
    shift = xyz_to_uvd(locate_hand(moved, scene.camera), scene.camera.intrinsics())
    shift -= xyz_to_uvd(before, scene.camera.intrinsics())
    assert shift.tolist() == pytest.approx([60, 0, 0], abs=4)


def test_specks_nearer_than_the_hand_do_not_matter(scene):
    depth = scene.depth[1].clone()
    expected = locate_hand(depth, scene.camera)
    generator = torch.Generator().manual_seed(0)
    depth[torch.rand(depth.shape, generator=generator) < 0.002] = 300.0
    assert (locate_hand(depth, scene.camera) - expected).norm() < 20


def test_holes_do_not_matter(scene):
    depth = scene.depth[1].clone()
    expected = locate_hand(depth, scene.camera)
    depth[torch.rand(depth.shape, generator=torch.Generator().manual_seed(0)) < 0.2] = 0
    assert (locate_hand(depth, scene.camera) - expected).norm() < 20


@pytest.mark.parametrize("name", SR305_HANDS)
def test_sr305_frames(shared_dir: Path, name: str):
    camera = CAMERAS["sr305"]
    depth = torch.from_numpy(read_depth(shared_dir / "data" / "real" / f"sr305_{name}.png", camera, 0.125))
    expected = uvd_to_xyz(torch.tensor(SR305_HANDS[name], dtype=torch.float32), camera.intrinsics())
    assert (locate_hand(depth, camera) - expected).norm() < 30


def test_nyu_frame(shared_dir: Path):
    camera = CAMERAS["nyu"]
    path = shared_dir / "data" / "real" / "nyu_test_depth_1_0000001.png"
    depth = torch.from_numpy(read_depth(path, camera))
    labels = shared_dir / "data" / "nyu" / "nyu_test_groundtruth_label.txt"
    with open(labels) as lines:
        palm = torch.tensor([float(word) for word in next(lines).split()]).view(14, 3)[13]
    assert (locate_hand(depth, camera) - uvd_to_xyz(palm, camera.intrinsics())).norm() < 25


@pytest.mark.parametrize(
    "depth_mm, message",
    [
        (700.0, "must stand clear"),
        (4000.0, "the nearest thing is 4000 mm away"),
        (0.0, "nothing was measured"),
    ],
)
def test_a_wall_is_no_hand(depth_mm: float, message: str):
    with pytest.raises(UserError, match=message):
        locate_hand(torch.full((480, 640), depth_mm), CAMERAS["nyu"])


def test_a_stick_is_no_hand():
    depth = torch.zeros(480, 640)
    depth[100:400, 300:310] = 600.0
    with pytest.raises(UserError, match="found no hand"):
        locate_hand(depth, CAMERAS["nyu"])


RIG = nyu_like_rig(CAMERAS["nyu"], 800.0)


@pytest.fixture(scope="module")
def cluttered() -> tuple[torch.Tensor, torch.Tensor]:
    """Forty scenes with other things, seen by two cameras: depth (N, 2, H, W), palms (N, 2, 3)."""
    n, stream, hand = 40, torch.Generator().manual_seed(11), HandModel()
    z = 500 + 600 * torch.rand(n, generator=stream)
    position = torch.stack((0.1 * z, -0.05 * z, z), -1)
    posed = hand(PosePrior().sample(n, stream), ShapePrior().sample(n, stream))
    scenes = Scenes(posed, hand.faces, sample_viewpoints(n, stream), position)
    palms = scenes.joints("nyu14")[:, 13]
    scenes = replace(scenes, clutter=sample_clutter(palms, stream))
    intrinsics = CAMERAS["nyu"].intrinsics().expand(n, 4)
    depth = torch.stack([scenes.depth(RIG, view, intrinsics, 480, 640) for view in (0, 1)], 1)
    return depth, torch.stack([RIG.transform(palms, 0, view) for view in (0, 1)], 1)


@pytest.fixture(scope="module")
def alone(cluttered) -> tuple[torch.Tensor, torch.Tensor]:
    """Centres found in each image by itself, infinite if there is none, and confidence; (N, 2, ...)."""
    found = []
    for image in cluttered[0].flatten(0, 1):
        try:
            found.append(localise_with_confidence(image, CAMERAS["nyu"]))
        except UserError:
            found.append((torch.full((3,), torch.inf), 0.0))
    centres = torch.stack([centre for centre, _ in found]).unflatten(0, (-1, 2))
    return centres, torch.tensor([confidence for _, confidence in found]).unflatten(0, (-1, 2))


def test_low_confidence_means_worse_centres(cluttered, alone) -> None:
    error, confidence = (alone[0] - cluttered[1]).norm(dim=-1).flatten(), alone[1].flatten()
    assert (confidence >= 0).all() and (confidence <= 1).all()
    close = (error < CLOSE_MM).float()
    sure, unsure = confidence > confidence.quantile(2 / 3), confidence < confidence.quantile(1 / 3)
    assert close[sure].mean() > close[unsure].mean() + 0.2
    assert error[sure].median() < 0.7 * error[unsure].median()
    assert abs(close.mean() - confidence.mean()) < 0.15  # it is a probability


def test_an_arm_whose_hand_is_out_of_sight_gets_little_confidence(scene) -> None:
    with_hand = sorted(localise_with_confidence(depth, scene.camera)[1] for depth in scene.depth)
    arm = torch.zeros(480, 640)
    arm[200:270] = 600.0
    assert localise_with_confidence(arm, CAMERAS["nyu"])[1] < 0.1 < 0.5 < with_hand[2]


def test_views_find_one_place_and_more_hands_than_each_alone(cluttered, alone) -> None:
    depth, palms = cluttered
    together = 0
    for images, expected in zip(depth, palms, strict=True):
        centres, confidence = localise_in_views(images, RIG)
        assert confidence[0] == confidence[1] and 0 <= confidence[0] <= 1
        assert (RIG.transform(centres[0], 0, 1) - centres[1]).norm() < 61  # one hand, seen from two sides
        together += int(((centres - expected).norm(dim=-1) < CLOSE_MM).sum())
    assert together >= ((alone[0] - palms).norm(dim=-1) < CLOSE_MM).sum()


def test_a_view_that_sees_nothing_gets_the_centre_of_the_other(cluttered) -> None:
    images = cluttered[0][0].clone()
    images[1] = 0
    centres, confidence = localise_in_views(images, RIG)
    assert torch.allclose(centres[1], RIG.transform(centres[0], 0, 1), atol=1e-2)
    both, of_both = localise_in_views(cluttered[0][0], RIG)
    if (both - centres).norm(dim=-1).max() < 60:
        assert confidence[0] < of_both[0]
    with pytest.raises(UserError, match="nothing was measured"):
        localise_in_views(torch.zeros(2, 480, 640), RIG)
