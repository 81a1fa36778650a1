from pathlib import Path

import numpy as np
import pytest
import torch

from murauer.camera import Camera
from murauer.data.windows import cut_window
from murauer.errors import UserError
from murauer.inference.hand_finder import CUBE_MM, JUDGE, PATCH_SIZE, PROPOSAL, HandFinder
from murauer.inference.patches import Cubes
from murauer.nets.hand_finder import STRIDE, JudgeNetwork, ProposalNetwork
from murauer.training import finder
from murauer.training.finder import disturbed, heat_target, judge_loss, mirrored, proposal_loss
from murauer.training.finder_data import HEIGHT, WIDTH, FinderFrames, simulate_frames, to_patch

NONE = (torch.nan, torch.nan, torch.nan)


@pytest.fixture(scope="module")
def frames() -> FinderFrames:
    return simulate_frames(50, 3)


def test_frames_are_as_described(frames: FinderFrames) -> None:
    assert frames.depth.shape == (50, HEIGHT, WIDTH) and frames.patch.shape == (50, 3, PATCH_SIZE, PATCH_SIZE)
    assert frames.patch.min() >= -1 and frames.patch.max() == 1
    sure = frames.judged.isfinite()
    assert 0.2 < frames.judged[sure].mean() < 0.7
    hand = frames.judged == 1
    assert torch.equal(frames.right.isfinite(), hand)
    assert (frames.offset[hand] * CUBE_MM / 2).norm(dim=-1).max() < 90
    u, v, z = frames.hands[frames.hands[..., 0].isfinite()].T
    assert ((u >= 0) & (u < WIDTH) & (v >= 0) & (v < HEIGHT) & (z > 0)).all()


