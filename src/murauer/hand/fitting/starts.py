"""Where a fit begins: the poses of a library that, moved rigidly, come closest to the labels."""

from __future__ import annotations

from functools import cache

import torch
from torch import Generator, Tensor

from murauer.hand.fitting.problem import FittingProblem, Unknowns, joined
from murauer.hand.gestures import GESTURE_NAMES, gesture
from murauer.hand.pose_prior import PosePrior

LIBRARY_SIZE = 200
STARTS_CHUNK = 200
"""Frames compared with the library at a time."""


@cache
def pose_library() -> Tensor:
    """Gestures and poses of the prior, (K, D) radians, float64."""
    drawn = PosePrior().sample(LIBRARY_SIZE, Generator().manual_seed(1))
    return torch.cat([torch.stack([gesture(name) for name in GESTURE_NAMES]), drawn]).double()


def align(source: Tensor, target: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Rigid motions that take points onto points with the least squared distance (Kabsch).

    Args:
        source: (..., J, 3).
        target: (..., J, 3).
        weight: (..., J), at least 0.

    Returns:
        Rotations (..., 3, 3) and translations (..., 3): target = rotation source + translation.
    """
    share = (weight / weight.sum(-1, keepdim=True))[..., None]
    source_mean, target_mean = (share * source).sum(-2), (share * target).sum(-2)
    covariance = (share * (target - target_mean[..., None, :])).mT @ (source - source_mean[..., None, :])
    u, _, vh = torch.linalg.svd(covariance)
    flip = torch.ones_like(u[..., 0])
    flip[..., 2] = torch.linalg.det(u @ vh)  # a rotation, no mirror image
    rotation = (u * flip[..., None, :]) @ vh
    return rotation, target_mean - (rotation @ source_mean[..., None])[..., 0]


def starts(problem: FittingProblem, shape: Tensor, offsets: Tensor, number: int) -> list[Unknowns]:
    """Choose the library's poses nearest to the labels of every frame.

    Args:
        problem: The labels of F frames.
        shape: (P, S) of each person.
        offsets: (J, 3) mm.
        number: How many starts.

    Returns:
        So many starts for all frames, the nearest first.
    """
    library = pose_library()
    chosen = []
    for rows in torch.arange(len(problem.person)).split(STARTS_CHUNK):
        part = problem.of_frames(rows)
        # All persons differ in size; the mean shape is near enough to rank poses.
        joints, bones = problem.model.joint_frames(library, shape.mean(0, keepdim=True), problem.skeleton)
        hands = joints + (bones * offsets[:, None]).sum(-1)  # (K, J, 3)
        labels, weight = part.labels[:, None], part.labelled[:, None].double()
        rotation, translation = align(hands, labels, weight)
        misfit = (hands @ rotation.mT + translation[..., None, :] - labels).norm(dim=-1)
        ranked = (misfit * weight).sum(-1).argsort(dim=1, stable=True)[:, :number]  # (F, number)
        frame = torch.arange(len(rows))
        chosen.append(
            [
                Unknowns(library[k], rotation[frame, k], translation[frame, k], shape, offsets)
                for k in ranked.unbind(1)
            ]
        )
    return [joined(parts) for parts in zip(*chosen, strict=True)]


def relative_sizes(problem: FittingProblem, persons: int) -> Tensor:
    """How large each person's hand is compared with the mean hand, (P,); NaN without labels.

    Compared are distances between joints that hardly depend on the pose. Good within a few per cent, which is
    enough to tell poses apart.
    """
    joints = problem.model.joint_frames(pose_library(), problem.shape_mean[None], problem.skeleton)[0]
    a, b = torch.triu_indices(joints.shape[1], joints.shape[1], 1)
    usual = (joints[:, a] - joints[:, b]).norm(dim=-1)  # (K, pairs)
    steadiest = (usual.std(0) / usual.mean(0)).argsort()[: max(6, len(a) // 6)]
    a, b, usual = a[steadiest], b[steadiest], usual[:, steadiest].median(0).values
    known = problem.labelled[:, a] & problem.labelled[:, b]
    ratio = (problem.labels[:, a] - problem.labels[:, b]).norm(dim=-1) / usual
    own = [ratio[known & (problem.person == person)[:, None]] for person in range(persons)]
    return torch.stack([x.median() if len(x) else x.new_tensor(torch.nan) for x in own])


def first_shapes(problem: FittingProblem, persons: int) -> Tensor:
    """Mean shapes with the size of each person as the labels show it, (P, S)."""
    size = relative_sizes(problem, persons).log().nan_to_num(float(problem.shape_mean[0]))
    shapes = problem.shape_mean.repeat(persons, 1)
    shapes[:, 0] = size.clamp(problem.shape_low[0], problem.shape_high[0])
    return shapes
