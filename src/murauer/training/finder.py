"""Train the two networks of the hand finder on simulated rooms, and write them as ONNX.

    python -m murauer.training.finder --out runs/finder [--rooms 80000] [--passes 5] [--in-sight 100000]
        [--judge-passes 16] [--seed 0] [--bfloat16] [--no-hand RECORDING ...]

First the proposal network on whole frames, then the judge on cubes: at its proposals, and at hands that are
well in sight; both also on frames of own recordings that are labelled to show no hand. Writes
`hand_proposal.onnx` and `hand_judge.onnx`, after having compared them with PyTorch. Frames, cubes and the
trained proposal network are kept under `--cache`, so that a training that was stopped, or the next one, need
not begin with them.
"""

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import load_file, load_model, save_file, save_model
from torch import Tensor, nn
from torch.export import Dim

from murauer.commands.arguments import positive_int
from murauer.errors import UserError
from murauer.files import written_whole
from murauer.inference.export import translate
from murauer.inference.hand_finder import INPUT, JUDGE, MULTIPLE, OUTPUT, PATCH_SIZE, PROPOSAL
from murauer.nets.hand_finder import JudgeNetwork, MirroredJudge, ProposalNetwork
from murauer.progress import Progress
from murauer.training.finder_augmentation import other_cubes, other_frames
from murauer.training.finder_cubes import JudgedCubes, clear_cubes, cut_cubes
from murauer.training.finder_losses import judge_loss, proposal_loss
from murauer.training.finder_negatives import (
    images_without_hand,
    negative_cubes,
    negative_frames,
    repeated,
)
from murauer.training.finder_rooms import RoomFrames, Rows, simulate_frames

Samples = TypeVar("Samples", bound=Rows)
RATE, DECAY = 2e-3, 1e-4
FRAMES_A_STEP, CUBES_A_STEP = 32, 128


def train(
    name: str,
    network: nn.Module,
    loss: Callable[[Samples], Tensor],
    samples: Samples,
    batch: int,
    passes: int,
) -> None:
    """Train a network.

    Args:
        name: for the progress display.
        network: in place.
        loss: of the network on some samples.
        samples: all of them.
        batch: samples of a step, at most.
        passes: how often each is seen.
    """
    count, batch = len(samples), min(batch, len(samples))
    steps = passes * (count // batch)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=max(steps, 2), pct_start=0.1)
    network.train()
    recent = math.nan
    with Progress(f"training the {name}", steps, unit="step") as progress:
        for step in range(steps):
            start = step * batch % (count // batch * batch)
            if start == 0:
                order = torch.randperm(count)
            value = loss(samples.part(order[start : start + batch]))
            optimiser.zero_grad()
            value.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimiser.step()
            schedule.step()
            recent = value.item() if math.isnan(recent) else 0.98 * recent + 0.02 * value.item()
            progress.advance(1, loss=recent)
    network.eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]


def train_proposal(frames: RoomFrames, passes: int, *, bfloat16: bool) -> ProposalNetwork:
    """Train the network that proposes; with `bfloat16` most products are in half precision."""
    network = ProposalNetwork()

    def loss(some: RoomFrames) -> Tensor:
        some = other_frames(some)
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            found = network(some.depth)
        return proposal_loss(found.float(), some)

    train("proposal network", network, loss, frames, FRAMES_A_STEP, passes)
    return network


def train_judge(cubes: JudgedCubes, passes: int, *, bfloat16: bool) -> JudgeNetwork:
    """Train the network that judges, likewise; of use are cubes that surely show a hand or none."""
    network, cubes = JudgeNetwork(), cubes.part(cubes.judged.isfinite())

    def loss(some: JudgedCubes) -> Tensor:
        some = other_cubes(some)
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            judged = network(some.patch[:, None])
        return judge_loss(judged.float(), some)

    train("judge", network, loss, cubes, CUBES_A_STEP, passes)
    return network


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
    """Write the judge, for any number of patches, which sees them in a mirror, too; see `_write`."""
    _write(MirroredJudge(judge), torch.ones(2, 1, PATCH_SIZE, PATCH_SIZE), {0: Dim("batch", min=1)}, path)


def write_proposal(proposal: ProposalNetwork, path: Path) -> None:
    """Write the proposal network, for one frame of any size, see `_write`."""
    sides = {1: MULTIPLE * Dim("rows", min=1), 2: MULTIPLE * Dim("columns", min=1)}
    _write(proposal, torch.zeros(1, 128, 160), sides, path)


def main() -> None:
    """Render, train, cut out, train, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path("runs/hand_finder"))
    parser.add_argument("--rooms", type=positive_int, default=80_000)
    parser.add_argument("--passes", type=positive_int, default=5)
    parser.add_argument("--in-sight", type=positive_int, default=100_000)
    parser.add_argument("--judge-passes", type=positive_int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--bfloat16", action="store_true", help="for processors that have it: 1.6 times as fast"
    )
    parser.add_argument(
        "--no-hand", type=Path, nargs="+", default=[], metavar="RECORDING",
        help="own recordings with frames that are labelled to show no hand",
    )  # fmt: skip
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    without = images_without_hand(options.no_hand)
    name = f"{options.seed}_{options.rooms}"

    frames = _kept(
        options.cache / f"frames_{name}.safetensors",
        RoomFrames,
        lambda: simulate_frames(options.rooms, options.seed),
    )
    learned = "_".join([name, str(options.passes), *(folder.resolve().name for folder in options.no_hand)])
    trained = options.cache / f"proposal_{learned}.safetensors"
    if trained.exists():
        proposal = ProposalNetwork().eval()
        load_model(proposal, trained)
    else:
        seen = frames
        if without:
            more = negative_frames(without)
            seen = RoomFrames.joined([frames, more.part(repeated(len(more), len(frames)))])
        proposal = train_proposal(seen, options.passes, bfloat16=options.bfloat16)
        with written_whole(trained) as partial:
            save_model(proposal, str(partial))
    write_proposal(proposal, options.out / PROPOSAL)

    cubes = _kept(
        options.cache / f"cubes_{learned}.safetensors",
        JudgedCubes,
        lambda: cut_cubes(frames, proposal, options.seed),
    )
    in_sight = _kept(
        options.cache / f"in_sight_{options.seed}_{options.in_sight}.safetensors",
        JudgedCubes,
        lambda: clear_cubes(options.in_sight, options.seed),
    )
    cubes = JudgedCubes.joined([cubes, in_sight])
    if without:
        negative = negative_cubes(without, proposal)
        cubes = JudgedCubes.joined([cubes, negative.part(repeated(len(negative), len(cubes)))])
    write_judge(train_judge(cubes, options.judge_passes, bfloat16=options.bfloat16), options.out / JUDGE)


def _kept(path: Path, kind: type[Samples], make: Callable[[], Samples]) -> Samples:
    """Samples from a file; the file is written if there is none."""
    if not path.exists():
        with written_whole(path) as partial:
            save_file(vars(make()), partial)
    return kind(**load_file(path))


if __name__ == "__main__":
    main()
