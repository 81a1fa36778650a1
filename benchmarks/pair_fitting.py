"""How well the hand model is fitted to the labels of a person it has never seen.

    python benchmarks/pair_fitting.py [--frames 100] [--skeleton nyu14] [--offset 8] [--noise 0]

Labels are the joints of simulated hands of one unseen person, shifted by a hidden constant offset per joint
in the frame of the joint's bone (a random direction, a length up to --offset mm). The fit sees nothing else.
Reported are errors of the fit against the labels, against the true joints of the model without any offset,
and of the rendered depth.
"""

import argparse
import time
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from murauer.geometry.skeletons import SKELETONS
from murauer.hand.fitting import HandFit, fit_hands
from murauer.hand.joint_offsets import JointOffsets
from murauer.hand.model import HandModel, mirror, place
from murauer.hand.pose_prior import PosePrior
from murauer.hand.rasteriser import rasterise_depth
from murauer.hand.shape import ShapePrior
from murauer.hand.viewpoint import sample_viewpoints

WINDOW_PX, WINDOW_MM = 96, 300.0


@dataclass(frozen=True)
class Truth:
    """Simulated frames: surface (F, V, 3), joints (F, J, 3) and labels (F, J, 3), camera coordinates, mm."""

    vertices: Tensor
    joints: Tensor
    labels: Tensor


def simulate(
    frames: int,
    skeleton: str,
    seed: int,
    *,
    bone_offset_mm: float = 0.0,
    camera_offset_mm: float = 0.0,
    noise_mm: float = 0.0,
    left: bool = False,
) -> Truth:
    """Draw a person, poses, viewpoints and hidden offsets."""
    generator = Generator().manual_seed(seed)
    model = HandModel()
    shape = ShapePrior().sample(1, generator)
    hand = model(PosePrior().sample(frames, generator), shape)
    rotation = sample_viewpoints(frames, generator)
    translation = torch.tensor([0.0, 0.0, 800.0]) + 80 * torch.randn(frames, 3, generator=generator)
    direction = torch.nn.functional.normalize(
        torch.randn(len(SKELETONS[skeleton]), 3, generator=generator), dim=1
    )
    length = bone_offset_mm * torch.rand(len(direction), 1, generator=generator)
    shifted = JointOffsets(skeleton, length * direction).apply(hand)
    vertices, joints, labels = (
        place(mirror(points) if left else points, rotation, translation)
        for points in (hand.vertices, hand.joints(skeleton), shifted)
    )
    shift = torch.nn.functional.normalize(torch.randn(3, generator=generator), dim=0) * camera_offset_mm
    noise = noise_mm * torch.randn(labels.shape, generator=generator)
    return Truth(vertices, joints, labels + shift + noise)


@dataclass(frozen=True)
class Errors:
    """Medians over joints and frames, or over hand pixels, in mm, and the seconds that the fit took."""

    to_labels: float
    to_true_joints: float
    depth: float
    silhouette_iou: float
    seconds: float


def measure(truth: Truth, skeleton: str) -> tuple[HandFit, Errors]:
    """Fit and compare."""
    model = HandModel()
    started = time.perf_counter()
    fit = fit_hands(truth.labels, skeleton)
    seconds = time.perf_counter() - started
    rows = torch.arange(len(truth.labels))
    vertices, joints = fit.pose(model, rows)
    bare = HandFit(**{**vars(fit), "offsets": JointOffsets(skeleton, torch.zeros_like(fit.offsets.offsets))})
    _, own_joints = bare.pose(model, rows)

    focal = WINDOW_PX * truth.joints.mean(1)[:, 2] / WINDOW_MM
    middle = truth.vertices[:, :, :2].mean(1) * 0 + truth.joints.mean(1)[:, :2]
    centre = (WINDOW_PX - 1) / 2 - middle * focal[:, None] / truth.joints.mean(1)[:, 2:]
    intrinsics = torch.cat([focal[:, None], focal[:, None], centre], 1)
    real, pair = (
        rasterise_depth(v, model.faces, intrinsics, WINDOW_PX, WINDOW_PX) for v in (truth.vertices, vertices)
    )
    # The forearm follows no label; what lies outside of the hand cube is not compared.
    near = (real - truth.joints.mean(1)[:, 2, None, None]).abs() < 150
    both = (real > 0) & (pair > 0) & near
    either = ((real > 0) | (pair > 0)) & (near | (real == 0))
    return fit, Errors(
        to_labels=float((joints - truth.labels).norm(dim=-1).median()),
        to_true_joints=float((own_joints - truth.joints).norm(dim=-1).median()),
        depth=float((real - pair)[both].abs().median()),
        silhouette_iou=float(both.sum() / either.sum()),
        seconds=seconds,
    )


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--skeleton", action="append", choices=list(SKELETONS))
    parser.add_argument("--offset", type=float, default=8.0, help="longest hidden offset in mm")
    parser.add_argument("--camera-offset", type=float, default=0.0, help="in camera coordinates, in mm")
    parser.add_argument("--noise", type=float, default=0.0, help="standard deviation of the labels in mm")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--left", action="store_true")
    options = parser.parse_args()
    print("skeleton  seed  labels mm  true joints mm  depth mm  silhouette IoU  s per frame  left")
    for skeleton in options.skeleton or ["nyu14", "anny21", "icvl16"]:
        for seed in range(options.seeds):
            truth = simulate(
                options.frames,
                skeleton,
                seed,
                bone_offset_mm=options.offset,
                camera_offset_mm=options.camera_offset,
                noise_mm=options.noise,
                left=options.left,
            )
            fit, errors = measure(truth, skeleton)
            print(
                f"{skeleton:8s}  {seed:4d}  {errors.to_labels:9.2f}  {errors.to_true_joints:14.2f}  "
                f"{errors.depth:8.2f}  {errors.silhouette_iou:14.3f}  {errors.seconds / options.frames:11.3f}"
                f"  {bool(fit.left[0])}",
                flush=True,
            )


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
