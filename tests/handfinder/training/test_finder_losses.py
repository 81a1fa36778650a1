import torch
from torch.nn.functional import cross_entropy

from murauer.handfinder.finder import PLACE
from murauer.handfinder.network import JOINTS, STRIDE
from murauer.handfinder.training.cubes import LabelledCubes
from murauer.handfinder.training.frames import HEIGHT, WIDTH, RoomFrames
from murauer.handfinder.training.losses import heat_target, proposal_loss, refinement_loss

NONE = (torch.nan, torch.nan, torch.nan)
NOBODY = torch.full((2, 2, 3), torch.nan)


def frames_with(hands: torch.Tensor, doubtful: torch.Tensor = NOBODY) -> RoomFrames:
    return RoomFrames(torch.zeros(len(hands), HEIGHT, WIDTH), hands, doubtful)


def test_a_hand_is_a_peak_in_its_cell() -> None:
    hands = torch.tensor([[[43.0, 20.0, 600.0], NONE], [NONE, NONE]])
    heat = heat_target(hands, 16, 20)
    assert heat.shape == (2, 16, 20)
    assert heat[0, 2, 5] == 1 and (heat == 1).sum() == 1
    assert 0 < heat[0, 2, 6] < 1 and not heat[1].any()
    far = heat_target(hands * torch.tensor([1.0, 1.0, 2.0]), 16, 20)
    assert far[0, 2, 6] < heat[0, 2, 6]


def found_as(hands: torch.Tensor, sure: float) -> torch.Tensor:
    """What a perfect network would find of hands in the middle of cells."""
    heat = heat_target(hands, 16, 20)
    found = torch.zeros(len(hands), 4, 16, 20)
    found[:, 0] = torch.where(heat == 1, sure, -sure)
    for image, hand in enumerate(hands[:, 0]):
        u, v, z = hand.tolist()
        column, row = (u + 0.5) / STRIDE, (v + 0.5) / STRIDE
        cell = int(row), int(column)
        place = (column - int(column) - 0.5, row - int(row) - 0.5, z / 1000)
        found[image, 1:, cell[0], cell[1]] = torch.tensor(place)
    return found


def test_the_loss_of_proposals_is_least_for_the_truth() -> None:
    hands = torch.tensor([[[43.0, 20.0, 600.0], NONE], [[100.0, 90.0, 900.0], NONE]])
    right = found_as(hands, 8.0)
    least = proposal_loss(right, frames_with(hands))
    assert least < 0.05
    for wrong in (
        right * torch.tensor([-1.0, 1, 1, 1])[:, None, None],
        right + torch.tensor([0, 0.5, 0, 0])[:, None, None],
    ):
        assert proposal_loss(wrong, frames_with(hands)) > least + 0.1
    # Where it is doubtful whether a hand can be seen, finding one costs nothing.
    assert proposal_loss(right, frames_with(NOBODY, hands)) < 0.05
    assert proposal_loss(right, frames_with(NOBODY)) > 0.05


def test_a_hand_in_half_a_pixel_at_the_border_is_in_the_last_cell() -> None:
    hands = torch.tensor([[[WIDTH - 0.2, HEIGHT - 0.2, 600.0], NONE], [[-0.8, 20.0, 600.0], NONE]])
    heat = heat_target(hands, HEIGHT // STRIDE, WIDTH // STRIDE)
    assert heat[0, -1, -1] == 1 and heat[1, 2, 0] == 1
    found = torch.zeros(2, 4, HEIGHT // STRIDE, WIDTH // STRIDE)
    assert proposal_loss(found, frames_with(hands)).isfinite()


def test_the_refinement_is_asked_for_place_and_side_of_hands_alone() -> None:
    is_hand, right = torch.tensor([1.0, 0.0]), torch.tensor([0.0, torch.nan])
    joints = torch.stack([torch.linspace(-0.5, 0.5, 3 * JOINTS), torch.full((3 * JOINTS,), 9.0)])
    cubes = LabelledCubes(torch.zeros(2, 4, 4), is_hand, joints.view(2, JOINTS, 3), right)
    given = torch.cat([torch.tensor([[2.0, -1.5], [-3.0, 7]]), joints * torch.tensor([[1.0], [0]])], 1)
    hand = cross_entropy(torch.tensor([[0, 2.0], [0, -3.0]]), torch.tensor([1, 0]))
    left = cross_entropy(torch.tensor([[0, -1.5]]), torch.tensor([0]))
    assert torch.allclose(refinement_loss(given, cubes), hand + left)
    fingertip, palm = given.clone(), given.clone()
    fingertip[:, 2] += 0.5
    palm[:, PLACE] += 0.5
    least = refinement_loss(given, cubes)
    assert refinement_loss(palm, cubes) - least > 2 * (refinement_loss(fingertip, cubes) - least) > 0.1


def test_cubes_without_hands_have_a_loss() -> None:
    cubes = LabelledCubes(
        torch.zeros(2, 4, 4), torch.zeros(2), torch.zeros(2, JOINTS, 3), torch.full((2,), torch.nan)
    )
    assert refinement_loss(torch.zeros(2, 44), cubes).isfinite()
