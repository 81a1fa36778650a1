"""Levenberg-Marquardt for many hands at once.

Frames do not know of each other but through the shapes and offsets they share, so the normal equations are an
arrow: a small block per frame and one block of shared unknowns. Eliminating the frames (the Schur complement)
leaves a system of the size of the shared block, whatever the number of frames.

Limits of angles and shapes are kept by projection: an unknown at its limit that the gradient pushes outwards
is held for the step, and a step that leaves the box is cut at it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from murauer.hand.articulation import rotation_about
from murauer.hand.fitting.problem import FittingProblem, NormalEquations, Unknowns

FIRST_DAMPING = 1e-2
TOLERANCE = 1e-4
"""A joint fit ends when an accepted step lowers the cost by less than this share."""

_SMALLEST, _LARGEST = 1e-6, 1e6

Step = Callable[[], object]


def fit_frames(problem: FittingProblem, unknowns: Unknowns, iterations: int) -> Unknowns:
    """Fit poses and placements with shapes and offsets as they are, each frame with a damping of its own."""
    damping = torch.full((len(unknowns.angles),), FIRST_DAMPING, dtype=torch.float64)
    cost = problem.frame_cost(unknowns)
    for _ in range(iterations):
        equations = _hold(problem, unknowns, problem.linearise(unknowns, shared=False))
        step = -_solve(equations.frame, damping, equations.frame_gradient[..., None])[..., 0]
        candidate = _moved_frames(problem, unknowns, step)
        new_cost = problem.frame_cost(candidate)
        better = new_cost < cost
        unknowns, cost = unknowns.with_frames(candidate, better), torch.where(better, new_cost, cost)
        damping = torch.where(better, damping / 5, damping * 5).clamp(_SMALLEST, _LARGEST)
    return unknowns


def fit_jointly(
    problem: FittingProblem,
    unknowns: Unknowns,
    iterations: int,
    *,
    offsets: bool,
    after_step: Step = lambda: None,
) -> Unknowns:
    """Fit everything together.

    Args:
        problem: The labels.
        unknowns: Where to begin.
        iterations: Most iterations.
        offsets: Whether the offsets are fitted, too.
        after_step: Called after every iteration.

    Returns:
        Unknowns of a cost not above the first.
    """
    damping = FIRST_DAMPING
    cost = float(problem.frame_cost(unknowns).sum() + problem.shared_cost(unknowns))
    for _ in range(iterations):
        candidate = _joint_step(problem, unknowns, damping, offsets)
        new_cost = float(problem.frame_cost(candidate).sum() + problem.shared_cost(candidate))
        gain = cost - new_cost
        if gain > 0:
            unknowns, cost = candidate, new_cost
        damping = min(max(damping / 5 if gain > 0 else damping * 5, _SMALLEST), _LARGEST)
        after_step()
        if 0 < gain < TOLERANCE * cost or damping == _LARGEST:
            break
    return unknowns


def _joint_step(problem: FittingProblem, unknowns: Unknowns, damping: float, offsets: bool) -> Unknowns:
    equations = _hold(problem, unknowns, problem.linearise(unknowns))
    each = torch.full((len(equations.frame),), damping, dtype=torch.float64)
    right = torch.cat([equations.cross, equations.frame_gradient[..., None]], -1)
    solved = _solve(equations.frame, each, right)
    gain, own_step = solved[..., :-1], -solved[..., -1]

    reduced = equations.shared - equations.cross.mT @ gain
    reduced_gradient = equations.shared_gradient + (equations.cross.mT @ own_step[..., None])[..., 0]
    columns = _shared_columns(problem, unknowns)  # (F, m): where this frame's shared unknowns are in all
    n_shared = unknowns.shape.numel() + unknowns.offsets.numel()
    matrix = torch.zeros(n_shared, n_shared, dtype=torch.float64)
    matrix.index_put_((columns[:, :, None], columns[:, None, :]), reduced, accumulate=True)
    diagonal = torch.zeros(n_shared, dtype=torch.float64)
    diagonal.index_put_((columns,), equations.shared.diagonal(dim1=1, dim2=2), accumulate=True)
    gradient = torch.zeros(n_shared, dtype=torch.float64)
    gradient.index_put_((columns,), reduced_gradient, accumulate=True)

    prior, prior_gradient = _shared_prior(problem, unknowns)
    matrix += torch.diag(prior + damping * (diagonal + prior))
    gradient += prior_gradient
    held = _held_shapes(problem, unknowns, gradient)
    if not offsets:
        held[unknowns.shape.numel() :] = True
    matrix[held], matrix[:, held], gradient[held] = 0.0, 0.0, 0.0
    matrix += torch.diag(held.double())
    shared_step = -torch.linalg.solve(matrix, gradient)

    step = own_step - (gain @ shared_step[columns][..., None])[..., 0]
    shape_step, offset_step = shared_step.split([unknowns.shape.numel(), unknowns.offsets.numel()])
    shape = unknowns.shape + shape_step.view_as(unknowns.shape)
    return replace(
        _moved_frames(problem, unknowns, step),
        shape=shape.clamp(problem.shape_low, problem.shape_high),
        offsets=unknowns.offsets + offset_step.view_as(unknowns.offsets),
    )


def _hold(problem: FittingProblem, unknowns: Unknowns, equations: NormalEquations) -> NormalEquations:
    """Take angles out of the equations that are at a limit and pushed outwards."""
    n_angles = unknowns.angles.shape[1]
    slope = equations.frame_gradient[:, :n_angles]
    held = ((unknowns.angles <= problem.angle_low) & (slope > 0)) | (
        (unknowns.angles >= problem.angle_high) & (slope < 0)
    )
    free = (~torch.nn.functional.pad(held, (0, 6))).double()
    return replace(
        equations,
        frame=equations.frame * free[:, :, None] * free[:, None, :] + torch.diag_embed(1 - free),
        cross=equations.cross * free[..., None],
        frame_gradient=equations.frame_gradient * free,
    )


def _held_shapes(problem: FittingProblem, unknowns: Unknowns, gradient: Tensor) -> Tensor:
    """Which shared unknowns (n_shared,) are shapes at a limit, pushed outwards."""
    slope = gradient[: unknowns.shape.numel()].view_as(unknowns.shape)
    held = ((unknowns.shape <= problem.shape_low) & (slope > 0)) | (
        (unknowns.shape >= problem.shape_high) & (slope < 0)
    )
    return torch.nn.functional.pad(held.flatten(), (0, unknowns.offsets.numel()))


def _shared_columns(problem: FittingProblem, unknowns: Unknowns) -> Tensor:
    n_shape = unknowns.shape.shape[1]
    shape = problem.person[:, None] * n_shape + torch.arange(n_shape)
    offsets = unknowns.shape.numel() + torch.arange(unknowns.offsets.numel())
    return torch.cat([shape, offsets.expand(len(shape), -1)], 1)


def _shared_prior(problem: FittingProblem, unknowns: Unknowns) -> tuple[Tensor, Tensor]:
    """Diagonal of the second derivative and gradient of the shared cost, (n_shared,) each."""
    shape = problem.shared_weight * problem.shape_deviation**-2
    offset = problem.shared_weight * problem.weights.offset_mm**-2
    curvature = torch.cat(
        [shape.repeat(len(unknowns.shape)), torch.full((unknowns.offsets.numel(),), offset).double()]
    )
    value = torch.cat([(unknowns.shape - problem.shape_mean).flatten(), unknowns.offsets.flatten()])
    return curvature, curvature * value


def _solve(matrix: Tensor, damping: Tensor, right: Tensor) -> Tensor:
    """Solve (F, n, n) systems with Marquardt's damping, which scales with the diagonal."""
    damped = matrix + torch.diag_embed(damping[:, None] * matrix.diagonal(dim1=1, dim2=2))
    return torch.cholesky_solve(right, torch.linalg.cholesky(damped))


def _moved_frames(problem: FittingProblem, unknowns: Unknowns, step: Tensor) -> Unknowns:
    """Apply steps (F, D + 6): angles, a turn about the camera's axes, a translation."""
    angles, turn, shift = step.split([unknowns.angles.shape[1], 3, 3], 1)
    angle = turn.norm(dim=-1)
    axis = turn / angle.clamp(min=1e-12)[:, None]
    return replace(
        unknowns,
        angles=(unknowns.angles + angles).clamp(problem.angle_low, problem.angle_high),
        rotation=rotation_about(axis, angle) @ unknowns.rotation,
        translation=unknowns.translation + shift,
    )
