"""Train the two networks of the hand finder on simulated rooms, and write them as ONNX.

    python -m murauer.cli.train_finder --out runs/finder [--rooms 80000] [--passes 5] [--in-sight 100000]
        [--refinement-passes 16] [--seed 0] [--bfloat16] [--device cuda] [--no-hand CAPTURE ...]
        [--start MODELS]

First the proposal network on whole frames, then the refinement network on cubes: at its proposals, at hands
that are well in sight, and at as many that a wrong unit or focal length makes too large or too small; both
also on frames of captures that are labelled to show no hand. Writes
`hand_proposal.onnx` and `hand_judge.onnx`, after having compared them with PyTorch. Frames, cubes and the
trained proposal network are kept under `--cache`, so that a training that was stopped, or the next one, need
not begin with them.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from murauer.arguments import add_device, positive_int
from murauer.cli.main import ended_well_or_told
from murauer.datasets.captured import CaptureDataset
from murauer.errors import UserError
from murauer.hand.rooms import EVERYDAY
from murauer.handfinder.finder import PROPOSAL, REFINEMENT
from murauer.handfinder.network import ProposalNetwork
from murauer.handfinder.training.cubes import LabelledCubes, clear_cubes, cut_cubes, missized_cubes
from murauer.handfinder.training.frames import RoomFrames, simulate_frames
from murauer.handfinder.training.negatives import Image, negative_cubes, negative_frames, repeated
from murauer.handfinder.training.train import (
    Samples,
    train_proposal,
    train_refinement,
    write_proposal,
    write_refinement,
)
from murauer.nets.model_file import read_tensors, write_tensors
from murauer.training.device import open_device

ROOMS = replace(EVERYDAY, holding=0.45)
"""Hands around things are the hardest to find."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Render, train, cut out, train, write; takes and gives what `murauer.cli.main.main` does."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path("runs/hand_finder"))
    parser.add_argument("--rooms", type=positive_int, default=80_000)
    parser.add_argument("--passes", type=positive_int, default=5)
    parser.add_argument("--in-sight", type=positive_int, default=100_000)
    parser.add_argument("--refinement-passes", type=positive_int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--bfloat16", action="store_true", help="for processors that have it: 1.6 times as fast"
    )
    add_device(parser)
    parser.add_argument(
        "--no-hand", type=Path, nargs="+", default=[], metavar="CAPTURE",
        help="captures with frames that are labelled to show no hand",
    )  # fmt: skip
    parser.add_argument(
        "--start", type=Path, metavar="MODELS",
        help="folder with two such networks to start from, as src/murauer/models; fewer rooms will do",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    return ended_well_or_told(lambda: _train(options), "murauer.cli.train_finder")


def _train(options: argparse.Namespace) -> None:
    device = open_device(options.device)
    torch.manual_seed(options.seed)
    without = images_without_hand(options.no_hand)
    name = f"{options.seed}_{options.rooms}"
    folders = [*options.no_hand, *([options.start] if options.start else [])]
    learned = "_".join([name, str(options.passes), *(folder.resolve().name for folder in folders)])

    frames = _kept(
        options.cache / f"everyday_frames_{name}.safetensors",
        RoomFrames,
        lambda: simulate_frames(options.rooms, options.seed, ROOMS),
    )
    trained = options.cache / f"everyday_proposal_{learned}.safetensors"
    if trained.exists():
        proposal = ProposalNetwork().eval()
        proposal.load_state_dict(read_tensors(trained)[0])
    else:
        seen = frames
        if without:
            more = negative_frames(without)
            seen = RoomFrames.joined([frames, more.part(repeated(len(more), len(frames)))])
        proposal = train_proposal(
            seen,
            options.passes,
            bfloat16=options.bfloat16,
            device=device,
            start=options.start and options.start / PROPOSAL,
        )
        write_tensors(trained, proposal.state_dict(), {})
    write_proposal(proposal, options.out / PROPOSAL)

    cubes = _kept(
        options.cache / f"everyday_cubes_{learned}.safetensors",
        LabelledCubes,
        lambda: cut_cubes(frames, proposal, options.seed, ROOMS),
    )
    in_sight, missized = (
        _kept(
            options.cache / f"everyday_{kind}_{options.seed}_{options.in_sight}.safetensors",
            LabelledCubes,
            partial(cut, options.in_sight, options.seed),
        )
        for kind, cut in (("in_sight", clear_cubes), ("missized", missized_cubes))
    )
    cubes = LabelledCubes.joined([cubes, in_sight, missized])
    if without:
        negative = negative_cubes(without, proposal)
        cubes = LabelledCubes.joined([cubes, negative.part(repeated(len(negative), len(cubes)))])
    write_refinement(
        train_refinement(
            cubes,
            options.refinement_passes,
            bfloat16=options.bfloat16,
            device=device,
            start=options.start and options.start / REFINEMENT,
        ),
        options.out / REFINEMENT,
    )


def images_without_hand(folders: Sequence[Path]) -> list[Image]:
    """Read the images that captures label as ones without a hand.

    Raises:
        UserError: A capture has none, or cannot be read.
    """
    images: list[Image] = []
    for folder in folders:
        capture = CaptureDataset(folder)
        places = capture.frames_without_hand()
        if not places:
            raise UserError(f"{folder} has no frame that is labelled to show no hand; see 'murauer studio'")
        frames = [capture.view(*place) for place in places]
        images += [(frame.depth.numpy(), frame.camera) for frame in frames]
    return images


def _kept(path: Path, kind: type[Samples], make: Callable[[], Samples]) -> Samples:
    """Samples from a file; the file is written if there is none."""
    if not path.exists():
        write_tensors(path, vars(make()), {})
    return kind(**read_tensors(path)[0])


if __name__ == "__main__":
    sys.exit(main())
