import numpy as np
import pytest
import torch

from murauer.geometry.camera import Camera
from murauer.geometry.patches import Cubes
from murauer.geometry.windows import cut_window
from murauer.hand.room_sampler import RoomSampler
from murauer.hand.rooms import PALM, RoomPrior
from murauer.handfinder.finder import CUBE_MM, PATCH_SIZE
from murauer.handfinder.network import STRIDE
from murauer.handfinder.training.cubes import (
    CLEAR,
    NEAR_MM,
    PLACES,
    LabelledCubes,
    clear_cubes,
    cut_cubes,
    look_at_cubes,
    missized_cubes,
    to_patch,
)
from murauer.handfinder.training.frames import HEIGHT, WIDTH, Furnished, RoomFrames, furnish, simulate_frames
from murauer.handfinder.training.losses import cells

SEED = 3
AWAY_MM = 60.0


class Knows:
    """Proposes the first hand in sight of each of the frames, in turn, some way behind where it is."""

    def __init__(self, frames: RoomFrames) -> None:
        self.frames, self.next = frames, 0

    def __call__(self, depth: torch.Tensor) -> torch.Tensor:
        hands = self.frames.part(slice(self.next, self.next + len(depth))).hands
        self.next += len(depth)
        found = torch.full((len(depth), 4, HEIGHT // STRIDE, WIDTH // STRIDE), -9.0)
        for row, some in enumerate(hands):
            for hand in some[some[:, 0].isfinite()][:1]:
                column, line = cells(hand, HEIGHT // STRIDE, WIDTH // STRIDE).long().tolist()
                within = (hand[:2] + 0.5) / STRIDE - torch.tensor([column, line]) - 0.5
                place = torch.cat([torch.tensor([5.0]), within, (hand[2:] + AWAY_MM) / 1000])
                found[row, :, line, column] = place
        return found


@pytest.fixture(scope="module")
def frames() -> RoomFrames:
    return simulate_frames(50, SEED)


@pytest.fixture(scope="module")
def cubes(frames: RoomFrames) -> LabelledCubes:
    return cut_cubes(frames, Knows(frames), SEED)  # type: ignore[arg-type]


def test_cubes_are_as_described(frames: RoomFrames, cubes: LabelledCubes) -> None:
    assert cubes.patch.shape == (PLACES * len(frames), PATCH_SIZE, PATCH_SIZE)
    assert cubes.patch.min() >= -1 and cubes.patch.max() == 1
    sure, hand = cubes.is_hand.isfinite(), cubes.is_hand == 1
    assert 0.2 < cubes.is_hand[sure].mean() < 0.8
    assert torch.equal(cubes.right.isfinite(), hand)
    assert (cubes.joints[hand, PALM].float() * CUBE_MM / 2).norm(dim=-1).max() < NEAR_MM


def test_joints_are_those_of_the_hand_that_the_cube_shows() -> None:
    cubes = clear_cubes(50, SEED)
    shown = cubes.part(cubes.is_hand == 1)
    assert len(shown) > 0.8 * len(cubes) and 0.2 < shown.right.mean() < 0.8
    bones = (shown.joints - shown.joints[:, PALM, None]).float().norm(dim=-1) * CUBE_MM / 2
    assert 60 < bones.amax(1).median() < 220  # a fingertip from the palm
    # Joints are below the surface, unless something that the hand holds is before them.
    assert _below_surface(shown.patch, shown.joints) > 0.45
    assert _below_surface(shown.patch, shown.joints.roll(1, 0)) < 0.25


def _below_surface(patch: torch.Tensor, joints: torch.Tensor) -> float:
    """Share of joints that are less than 40 mm below the surface."""
    pixel = ((joints[..., :2].float() + 1) / 2 * PATCH_SIZE).long().clamp(0, PATCH_SIZE - 1)
    surface = patch[torch.arange(len(patch))[:, None], pixel[..., 1], pixel[..., 0]].float()
    behind = (joints[..., 2].float() - surface) * CUBE_MM / 2
    return float(((behind > -15) & (behind < 40)).float().mean())


def test_a_cube_whose_centre_is_right_shows_a_hand(cubes: LabelledCubes) -> None:
    middle = slice(PATCH_SIZE // 2 - 12, PATCH_SIZE // 2 + 12)
    seen = (cubes.patch[:, middle, middle] < 1).float().mean((-1, -2))
    assert seen[cubes.is_hand == 1].median() > 0.4


def test_cubes_are_where_the_network_proposes(frames: RoomFrames, cubes: LabelledCubes) -> None:
    # Batch by batch: the first place of all its rooms, the second of all its rooms, and so on.
    proposed = torch.arange(len(cubes)).reshape(2, PLACES, -1)[:, 0].flatten()
    here = frames.hands[..., 0].isfinite().any(1) & (cubes.is_hand[proposed] == 1)
    offset = (cubes.joints[proposed][here][:, PALM].float() * CUBE_MM / 2).abs()
    assert here.sum() > 10
    # It proposes the right ray; the depth is that of the surface, not the wrong one that it says.
    assert offset[:, :2].median() < 5 and offset[:, 2].median() < AWAY_MM / 2


def test_rooms_without_hands_have_no_cubes_of_hands() -> None:
    nobody = RoomPrior(first=0.0)
    frames = simulate_frames(25, SEED, nobody)
    cubes = cut_cubes(frames, Knows(frames), SEED, nobody)  # type: ignore[arg-type]
    assert (cubes.is_hand == 0).all() and cubes.right.isnan().all()
    assert (cubes.patch < 1).any((1, 2)).float().mean() > 0.5  # but there is something to be seen


@pytest.fixture(scope="module")
def large() -> tuple[Furnished, torch.Tensor, torch.Tensor]:
    """Rooms that are measured exactly, and large frames of them with their intrinsics."""
    room = furnish(RoomSampler(CLEAR), SEED, 0)
    fine = room.intrinsics * 3 + torch.tensor([0, 0, 1.0, 1.0])
    return room, room.measured(room.rooms.depth(fine, 3 * HEIGHT, 3 * WIDTH)[0], fine), fine


@pytest.mark.parametrize(
    ("unit", "focal"), [(0.4, (1.0, 1.0)), (2.5, (1.0, 1.0)), (1.0, (0.5, 0.5)), (1.0, (1.0, 2.0))]
)
def test_cubes_of_a_wrong_unit_or_focal_length_are_as_they_would_be_cut(
    large: tuple[Furnished, torch.Tensor, torch.Tensor], unit: float, focal: tuple[float, float]
) -> None:
    room, depth, fine = large
    centre = room.rooms.palms[:, 0]
    wrong = torch.tensor([unit / focal[0], unit / focal[1], unit])
    patch, _ = look_at_cubes(room, centre, wrong.expand(len(centre), 3))
    taken = fine * torch.tensor([*focal, 1.0, 1.0])
    cut = [
        Cubes((place * wrong)[None].numpy(), camera.numpy(), CUBE_MM, PATCH_SIZE).cut(
            (image[None] * unit).numpy()
        )[0]
        for place, camera, image in zip(centre, taken, depth, strict=True)
    ]
    same = (torch.from_numpy(np.stack(cut)) - patch).abs() < 0.03
    assert same.float().mean() > 0.93  # but for edges


def test_a_hand_of_a_wrong_size_is_none() -> None:
    cubes = missized_cubes(25, SEED)
    assert (cubes.is_hand == 0).all() and cubes.right.isnan().all()
    assert (cubes.patch < 1).any((1, 2)).float().mean() > 0.5


def test_windows_of_training_are_the_cubes_of_use() -> None:
    centre = torch.tensor([30.0, -20.0, 600.0])
    camera = Camera(470.0, 470.0, 301.3, 243.2, 640, 480)
    depth = 420 + 360 * torch.rand(480, 640, generator=torch.Generator().manual_seed(0))
    depth[::3] = 0
    window, _ = cut_window(depth, camera.intrinsics(), centre, PATCH_SIZE, CUBE_MM)
    cube = Cubes(centre[None].numpy(), camera.intrinsics_array(), CUBE_MM, PATCH_SIZE).cut(
        depth[None].numpy()
    )
    np.testing.assert_allclose(to_patch(window[None], centre[None]), cube, atol=1e-5)
