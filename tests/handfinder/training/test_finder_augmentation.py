import pytest
import torch

from murauer.geometry.crop import BACKGROUND
from murauer.handfinder.network import JOINTS
from murauer.handfinder.training.augmentation import (
    SCALE,
    disturbance,
    mirrored_cubes,
    mirrored_frames,
    other_cubes,
    other_frames,
)
from murauer.handfinder.training.cubes import LabelledCubes
from murauer.handfinder.training.frames import HEIGHT, WIDTH, RoomFrames, simulate_frames


@pytest.fixture(scope="module")
def frames() -> RoomFrames:
    return simulate_frames(50, 4)


@pytest.fixture
def cubes() -> LabelledCubes:
    patch = torch.rand(6, 8, 8, generator=torch.Generator().manual_seed(0)) - 0.5
    is_hand, right = (
        torch.tensor([1.0, 0, torch.nan] * 2),
        torch.tensor([1.0, torch.nan, torch.nan, 0, torch.nan, torch.nan]),
    )
    return LabelledCubes(patch, is_hand, torch.rand(6, JOINTS, 3), right)


def surface_at_hands(frames: RoomFrames) -> torch.Tensor:
    image, k = torch.nonzero(frames.hands[..., 0].isfinite(), as_tuple=True)
    u, v, _ = frames.hands[image, k].T.round().long()
    return frames.depth[image, v.clamp(0, HEIGHT - 1), u.clamp(0, WIDTH - 1)]


def test_hands_are_found_where_the_mirrored_frame_shows_them(frames: RoomFrames) -> None:
    other = mirrored_frames(frames)
    again = mirrored_frames(other)
    assert torch.equal(again.depth, frames.depth)
    assert torch.allclose(again.hands, frames.hands, atol=1e-4, equal_nan=True)
    assert (surface_at_hands(other) == surface_at_hands(frames)).float().mean() > 0.9


def test_a_mirrored_hand_is_the_other_one(cubes: LabelledCubes) -> None:
    other = mirrored_cubes(cubes)
    hand = cubes.is_hand == 1
    assert torch.equal(other.right[hand], 1 - cubes.right[hand])
    assert torch.equal(other.patch[..., 0], cubes.patch[..., -1])
    assert torch.equal(other.joints, cubes.joints * torch.tensor([-1.0, 1, 1]))


def test_larger_rooms_are_farther_by_as_much_as_their_hands(frames: RoomFrames) -> None:
    torch.manual_seed(0)
    other = other_frames(frames)
    image, k = torch.nonzero(frames.hands[..., 0].isfinite(), as_tuple=True)
    scale = (other.hands / frames.hands)[image, k, 2]
    assert scale.std() > SCALE / 4 and (scale - 1).abs().max() <= SCALE + 1e-5
    kept = other.depth > 0
    straight = torch.where(kept, frames.depth, 0).sum((1, 2))
    turned = torch.where(kept, frames.depth.flip(-1), 0).sum((1, 2))
    before = straight if torch.allclose(other.hands[image, k, 0], frames.hands[image, k, 0]) else turned
    assert torch.allclose((other.depth.sum((1, 2)) / before)[image], scale, atol=2e-3)


def test_disturbance_only_takes_away(cubes: LabelledCubes) -> None:
    torch.manual_seed(0)
    lost = disturbance(torch.Size((20, 32, 48)))
    assert 0.01 < lost.float().mean() < 0.3 and lost.any((1, 2)).float().mean() > 0.9
    other = other_cubes(cubes)
    half = len(cubes) // 2
    before = torch.cat([cubes.patch[:half], cubes.patch[half:].flip(-1)])
    same = other.patch == before
    assert (same | (other.patch == BACKGROUND)).all() and same.float().mean() > 0.5


def test_half_of_the_cubes_are_mirrored(cubes: LabelledCubes) -> None:
    other = other_cubes(cubes)
    assert torch.equal(other.right[0], cubes.right[0]) and torch.equal(other.right[3], 1 - cubes.right[3])
    assert torch.allclose(other.is_hand, cubes.is_hand, equal_nan=True)
