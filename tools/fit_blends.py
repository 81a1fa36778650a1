"""Joints of one skeleton as weighted sums of another's, fitted on the hand model.

    python tools/fit_blends.py src/murauer/geometry/skeleton_blends.json

Weights that add up to 1 turn and move with the hand whatever it does. They are those with the smallest
squared error over many poses of many people, if the joints that they are applied to are themselves wrong by
a few millimetres: so no weight is large that does not have to be.
"""

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor

from murauer.files import written_whole
from murauer.geometry.skeletons import SKELETONS
from murauer.hand.model import HandModel
from murauer.hand.pose_prior import PosePrior
from murauer.hand.shape import ShapePrior
from murauer.random_streams import random_stream

FITTED = ("hand21", "anny21", "nyu14", "icvl16")
"""Skeletons that are converted into each other; the joints of the others are joints of these."""

NOISE_MM = 3.0
"""Standard deviation of the error of joints that blends are made for, in each coordinate."""

SMALLEST = 0.02
"""Weights below are left out."""


def hands(number: int, seed: int = 0) -> dict[str, Tensor]:
    """Joints of hands of many people in many poses, (N, J, 3) in mm by skeleton, in the hand's frame."""
    generator = random_stream(seed, "blends")
    with torch.no_grad():
        shapes = ShapePrior().sample(number, generator)
        hand = HandModel()(PosePrior(free_share=0.5).sample(number, generator), shapes)
    return {name: hand.joints(name).double() for name in FITTED}


def fit(source: Tensor, target: Tensor) -> Tensor:
    """Weights (K, J), each row adding up to 1, for target joints (N, K, 3) of source joints (N, J, 3)."""
    return torch.stack([_fit_joint(source, joint) for joint in target.unbind(1)])


def _fit_joint(source: Tensor, target: Tensor) -> Tensor:
    chosen = torch.ones(source.shape[1], dtype=torch.bool)
    while True:
        columns = source[:, chosen].transpose(1, 2).flatten(0, 1)  # (3 N, J)
        count = int(chosen.sum())
        # The smallest w' A w - 2 b' w with sum(w) = 1, by Lagrange.
        matrix = columns.new_zeros(count + 1, count + 1)
        matrix[:count, :count] = columns.mT @ columns / len(columns)
        matrix[:count, :count] += NOISE_MM**2 * torch.eye(count, dtype=columns.dtype)
        matrix[:count, count] = matrix[count, :count] = 1
        right = torch.cat([columns.mT @ target.flatten() / len(columns), columns.new_ones(1)])
        weights = source.new_zeros(source.shape[1])
        weights[chosen] = torch.linalg.solve(matrix, right)[:count]
        small = chosen & (weights.abs() < SMALLEST)
        if not small.any():
            return weights
        chosen &= ~small


def main() -> None:
    """Fit all blends and write them with their residuals on other hands."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--hands", type=int, default=20_000)
    options = parser.parse_args()
    learned, others = hands(options.hands), hands(options.hands // 4, seed=1)
    blends = {}
    for source in FITTED:
        for target in FITTED:
            if source == target:
                continue
            weights = fit(learned[source], learned[target])
            error = (weights @ others[source] - others[target]).norm(dim=-1).mean(0)
            names = SKELETONS[source].joints
            blends[f"{source} {target}"] = {
                "residual_mm": round(float(error.mean()), 2),
                "largest_residual_mm": round(float(error.max()), 2),
                "weights": {
                    joint: {names[i]: round(float(row[i]), 4) for i in row.nonzero()[:, 0].tolist()}
                    for joint, row in zip(SKELETONS[target].joints, weights, strict=True)
                },
            }
            print(f"{source} to {target}: {error.mean():.2f} mm, at most {error.max():.2f} mm")
    with written_whole(options.out) as partial:
        partial.write_text(json.dumps(blends, indent=1) + "\n")


if __name__ == "__main__":
    main()
