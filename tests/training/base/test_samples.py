import math

import pytest
import torch

from murauer.geometry.crop import BACKGROUND
from murauer.geometry.hand_size import hand_scale
from murauer.hand.model import HandModel
from murauer.nets.config import DenseConfig
from murauer.nets.voting_head import Votes, VotingHead
from murauer.store.frame_set import Region
from murauer.training.base.losses import error_loss, joint_loss, vote_loss
from murauer.training.base.samples import (
    Batch,
    Variation,
    disturb,
    foreground_places,
    make_batch,
)

INTRINSICS = torch.tensor([200.0, 200.0, 79.5, 79.5])


def region(count: int) -> Region:
    """Windows whose pixels are at the depth of the joint that appears nearest to them, or far away."""
    model = HandModel()
    angles, shape = torch.zeros(count, len(model.angle_names)), torch.zeros(count, len(model.shape_names))
    shape[:, 0] = torch.linspace(-0.3, 0.2, count)
    joints = model(angles, shape).joints("hand21") * torch.tensor([1.0, -1.0, -1.0])
    joints = joints + torch.tensor([0.0, 0.0, 600.0])
    depth = torch.zeros(count, 160, 160)
    pixel = (joints[..., :2] / joints[..., 2:] * 200 + 79.5).round().long()
    for hand in range(count):
        for joint in range(21):
            u, v = pixel[hand, joint]
            depth[hand, v - 1 : v + 2, u - 1 : u + 2] = joints[hand, joint, 2]
    return Region(depth, INTRINSICS.expand(count, 4), joints[:, 9], joints)


PLAIN = Variation(lost=0.0, near=1.0, near_mm=0.0)


def test_joints_are_where_the_patch_shows_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("murauer.training.base.samples.disturb", lambda patch, generator: patch)
    batch = make_batch(region(12), 96, PLAIN, torch.Generator().manual_seed(2))
    assert batch.joints.shape == (12, 21, 3)
    pixel = ((batch.joints[..., :2] + 1) * 48 - 0.5).round().long().clamp(0, 95)
    hand = torch.arange(12)[:, None].expand(-1, 21)
    shown = batch.patch[hand, pixel[..., 1], pixel[..., 0]]
    close = (shown - batch.joints[..., 2]).abs() * batch.half_cube_mm[:, None] < 1
    assert close.float().mean() > 0.95  # neighbouring joints hide a few


def test_cubes_are_as_large_as_the_hands_ask_for() -> None:
    frames = region(200)
    still = Variation(fitted=1.0, size_deviation=0.0)
    fitted = make_batch(frames, 32, still, torch.Generator().manual_seed(1))
    torch.testing.assert_close(fitted.half_cube_mm, 150 * hand_scale(frames.joints))
    varied = make_batch(frames, 32, Variation(fitted=0.0), torch.Generator().manual_seed(1))
    change = varied.half_cube_mm / 150
    assert 0.84 - 1e-6 <= change.min() < 0.9
    assert 1.1 < change.max() <= 1.16 + 1e-6


def test_rotations_are_about_upright_or_anything() -> None:
    frames = region(400)

    def directions(turned: float) -> torch.Tensor:
        batch = make_batch(frames, 32, Variation(turned=turned), torch.Generator().manual_seed(3))
        up = batch.joints[:, 12, :2] - batch.joints[:, 0, :2]
        return torch.atan2(up[:, 0], -up[:, 1])

    assert directions(0.0).std() == pytest.approx(math.radians(30), rel=0.15)
    assert directions(1.0).abs().mean() == pytest.approx(math.pi / 2, rel=0.15)


def test_disturbed_patches_stay_patches() -> None:
    clean = torch.full((300, 48, 48), BACKGROUND)
    clean[:, 10:40, 12:36] = torch.linspace(-0.6, 0.6, 300)[:, None, None]
    patch = disturb(clean.clone(), torch.Generator().manual_seed(0))
    assert patch.isfinite().all() and patch.min() >= -1 and patch.max() == BACKGROUND
    seen, was = patch < BACKGROUND, clean < BACKGROUND
    same = (patch == clean).flatten(1).all(1).float().mean()
    assert 0.05 < same < 0.5  # some are left alone
    lost = (was & ~seen).flatten(1).any(1).float().mean()
    more = (seen & ~was).flatten(1).any(1).float().mean()
    assert 0.4 < lost < 0.8 and 0.05 < more < 0.2
    # What hides a hand is in front of it.
    hiding = (~was & seen).flatten(1).any(1)
    added = torch.where(~was & seen, patch, 9.0).flatten(1).amin(1)[hiding]
    assert (added < clean.flatten(1).amin(1)[hiding] + 0.03).all()  # noise and steps


def test_places_are_drawn_where_something_is_seen() -> None:
    patch = torch.full((3, 32, 32), BACKGROUND)
    patch[0, 8:16, 24:32] = 0.0
    patch[1, :, :8] = 0.0
    places = foreground_places(patch, 4, 50, torch.Generator().manual_seed(0))
    assert set(places[0].tolist()) == {7}
    assert set(places[1].tolist()) == {0, 4, 8, 12}
    assert len(set(places[2].tolist())) > 8  # nothing is seen: anywhere


def test_right_votes_and_joints_cost_nothing() -> None:
    config = DenseConfig(patch_size=32, widths=(8, 8), encoder_blocks=(0, 0), decoder_blocks=(1,), hidden=4)
    head = VotingHead(config)
    joints = torch.rand(2, 21, 3) * 0.5
    batch = Batch(torch.zeros(2, 32, 32), joints, torch.full((2,), 150.0))
    assert joint_loss(joints, joints) == 0
    hidden = torch.zeros(2, 4, 64)
    stream = torch.Generator().manual_seed(0)
    wrong = vote_loss(head, hidden, batch, config.places, stream)
    assert wrong > 0.1
    with torch.no_grad():  # votes that undo the place, in depth alone
        head.bias[:] = 0
    near = Batch(batch.patch, torch.zeros(2, 21, 3), batch.half_cube_mm)
    # Votes are for the places themselves; those far from the joint hardly count.
    assert vote_loss(head, hidden, near, config.places, stream) < 0.5


def test_expected_errors_are_compared_with_those_made() -> None:
    target = torch.zeros(1, 2, 3)
    joints = torch.tensor([[[0.1, 0.0, 0.0], [0.0, 0.3, 0.4]]])
    right = Votes(joints, torch.zeros(1, 2), torch.tensor([[0.1, 0.5]]).log())
    assert error_loss(right, target) == pytest.approx(0, abs=1e-6)
    wrong = Votes(joints, torch.zeros(1, 2), torch.tensor([[0.1, 0.05]]).log())
    assert error_loss(wrong, target) == pytest.approx((math.log(10) - 0.5) / 2, rel=1e-4)
