"""Train the two networks of the hand finder on simulated rooms, and write them as ONNX.

    python -m murauer.training.finder --out runs/finder [--rooms 12000] [--passes 8] [--seed 0]

Writes `hand_proposal.onnx` and `hand_judge.onnx`, after having compared them with PyTorch. Rooms are rendered
once and kept under `--cache`, so that another training can begin at once.
"""

import argparse
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.export import Dim
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy
from torch.nn.functional import smooth_l1_loss

from murauer.commands.arguments import positive_int
from murauer.errors import UserError
from murauer.files import written_whole
from murauer.inference.export import translate
from murauer.inference.hand_finder import (
    INPUT,
    JUDGE,
    MULTIPLE,
    OUTPUT,
    PATCH_SIZE,
    PIXELS_PER_RADIAN,
    PROPOSAL,
)
from murauer.nets.hand_finder import STRIDE, JudgeNetwork, ProposalNetwork
from murauer.progress import Progress
from murauer.training.finder_data import FinderFrames, simulate_frames

BATCH = 32
RATE, DECAY = 2e-3, 1e-4
SPREAD_MM = 25.0
"""Standard deviation of the peak that a hand makes in the heat map."""

SMALLEST_SPREAD = 0.5
"""The same in cells, at least."""


def heat_target(hands: Tensor, rows: int, columns: int) -> Tensor:
    """Draw the peaks of hands into cells.

    Args:
        hands: column, row and mm in the frame, NaN for none, (B, K, 3).
        rows: of cells.
        columns: of cells.

    Returns:
        (B, rows, columns) in [0, 1]; exactly 1 in the cells that hold a hand's centre.
    """
    cell_u, cell_v = (part[..., None, None] for part in cells(hands, rows, columns).unbind(-1))
    z = hands[..., 2, None, None]
    spread = (SPREAD_MM * PIXELS_PER_RADIAN / z / STRIDE).clamp(min=SMALLEST_SPREAD)
    across = torch.arange(columns) - cell_u
    down = torch.arange(rows)[:, None] - cell_v
    peaks = torch.exp(-(across.square() + down.square()) / (2 * spread.square()))
    return torch.nan_to_num(peaks, 0.0).amax(1)


def cells(hands: Tensor, rows: int, columns: int) -> Tensor:
    """Column and row of the cells that hold hands, (..., 2): whole numbers, NaN for none.

    Those of centres beyond the image's last half pixel are at its border.
    """
    cell = torch.floor((hands[..., :2] + 0.5) / STRIDE)
    return cell.clamp(min=torch.zeros(2), max=torch.tensor([columns - 1.0, rows - 1.0]))


def proposal_loss(found: Tensor, frames: FinderFrames) -> Tensor:
    """Focal loss of the heat map, and distance of place and depth where hands are.

    Args:
        found: of the proposal network, (B, 4, h, w).
        frames: the frames that it saw.
    """
    rows, columns = found.shape[-2:]
    heat = heat_target(frames.hands, rows, columns)
    doubt = heat_target(frames.doubtful, rows, columns) > 0.1
    probability = found[:, 0].sigmoid().clamp(1e-4, 1 - 1e-4)
    hit = heat == 1
    gain = torch.where(
        hit,
        (1 - probability).square() * probability.log(),
        (1 - heat).pow(4) * probability.square() * (1 - probability).log(),
    )
    focal = -(gain * (hit | ~doubt)).sum()
    image, hand = torch.nonzero(frames.hands[..., 0].isfinite(), as_tuple=True)
    hands = frames.hands[image, hand]
    cell = cells(hands, rows, columns)
    within = (hands[:, :2] + 0.5) / STRIDE - cell - 0.5
    expected = torch.cat([within, hands[:, 2:] / 1000], -1)
    column, row = cell.long().unbind(-1)
    actual = found[image, 1:, row, column]
    return (focal + 2 * smooth_l1_loss(actual, expected, beta=0.1, reduction="sum")) / len(found)


def judge_loss(judged: Tensor, frames: FinderFrames) -> Tensor:
    """Cross entropy of hand and of handedness, and distance of the centre.

    Args:
        judged: of the judge, (B * PLACES, 5).
        frames: whose cubes it saw.
    """
    truth, right, offset = frames.judged.flatten(), frames.right.flatten(), frames.offset.flatten(0, 1)
    known, hand = truth.isfinite(), truth == 1
    loss = cross_entropy(judged[known, 0], truth[known])
    if hand.any():
        loss = loss + 4 * smooth_l1_loss(judged[hand, 1:4], offset[hand], beta=0.05)
        loss = loss + cross_entropy(judged[hand, 4], right[hand])
    return loss


def mirrored(frames: FinderFrames) -> FinderFrames:
    """Frames as in a mirror: right hands are left ones."""
    width = frames.depth.shape[-1]
    turn = torch.tensor([-1.0, 1.0, 1.0])
    shift = torch.tensor([width - 1.0, 0.0, 0.0])
    return FinderFrames(
        depth=frames.depth.flip(-1),
        hands=frames.hands * turn + shift,
        doubtful=frames.doubtful * turn + shift,
        patch=frames.patch.flip(-1),
        judged=frames.judged,
        offset=frames.offset * turn,
        right=1 - frames.right,
    )


