"""How well the pose prior covers real hand poses.

For every real pose of the NYU test labels (14 evaluation joints), the nearest among N poses sampled from
the prior (mean hand shape), after a similarity alignment of the 14 joints (rotation, translation, scale; no
mirroring), as the root mean square distance over the joints in mm at the size of the real hand. The labels
only judge the prior; nothing in it is fitted to them.

Two yardsticks: the nearest pose of the other person in the labels, and one relaxed hand that never moves.
Also compares distances between the model's NYU joints with those in the labels.

    python benchmarks/pose_prior_coverage.py [--data DIRECTORY] [--frames 500] [--samples 1000 10000 100000]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from murauer.geometry.camera import CAMERAS, uvd_to_xyz
from murauer.geometry.skeletons import NYU_EVALUATION_JOINTS, SKELETONS
from murauer.hand.gestures import gesture
from murauer.hand.model import HandModel
from murauer.hand.pose_prior import PosePrior

FIRST_PERSON_FRAMES = 2440
# Pairs of evaluation joints that are rigid in the labels or depend little on the pose.
SEGMENTS = ((8, 9), (9, 10), (10, 11), (11, 12), (11, 13), (12, 13), (1, 13), (3, 13), (5, 13), (7, 13))
DEFAULT_DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "nyu"


def load_poses(directory: Path) -> Tensor | None:
    """NYU test poses (8252, 14, 3) in mm, or None if the labels are not there."""
    file = directory / "nyu_test_joints36_uvd.npz"
    if not file.is_file():
        return None
    uvd = torch.from_numpy(np.load(file)["joints_uvd"])[:, list(NYU_EVALUATION_JOINTS)].float()
    return uvd_to_xyz(uvd, CAMERAS["nyu"].intrinsics())


def aligned_rms(real: Tensor, samples: Tensor) -> Tensor:
    """Residual (R, N) in mm, root mean square over joints, of the best similarity of samples to real poses.

    From the singular values s of the 3 x 3 covariance alone: the squared residual is |a|^2 - (sum s)^2 /
    |b|^2, with the smallest s negated where the best map would mirror.
    """
    real, samples = (pose - pose.mean(-2, keepdim=True) for pose in (real, samples))
    covariance = torch.einsum("rji,njk->rnik", real, samples)
    # That signed sum is the largest eigenvalue of Horn's quaternion matrix: no decomposition needed.
    xx, xy, xz, yx, yy, yz, zx, zy, zz = covariance.flatten(-2).unbind(-1)
    horn = torch.stack(
        [
            xx + yy + zz, zy - yz, xz - zx, yx - xy,
            zy - yz, xx - yy - zz, xy + yx, xz + zx,
            xz - zx, xy + yx, yy - xx - zz, yz + zy,
            yx - xy, xz + zx, yz + zy, zz - xx - yy,
        ],
        -1,
    ).unflatten(-1, (4, 4))  # fmt: skip
    trace = _largest_eigenvalue(horn)
    residual = real.square().sum((-1, -2))[:, None] - trace.square() / samples.square().sum((-1, -2))
    return (residual.clamp(min=0) / real.shape[-2]).sqrt()


def _largest_eigenvalue(symmetric: Tensor) -> Tensor:
    """Largest eigenvalue of traceless symmetric 4 x 4 matrices, by Newton's method from above."""
    squared = symmetric @ symmetric
    second = squared.diagonal(dim1=-2, dim2=-1).sum(-1)
    third = (squared * symmetric).sum((-1, -2))
    # Characteristic polynomial: x^4 + c2 x^2 + c1 x + c0.
    c2, c1 = -second / 2, -third / 3
    c0 = torch.linalg.det(symmetric)
    x = second.mul(0.75).sqrt()  # an upper bound for a traceless matrix
    for _ in range(12):
        value = ((x * x + c2) * x + c1) * x + c0
        slope = (4 * x * x + 2 * c2) * x + c1
        x = x - value / slope.clamp(min=1e-6)
    return x


def nearest(real: Tensor, samples: Tensor, chunk: int = 2000) -> Tensor:
    """Smallest residual (R,) of any sample to each real pose, searched in chunks."""
    best = torch.full((len(real),), torch.inf, dtype=torch.float64)
    for part in samples.split(chunk):
        best = torch.minimum(best, aligned_rms(real.double(), part.double()).amin(1))
    return best


def yardsticks(poses: Tensor, real: Tensor, first: Tensor, model: HandModel) -> None:
    """Prints what the other person's real poses, and one pose that never moves, would give."""
    rest = model.pose_joints(gesture("relaxed")[None], torch.zeros(1, len(model.shape_names)), "nyu14")
    print(f"one relaxed hand: {float(nearest(real, rest).mean()):.2f} mm")
    for name, own, others in (
        ("first", first, poses[FIRST_PERSON_FRAMES:]),
        ("second", ~first, poses[:FIRST_PERSON_FRAMES]),
    ):
        print(
            f"{name} person's poses, nearest of the other person's {len(others):,} frames: "
            f"{float(nearest(real[own], others).mean()):.2f} mm"
        )


def compare_segments(poses: Tensor, samples: Tensor) -> None:
    """Prints median distances between joints as shares of the palm's length, real and of the model."""
    names = SKELETONS["nyu14"].joints

    def shares(joints: Tensor, a: int, b: int) -> float:
        palm = (joints[:, 13] - joints[:, 11:13].mean(1)).norm(dim=-1)
        return float(((joints[:, a] - joints[:, b]).norm(dim=-1) / palm).median())

    print("| distance / palm length | first person | second person | model |")
    print("|---|---|---|---|")
    for a, b in SEGMENTS:
        parts = (poses[:FIRST_PERSON_FRAMES], poses[FIRST_PERSON_FRAMES:], samples)
        print(f"| {names[a]} to {names[b]} | " + " | ".join(f"{shares(p, a, b):.2f}" for p in parts) + " |")


def main() -> None:
    """Prints the coverage, one line per number of samples, the yardsticks and the segments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--frames", type=int, default=500, help="real poses, evenly spaced over the test set")
    parser.add_argument("--samples", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    poses = load_poses(arguments.data)
    if poses is None:
        print(f"skipped: no NYU test labels (nyu_test_joints36_uvd.npz) in {arguments.data}")
        return
    frames = torch.linspace(0, len(poses) - 1, arguments.frames).long()
    real, first = poses[frames], frames < FIRST_PERSON_FRAMES
    model, prior = HandModel(), PosePrior()
    generator = torch.Generator().manual_seed(arguments.seed)
    angles = prior.sample(max(arguments.samples), generator)
    samples = model.pose_joints(angles, torch.zeros(1, len(model.shape_names)), "nyu14")
    print(
        f"{len(real)} real poses ({int(first.sum())} of the first person), residual rms over 14 joints in mm"
    )
    print("| samples | mean | median | 95 % | first person, mean | second person, mean |")
    print("|---|---|---|---|---|---|")
    best, done = torch.full((len(real),), torch.inf, dtype=torch.float64), 0
    for n in sorted(arguments.samples):
        best, done = torch.minimum(best, nearest(real, samples[done:n])), n
        values = (best.mean(), best.median(), best.quantile(0.95), best[first].mean(), best[~first].mean())
        print(f"| {n:,} | " + " | ".join(f"{float(v):.2f}" for v in values) + " |", flush=True)
    yardsticks(poses, real, first, model)
    compare_segments(poses, samples[:10_000])


if __name__ == "__main__":
    main()
