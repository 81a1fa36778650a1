"""Training of the two networks of the hand finder, and their files.

The proposal network learns on whole frames, the refinement network on cubes: at the places that are proposed,
and at hands that are well in sight. Both are written as ONNX, after having been compared with PyTorch.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from onnxruntime import InferenceSession
from torch import Tensor, nn
from torch.export import Dim

from murauer.errors import UserError
from murauer.files import written_whole
from murauer.handfinder.finder import INPUT, MULTIPLE, OUTPUT, PATCH_SIZE
from murauer.handfinder.network import MirroredRefinement, ProposalNetwork, RefinementNetwork
from murauer.handfinder.training.augmentation import other_cubes, other_frames
from murauer.handfinder.training.cubes import LabelledCubes
from murauer.handfinder.training.frames import RoomFrames, Rows
from murauer.handfinder.training.losses import proposal_loss, refinement_loss
from murauer.handfinder.training.start import start_from
from murauer.nets.onnx_export import save_onnx, store_halved, translate
from murauer.progress import Progress

Samples = TypeVar("Samples", bound=Rows)
CPU = torch.device("cpu")
RATE, DECAY = 2e-3, 1e-4
RATE_AFTER_START = 5e-4
"""Learning rate, at most, of networks that are trained already."""

FRAMES_A_STEP, CUBES_A_STEP = 32, 128
SOME = 200
"""Images on which a network that is started from is measured."""


HALVED = 0.02
"""Results may differ by so much as weights are stored in half precision."""


def train(
    name: str,
    network: nn.Module,
    loss: Callable[[Samples], Tensor],
    samples: Samples,
    batch: int,
    passes: int,
    rate: float,
    device: torch.device,
) -> None:
    """Train a network.

    Args:
        name: Name for the progress display.
        network: In place.
        loss: Loss of the network on some samples.
        samples: All of them.
        batch: Samples of a step, at most.
        passes: How often each is seen.
        rate: Highest learning rate.
        device: Where the loss is computed; samples and, in the end, the network are the processor's.
    """
    count, batch = len(samples), min(batch, len(samples))
    steps = passes * (count // batch)
    network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(network.parameters(), rate, weight_decay=DECAY, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=max(steps, 2), pct_start=0.1)
    network.train()
    recent: Tensor | None = None
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
            recent = value.detach() if recent is None else recent.lerp(value.detach(), 0.02)
            progress.advance(1, loss=recent)
    network.cpu().eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]


def train_proposal(
    frames: RoomFrames,
    passes: int,
    *,
    bfloat16: bool,
    device: torch.device = CPU,
    start: Path | None = None,
) -> ProposalNetwork:
    """Train the network that proposes; with `bfloat16` most products are in half precision.

    Args:
        frames: What it sees.
        passes: How often it sees each.
        bfloat16: Whether to.
        device: Where it is trained.
        start: File to start from, see `start_from`.
    """
    network = ProposalNetwork()
    if start:
        start_from(network, start, frames.part(slice(SOME)).depth.float())

    def loss(some: RoomFrames) -> Tensor:
        some = other_frames(some).to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            found = network(some.depth)
        return proposal_loss(found.float(), some)

    rate = RATE_AFTER_START if start else RATE
    train("proposal network", network, loss, frames, FRAMES_A_STEP, passes, rate, device)
    return network


def train_refinement(
    cubes: LabelledCubes,
    passes: int,
    *,
    bfloat16: bool,
    device: torch.device = CPU,
    start: Path | None = None,
) -> RefinementNetwork:
    """Train the refinement network, likewise; of use are cubes that surely show a hand or none."""
    network, cubes = RefinementNetwork(), cubes.part(cubes.is_hand.isfinite())
    if start:
        start_from(network, start, cubes.part(slice(SOME)).patch.float()[:, None])

    def loss(some: LabelledCubes) -> Tensor:
        some = other_cubes(some).to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            refined = network(some.patch[:, None])
        return refinement_loss(refined.float(), some)

    rate = RATE_AFTER_START if start else RATE
    train("refinement", network, loss, cubes, CUBES_A_STEP, passes, rate, device)
    return network


def _write(network: nn.Module, example: Tensor, free: dict[int, Any], path: Path) -> None:
    """Write a network as ONNX, if it gives there what it gives here.

    Args:
        network: Network of one input and one output.
        example: An input.
        free: Its dimensions that may vary.
        path: The file.

    Raises:
        UserError: It gives something else.
    """
    model = translate(network, example, (INPUT, OUTPUT), free)
    store_halved(model)
    seen = torch.rand(example.shape) * 2
    with torch.no_grad():
        expected = network.eval()(seen)
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    actual = torch.from_numpy(session.run([OUTPUT], {INPUT: seen.numpy()})[0])
    if not torch.allclose(actual, expected, atol=HALVED):
        raise UserError(
            f"{path.name} differs from PyTorch by {(actual - expected).abs().max():.3g}; not written"
        )
    with written_whole(path) as partial:
        save_onnx(model, partial)


def write_refinement(refinement: RefinementNetwork, path: Path) -> None:
    """Write it for any number of patches, which it sees in a mirror, too; see `_write`."""
    _write(
        MirroredRefinement(refinement),
        torch.ones(2, 1, PATCH_SIZE, PATCH_SIZE),
        {0: Dim("batch", min=1)},
        path,
    )


def write_proposal(proposal: ProposalNetwork, path: Path) -> None:
    """Write the proposal network, for one frame of any size, see `_write`."""
    sides = {1: MULTIPLE * Dim("rows", min=1), 2: MULTIPLE * Dim("columns", min=1)}
    _write(proposal, torch.zeros(1, 128, 160), sides, path)