def disturbed(depth: Tensor) -> Tensor:
    """Lose single pixels and rectangles of depth (B, H, W), as real devices do."""
    batch, height, width = depth.shape
    lost = torch.rand(depth.shape) < 0.15 * torch.rand(batch, 1, 1).square()
    low = torch.rand(2, batch, 1) * torch.tensor([height, width])[:, None, None]
    size = torch.rand(2, batch, 1) * torch.tensor([height, width])[:, None, None] / 5
    down, across = torch.arange(height), torch.arange(width)
    down, across = (
        (down > low[0]) & (down < low[0] + size[0]),
        (across > low[1]) & (across < low[1] + size[1]),
    )
    return depth.masked_fill(lost | (down[:, :, None] & across[:, None]), 0)


def train(
    name: str, network: nn.Module, loss: Callable[[FinderFrames], Tensor], frames: FinderFrames, passes: int
) -> None:
    """Train a network.

    Args:
        name: for the progress display.
        network: in place.
        loss: of the network on some frames.
        frames: all of them.
        passes: how often each is seen.
    """
    steps = passes * (len(frames.depth) // BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=max(steps, 2), pct_start=0.1)
    network.train()
    recent = math.nan
    with Progress(f"training the {name}", steps, unit="step") as progress:
        for step in range(steps):
            if step % (len(frames.depth) // BATCH) == 0:
                order = torch.randperm(len(frames.depth))
            start = step * BATCH % (len(order) // BATCH * BATCH)
            some = frames.part(order[start : start + BATCH])
            value = loss(mirrored(some) if torch.rand(1) < 0.5 else some)
            optimiser.zero_grad()
            value.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimiser.step()
            schedule.step()
            recent = value.item() if math.isnan(recent) else 0.98 * recent + 0.02 * value.item()
            progress.advance(1, loss=recent)
    network.eval()


def _write(network: nn.Module, example: Tensor, free: dict[int, Any], path: Path) -> None:
    """Write a network as ONNX, if it gives there what it gives here.

    Args:
        network: of one input and one output.
        example: an input.
        free: its dimensions that may vary.
        path: the file.

    Raises:
        UserError: it gives something else.
    """
    import onnx
    from onnxruntime import InferenceSession

    model = translate(network, example, (INPUT, OUTPUT), free)
    seen = torch.rand(example.shape) * 2
    with torch.no_grad():
        expected = network.eval()(seen)
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    actual = torch.from_numpy(session.run([OUTPUT], {INPUT: seen.numpy()})[0])
    if not torch.allclose(actual, expected, atol=1e-4):
        raise UserError(
            f"{path.name} differs from PyTorch by {(actual - expected).abs().max():.3g}; not written"
        )
    with written_whole(path) as partial:
        onnx.save(model, partial)


def write_judge(judge: JudgeNetwork, path: Path) -> None:
    """Write the judge, for any number of patches, see `_write`."""
    _write(judge, torch.ones(2, 1, PATCH_SIZE, PATCH_SIZE), {0: Dim("batch", min=1)}, path)


def write_proposal(proposal: ProposalNetwork, path: Path) -> None:
    """Write the proposal network, for one frame of any size, see `_write`."""
    sides = {1: MULTIPLE * Dim("rows", min=1), 2: MULTIPLE * Dim("columns", min=1)}
    _write(proposal, torch.zeros(1, 128, 160), sides, path)


def main() -> None:
    """Render, train, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path("runs/hand_finder"))
    parser.add_argument("--rooms", type=positive_int, default=12_000)
    parser.add_argument("--passes", type=positive_int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    frames = _frames(options.cache / f"rooms_{options.seed}_{options.rooms}.safetensors", options)
    judge, proposal = JudgeNetwork(), ProposalNetwork()
    train("judge", judge, lambda some: judge_loss(_judged(judge, some), some), frames, options.passes)
    write_judge(judge, options.out / JUDGE)
    train(
        "proposal network",
        proposal,
        lambda some: proposal_loss(proposal(disturbed(some.depth).float()), some),
        frames,
        options.passes,
    )
    write_proposal(proposal, options.out / PROPOSAL)


def _judged(judge: JudgeNetwork, frames: FinderFrames) -> Tensor:
    judged: Tensor = judge(frames.patch.flatten(0, 1).float()[:, None])
    return judged


def _frames(cache: Path, options: argparse.Namespace) -> FinderFrames:
    if not cache.exists():
        frames = simulate_frames(options.rooms, options.seed)
        cache.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(cache) as partial:
            save_file({key: value.contiguous() for key, value in asdict(frames).items()}, partial)
    return FinderFrames(**load_file(cache))


if __name__ == "__main__":
    main()
