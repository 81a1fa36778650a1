from pathlib import Path

import numpy as np
import pytest
import torch

from murauer.cli import train_finder
from murauer.cli.main import EXIT_INTERRUPTED
from murauer.errors import UserError
from murauer.geometry.camera import Camera
from murauer.geometry.patches import Cubes
from murauer.handfinder.finder import CUBE_MM, PATCH_SIZE, PROPOSAL, REFINEMENT, HandFinder, Refined
from murauer.handfinder.network import MirroredRefinement, ProposalNetwork, RefinementNetwork
from murauer.handfinder.training import train as finder
from murauer.handfinder.training.cubes import cut_cubes
from murauer.handfinder.training.frames import RoomFrames, simulate_frames
from murauer.handfinder.training.losses import proposal_loss, refinement_loss
from murauer.handfinder.training.start import start_from


@pytest.fixture(scope="module")
def frames() -> RoomFrames:
    return simulate_frames(50, 3)


@pytest.mark.parametrize("bfloat16", [False, True])
def test_both_networks_learn(frames: RoomFrames, bfloat16: bool) -> None:
    torch.manual_seed(0)
    few, many = (finder.train_proposal(frames, passes, bfloat16=bfloat16) for passes in (1, 48))
    losses = [proposal_loss(network.train()(frames.depth.float()), frames).item() for network in (few, many)]
    assert losses[1] < 0.7 * losses[0]
    cubes = cut_cubes(frames, many.eval(), 3)
    few, many = (finder.train_refinement(cubes, passes, bfloat16=bfloat16) for passes in (1, 24))
    known = cubes.part(cubes.is_hand.isfinite())
    losses = [
        refinement_loss(network.train()(known.patch.float()[:, None]), known).item()
        for network in (few, many)
    ]
    assert losses[1] < 0.8 * losses[0]


def test_what_is_written_runs_without_pytorch_and_finds_the_same(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    refinement, proposal = RefinementNetwork().eval(), ProposalNetwork().eval()
    finder.write_refinement(refinement, tmp_path / REFINEMENT)
    finder.write_proposal(proposal, tmp_path / PROPOSAL)
    found_by = HandFinder(tmp_path)
    camera = Camera(160.0, 160.0, 111.5, 79.5, 224, 160)
    depth = 500 + 300 * torch.rand(160, 224)
    centres = np.array([[0, 0, 600], [50, 20, 700], [9, 9, 800.0]], np.float32)
    patches = np.concatenate(
        [
            Cubes(c[None], camera.intrinsics_array(), CUBE_MM, PATCH_SIZE).cut(depth[None].numpy())
            for c in centres
        ]
    )
    with torch.no_grad():
        expected = MirroredRefinement(refinement)(torch.from_numpy(patches)[:, None])
    refined, read = found_by.refine(depth.numpy(), camera, centres), Refined.read(expected.numpy(), centres)
    np.testing.assert_allclose(refined.hand, read.hand, atol=5e-3)
    np.testing.assert_allclose(refined.right, read.right, atol=5e-3)
    np.testing.assert_allclose(refined.centres, read.centres, atol=0.3)
    assert len(found_by.propose(depth.numpy(), camera)) <= 4
    (tmp_path / REFINEMENT).write_bytes(b"broken")
    with pytest.raises(UserError, match="no complete ONNX model"):
        HandFinder(tmp_path)
    with pytest.raises(UserError, match="does not exist; 'python -m"):
        HandFinder(tmp_path / "nowhere")


def test_a_training_starts_from_what_was_written(tmp_path: Path, frames: RoomFrames) -> None:
    torch.manual_seed(0)
    proposal = finder.train_proposal(frames, 4, bfloat16=False)
    refinement = finder.train_refinement(cut_cubes(frames, proposal, 3), 1, bfloat16=False)
    finder.write_proposal(proposal, tmp_path / PROPOSAL)
    finder.write_refinement(refinement, tmp_path / REFINEMENT)
    depth = frames.depth.float()
    patches = torch.rand(40, 1, PATCH_SIZE, PATCH_SIZE) * 2 - 1
    started, other = ProposalNetwork(), RefinementNetwork()
    start_from(started, tmp_path / PROPOSAL, depth)
    start_from(other, tmp_path / REFINEMENT, patches)
    with torch.no_grad():
        torch.testing.assert_close(started(depth[:4]), proposal(depth[:4]), atol=0.02, rtol=0.02)
        torch.testing.assert_close(other(patches), refinement(patches), atol=0.02, rtol=0.02)
        # What was folded is again as a training expects it.
        torch.testing.assert_close(started.train()(depth), proposal(depth), atol=0.02, rtol=0.02)
    with pytest.raises(UserError, match="holds no weights"):
        start_from(RefinementNetwork(), tmp_path / PROPOSAL, patches)
    with pytest.raises(UserError, match="does not exist"):
        start_from(RefinementNetwork(), tmp_path / "nowhere", patches)


def test_a_training_that_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "finder"
    words = ["--out", out, "--cache", tmp_path, "--rooms", 50, "--in-sight", 50]
    words += ["--passes", 1, "--refinement-passes", 1]
    words = [str(word) for word in words]

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(train_finder, "train_refinement", stopped)
        assert train_finder.main(words) == EXIT_INTERRUPTED
    proposal = (out / PROPOSAL).read_bytes()
    for done in ("simulate_frames", "train_proposal", "cut_cubes", "clear_cubes"):
        monkeypatch.setattr(train_finder, done, stopped)
    assert train_finder.main(words) == 0
    assert (out / PROPOSAL).read_bytes() == proposal and (out / REFINEMENT).exists()
