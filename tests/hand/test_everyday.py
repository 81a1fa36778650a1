"""Everyday scenes: what is asked for is there, and scenes follow the generator."""

import pytest
import torch
from torch import Generator

from murauer.geometry.camera import Camera
from murauer.geometry.rig import CameraRig
from murauer.hand.everyday import EverydayPrior, EverydayScenes
from murauer.hand.household import household_things
from murauer.hand.model import HandModel
from murauer.hand.pose_prior import PosePrior
from murauer.hand.scenes import Scenes
from murauer.hand.shape import ShapePrior
from murauer.hand.solids import unit_cube, upright
from murauer.hand.viewpoint import sample_own_views, sample_viewpoints

FRAMES = 40
NOTHING = EverydayPrior(grasp=0, own_view=0, second_hand=0, table=0)
CAMERA = Camera(fx=60.0, fy=60.0, u0=39.5, v0=29.5, width=80, height=60)


@pytest.fixture(scope="module")
def model() -> HandModel:
    return HandModel()


def scenes(model: HandModel, prior: EverydayPrior, seed: int = 0) -> tuple[Scenes, torch.Tensor]:
    stream = Generator().manual_seed(seed)
    made = EverydayScenes(model, prior, PosePrior())(
        PosePrior().sample(FRAMES, stream),
        ShapePrior().sample(FRAMES, stream),
        sample_viewpoints(FRAMES, stream),
        torch.tensor([0.0, 0.0, 600.0]).expand(FRAMES, 3),
        stream,
    )
    rig = CameraRig((CAMERA,), torch.eye(4)[None])
    return made, made.depth(rig, 0, CAMERA.intrinsics().expand(FRAMES, 4), CAMERA.height, CAMERA.width)


def test_without_any_share_there_is_the_hand_alone(model: HandModel) -> None:
    made, depth = scenes(model, NOTHING)
    assert all(len(piece.rows) == 0 for piece in made.clutter if piece.rows is not None)
    assert (made.position == torch.tensor([0.0, 0.0, 600.0])).all()
    assert ((depth > 0).flatten(1).float().mean(1) < 0.3).all()


@pytest.mark.parametrize(
    ("field", "names"), [("grasp", {"held"}), ("second_hand", {"hand"}), ("table", {"table"})]
)
def test_each_share_brings_its_things(model: HandModel, field: str, names: set[str]) -> None:
    prior = EverydayPrior(**{**vars(NOTHING), field: 1.0})
    made, depth = scenes(model, prior)
    there = {piece.name for piece in made.clutter if piece.rows is not None and len(piece.rows)}
    assert there == names
    _, alone = scenes(model, NOTHING)
    assert ((depth > 0).flatten(1).sum(1) > 1.02 * (alone > 0).flatten(1).sum(1)).float().mean() > 0.8


def test_own_hands_are_near_and_their_arms_come_from_below_or_the_side(model: HandModel) -> None:
    rotation, position = sample_own_views(2000, Generator().manual_seed(0))
    torch.testing.assert_close(rotation @ rotation.mT, torch.eye(3).expand(2000, 3, 3), atol=1e-5, rtol=0)
    assert (torch.linalg.det(rotation) > 0).all()
    arm = -rotation[:, :, 1]
    assert (arm[:, 1] >= 0).all() and (arm[:, 2] < 0).all()
    assert position[:, 2].min() > 200 and position[:, 2].max() < 700
    assert ((position[:, :2] / position[:, 2:]).abs() > 0.4).any(1).float().mean() > 0.3, (
        "often at the border"
    )


def test_scenes_follow_the_generator(model: HandModel) -> None:
    (_, first), (_, again), (_, other) = (scenes(model, EverydayPrior(), seed) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_household_things_stand_on_the_table() -> None:
    cube, _ = unit_cube(torch.device("cpu"))
    things, radius = household_things(cube, 300, Generator().manual_seed(0))
    assert things[..., 1].amin(1).abs().max() < 1e-3
    reach = things[..., [0, 2]].norm(dim=-1).amax(1)
    assert (reach <= radius + 0.5).all() and reach.max() < 250
    flat = things[..., 1].amax(1) < 0.4 * reach
    assert 0.1 < flat.float().mean() < 0.5, "plates and bowls among them"


def test_upright_takes_y_to_a_direction() -> None:
    up = torch.nn.functional.normalize(torch.randn(50, 3, generator=Generator().manual_seed(0)), dim=1)
    frame = upright(up, torch.linspace(-3, 3, 50))
    torch.testing.assert_close(frame[:, :, 1], up)
    torch.testing.assert_close(torch.linalg.det(frame), torch.ones(50))