def test_a_patch_whose_centre_is_right_shows_a_hand(frames: FinderFrames) -> None:
    hand = frames.judged == 1
    middle = slice(PATCH_SIZE // 2 - 12, PATCH_SIZE // 2 + 12)
    seen = (frames.patch[..., middle, middle] < 1).float().mean((-1, -2))
    assert seen[hand].median() > 0.4


def test_windows_of_training_are_the_cubes_of_use() -> None:
    centre = torch.tensor([30.0, -20.0, 600.0])
    camera = Camera(470.0, 470.0, 301.3, 243.2, 640, 480)
    depth = 420 + 360 * torch.rand(480, 640, generator=torch.Generator().manual_seed(0))
    depth[::3] = 0
    window, _ = cut_window(depth, camera.intrinsics(), centre, PATCH_SIZE, CUBE_MM)
    cube = Cubes(centre[None].numpy(), camera, CUBE_MM, PATCH_SIZE).cut(depth[None].numpy())
    np.testing.assert_allclose(to_patch(window[None], centre[None], 1e4), cube, atol=1e-5)


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
    frames = FinderFrames(*[torch.zeros(0)] * 7)
    frames = FinderFrames(frames.depth, hands, torch.full((2, 2, 3), torch.nan), *[torch.zeros(0)] * 4)
    right = found_as(hands, 8.0)
    least = proposal_loss(right, frames)
    assert least < 0.05
    for wrong in (
        right * torch.tensor([-1.0, 1, 1, 1])[:, None, None],
        right + torch.tensor([0, 0.5, 0, 0])[:, None, None],
    ):
        assert proposal_loss(wrong, frames) > least + 0.1
    # Where it is doubtful whether a hand can be seen, finding one costs nothing.
    nobody = FinderFrames(frames.depth, torch.full((2, 2, 3), torch.nan), hands, *[torch.zeros(0)] * 4)
    nothing = FinderFrames(frames.depth, *[torch.full((2, 2, 3), torch.nan)] * 2, *[torch.zeros(0)] * 4)
    assert proposal_loss(right, nobody) < 0.05 < proposal_loss(right, nothing)


def test_a_hand_in_half_a_pixel_at_the_border_is_in_the_last_cell() -> None:
    hands = torch.tensor([[[WIDTH - 0.2, HEIGHT - 0.2, 600.0], NONE], [[-0.8, 20.0, 600.0], NONE]])
    heat = heat_target(hands, HEIGHT // STRIDE, WIDTH // STRIDE)
    assert heat[0, -1, -1] == 1 and heat[1, 2, 0] == 1
    nobody, rest = torch.full((2, 2, 3), torch.nan), [torch.zeros(0)] * 4
    frames = FinderFrames(torch.zeros(0), hands, nobody, *rest)
    assert proposal_loss(torch.zeros(2, 4, HEIGHT // STRIDE, WIDTH // STRIDE), frames).isfinite()


def test_a_mirrored_frame_shows_the_other_hand(frames: FinderFrames) -> None:
    other = mirrored(frames)
    again = mirrored(other)
    for name in ("depth", "hands", "patch", "offset", "right"):
        assert torch.allclose(getattr(again, name), getattr(frames, name), atol=1e-4, equal_nan=True), name
    hand = frames.judged == 1
    assert torch.equal(other.right[hand], 1 - frames.right[hand])
    image, k = torch.nonzero(frames.hands[..., 0].isfinite(), as_tuple=True)
    before = frames.depth[
        image, frames.hands[image, k, 1].long(), frames.hands[image, k, 0].round().long().clamp(max=WIDTH - 1)
    ]
    after = other.depth[
        image, other.hands[image, k, 1].long(), other.hands[image, k, 0].round().long().clamp(0, WIDTH - 1)
    ]
    assert (before == after).float().mean() > 0.9


def test_disturbance_only_takes_away() -> None:
    torch.manual_seed(0)
    depth = torch.full((20, 32, 48), 500)
    lost = disturbed(depth) == 0
    assert torch.equal(disturbed(depth).unique(), torch.tensor([0, 500]))
    assert 0.01 < lost.float().mean() < 0.3


def test_both_networks_learn(frames: FinderFrames) -> None:
    torch.manual_seed(0)
    judge, proposal = JudgeNetwork(), ProposalNetwork()

    def judged(some: FinderFrames) -> torch.Tensor:
        return judge_loss(judge(some.patch.flatten(0, 1).float()[:, None]), some)

    def proposed(some: FinderFrames) -> torch.Tensor:
        return proposal_loss(proposal(some.depth.float()), some)

    for network, loss in ((judge, judged), (proposal, proposed)):
        before = loss(frames).item()
        finder.train("network", network, loss, frames, 12)
        network.train()
        assert loss(frames).item() < 0.7 * before


def test_what_is_written_runs_without_pytorch_and_finds_the_same(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    judge, proposal = JudgeNetwork().eval(), ProposalNetwork().eval()
    finder.write_judge(judge, tmp_path / JUDGE)
    finder.write_proposal(proposal, tmp_path / PROPOSAL)
    found_by = HandFinder(tmp_path)
    camera = Camera(160.0, 160.0, 111.5, 79.5, 224, 160)
    depth = 500 + 300 * torch.rand(160, 224)
    centres = np.array([[0, 0, 600], [50, 20, 700.0]], np.float32)
    patches = np.concatenate(
        [Cubes(c[None], camera, CUBE_MM, PATCH_SIZE).cut(depth[None].numpy()) for c in centres]
    )
    with torch.no_grad():
        expected = judge(torch.from_numpy(patches)[:, None])
    np.testing.assert_allclose(found_by.judge(depth.numpy(), camera, centres), expected, atol=1e-4)
    assert len(found_by.propose(depth.numpy(), camera)) <= 4
    (tmp_path / JUDGE).write_bytes(b"broken")
    with pytest.raises(UserError, match="no complete ONNX model"):
        HandFinder(tmp_path)
    with pytest.raises(UserError, match="does not exist; 'python -m"):
        HandFinder(tmp_path / "nowhere")
