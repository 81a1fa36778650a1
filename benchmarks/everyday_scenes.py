"""The error of a dense model on simulated everyday scenes: grasps, views of the own hand, and neither.

    python benchmarks/everyday_scenes.py [--model default] [--frames 1000]

Hands, things and rooms are other ones than in training. Centres are given, wrong by 10 mm along each axis.
"""

import argparse
from dataclasses import replace

import torch

from murauer.capture.depth import DEPTH_UNIT_MM
from murauer.hand.everyday import EverydayPrior
from murauer.hand.model import HandModel
from murauer.nets.deployed import joints_around
from murauer.nets.model_file import load_model
from murauer.random_streams import random_stream
from murauer.training.base.scenes import CENTRE, BaseScenes

CENTRE_ERROR_MM = 10.0

KINDS = {
    "free hands": EverydayPrior(grasp=0.0, own_view=0.0, second_hand=0.0, table=0.0),
    "grasps": EverydayPrior(grasp=1.0, own_view=0.0, second_hand=0.1, table=0.2),
    "own views": EverydayPrior(grasp=0.3, own_view=1.0, second_hand=0.2, table=0.4),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="default")
    parser.add_argument("--frames", type=int, default=1000)
    options = parser.parse_args()
    network, config = load_model(options.model)
    hand = HandModel()
    for kind, everyday in KINDS.items():
        scenes = replace(BaseScenes(), everyday=everyday)
        errors: list[torch.Tensor] = []
        part = 0
        while sum(map(len, errors)) < options.frames:
            stream = random_stream(part, "everyday benchmark", kind)
            frames = scenes.render(hand, 125, stream)
            joints = frames["joints"]
            centre = joints[:, CENTRE] + CENTRE_ERROR_MM * torch.randn(len(joints), 3, generator=stream)
            depth = frames["depth"].float() * DEPTH_UNIT_MM
            seen = joints_around(network, depth, frames["intrinsics"], centre, config.cube_mm, True)
            errors.append((seen - joints).norm(dim=-1).mean(1))
            part += 1
        error = torch.cat(errors)[: options.frames]
        print(f"{kind:12} {error.mean():.1f} mm, median {error.median():.1f}")


if __name__ == "__main__":
    main()
