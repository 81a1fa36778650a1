from pathlib import Path

import pytest
import torch

from murauer.camera import CAMERAS, uvd_to_xyz, xyz_to_uvd
from murauer.data.images import read_depth
from murauer.errors import UserError
from murauer.inference.localisation import locate_hand

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
    depth = read_depth(shared_dir / "data" / "real" / f"sr305_{name}.png", camera, 0.125)
    expected = uvd_to_xyz(torch.tensor(SR305_HANDS[name], dtype=torch.float32), camera.intrinsics())
    assert (locate_hand(depth, camera) - expected).norm() < 30


def test_nyu_frame(shared_dir: Path):
    camera = CAMERAS["nyu"]
    depth = read_depth(shared_dir / "data" / "real" / "nyu_test_depth_1_0000001.png", camera)
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
