import pytest
import torch
from torch import Tensor, nn

from murauer.camera import CAMERAS, uvd_to_xyz, xyz_to_uvd
from murauer.crop import crop_hand
from murauer.errors import UserError
from murauer.inference.predict import HandPosePredictor, centre_from_uvd
from murauer.nets.config import NetworkConfig
from murauer.nets.network import HandPoseNetwork
from murauer.skeletons import SKELETONS

CAMERA = CAMERAS["nyu"]
SMALL = NetworkConfig(
    patch_size=64,
    stem_channels=4,
    stem_stride=2,
    block="basic",
    stage_widths=(4, 8, 8),
    blocks_per_stage=1,
    features=16,
    generator_channels=(8, 4),
)
NYU14 = SKELETONS["nyu14"]


class PointAt(nn.Module):
    """Stands in for a network: all joints at one place in the cube, whatever the patch; notes its inputs."""

    def __init__(self, *places: tuple[float, float, float]) -> None:
        super().__init__()
        self.config = SMALL
        self.places = list(places)
        self.seen: list[Tensor] = []

    def forward(self, patch: Tensor) -> Tensor:
        self.seen.append(patch)
        place = self.places[min(len(self.seen), len(self.places)) - 1]
        return torch.tensor(place).expand(len(patch), 14, 3)


def test_joints_are_in_mm_and_pixels(scene):
    predictor = HandPosePredictor(PointAt((0.0, 0.0, 0.0)), NYU14)
    poses = predictor(scene.depth[:3], CAMERA, scene.centre[:3])
    expected = scene.centre[:3, None].expand(3, 14, 3)
    torch.testing.assert_close(poses.joints_xyz, expected, atol=1e-2, rtol=0)
    torch.testing.assert_close(poses.joints_uvd, xyz_to_uvd(expected, CAMERA.intrinsics()), atol=1e-2, rtol=0)


def test_half_a_cube_is_150_mm(scene):
    predictor = HandPosePredictor(PointAt((0.0, 0.0, 1.0)), NYU14, passes=1)
    poses = predictor(scene.depth[:1], CAMERA, scene.centre[:1])
    assert (poses.joints_xyz[0, 0, 2] - scene.centre[0, 2]).item() == pytest.approx(150, abs=1e-2)


def test_second_pass_cuts_around_the_predicted_joint(scene):
    network = PointAt((0.1, -0.2, 0.1), (0.0, 0.0, 0.0))
    poses = HandPosePredictor(network, NYU14)(scene.depth[:1], CAMERA, scene.centre[:1])
    moved = scene.centre[:1] + torch.tensor([15.0, -30.0, 15.0])
    torch.testing.assert_close(poses.centre, moved, atol=1e-2, rtol=0)
    expected, _ = crop_hand(scene.depth[:1], CAMERA.intrinsics(), poses.centre, patch_size=64)
    assert torch.equal(network.seen[1][:, 0], expected)
    assert not torch.equal(network.seen[0], network.seen[1])


def test_a_failed_first_pass_does_not_move_the_cube(scene):
    predictor = HandPosePredictor(PointAt((0.9, 0.9, -0.9)), NYU14)
    poses = predictor(scene.depth[:1], CAMERA, scene.centre[:1])
    assert torch.equal(poses.centre, scene.centre[:1])


def test_without_centre_the_hand_is_located(scene):
    poses = HandPosePredictor(PointAt((0.0, 0.0, 0.0)), NYU14)(scene.depth[:1], CAMERA)
    assert (poses.joints_xyz[0, 0] - scene.centre[0]).norm() < 40


def test_a_batch_equals_its_frames(scene):
    torch.manual_seed(0)
    predictor = HandPosePredictor(HandPoseNetwork(SMALL), NYU14)
    batch = predictor(scene.depth[:3], CAMERA, scene.centre[:3]).joints_xyz
    single = [predictor(scene.depth[i, None], CAMERA, scene.centre[i, None]).joints_xyz[0] for i in range(3)]
    torch.testing.assert_close(batch, torch.stack(single), atol=1e-2, rtol=0)
    assert not batch.requires_grad and not predictor.network.training


def test_nothing_in_the_cube(scene):
    predictor = HandPosePredictor(PointAt((0.0, 0.0, 0.0)), NYU14)
    with pytest.raises(UserError, match=r"around 320,240,300 .* is empty"):
        predictor(scene.depth[:1], CAMERA, torch.tensor([[0.0, 0.0, 300.0]]))


def test_skeleton_of_another_network():
    with pytest.raises(ValueError, match="14 joints, msra21 has 21"):
        HandPosePredictor(HandPoseNetwork(SMALL), SKELETONS["msra21"])


def test_centre_from_uvd():
    expected = uvd_to_xyz(torch.tensor([100.0, 200.0, 700.0]), CAMERA.intrinsics())
    assert torch.equal(centre_from_uvd((100.0, 200.0, 700.0), CAMERA), expected)


@pytest.mark.parametrize(
    "uvd, message",
    [
        ((-1, 0, 700), "outside"),
        ((640, 0, 700), "outside"),
        ((0, 0, 0), "positive"),
        ((0, 0, -5), "positive"),
    ],
)
def test_centre_that_cannot_be(uvd: tuple[float, float, float], message: str):
    with pytest.raises(UserError, match=message):
        centre_from_uvd(uvd, CAMERA)
