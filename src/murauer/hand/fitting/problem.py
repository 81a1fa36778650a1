"""What a fit minimises, and its derivatives.

Unknown are, for each frame, the joint angles and where the hand is (rotation, translation); for each person
the shape; and for the whole dataset one offset per joint in the frame of its bone. With r the difference
between predicted and labelled joint, the cost is the sum over all F frames

    sum over joints of huber(|r| / sigma)                    the labels
    + w / 2 (angles - mean)' C^-1 (angles - mean)            poses look human (a weak pull)

plus, once,

    k / 2 sum ((shape - mean) / deviation)^2                 people look like people
    + k / 2 sum (|offset| / sigma_o)^2                       joints are about where the model has them

with the mean and covariance C of the pose prior, the mean and deviation of the shape prior, and k = 1 +
`shared` F. The weight k grows with the frames because what the model cannot explain does so, too: with a
fixed one, hundreds of frames bend shapes to their limits and move joints by centimetres for the last tenth of
a millimetre, and the rendered hand no longer looks like the measured one.

Everything is of a right hand and float64: labels of left hands are mirrored before and results after.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Generator, Tensor

from murauer.hand.model import HandModel
from murauer.hand.pose_prior import PosePrior
from murauer.hand.shape import ADULT, SHAPE_NAMES


@dataclass(frozen=True)
class FittingWeights:
    """How much the parts of the cost count.

    Attributes:
        label_mm: Sigma, the expected error of a label along one axis.
        huber: Residuals beyond this many sigma count linearly.
        pose: W, the strength of the pose prior.
        offset_mm: Sigma_o, the expected size of an offset along one axis.
        shape_reach: Factor on the limits of the shape prior's size: children's and very large hands, too.
        shared: Weight of the priors of shapes and offsets per frame of the fit.
    """

    label_mm: float = 3.0
    huber: float = 3.0
    pose: float = 0.2
    offset_mm: float = 8.0
    shape_reach: float = 2.5
    shared: float = 0.3


@dataclass(frozen=True)
class Unknowns:
    """What is fitted.

    Attributes:
        angles: (F, D) radians.
        rotation: (F, 3, 3) camera from hand.
        translation: (F, 3) mm.
        shape: (P, S) of each person.
        offsets: (J, 3) mm.
    """

    angles: Tensor
    rotation: Tensor
    translation: Tensor
    shape: Tensor
    offsets: Tensor

    def of_frames(self, rows: Tensor) -> Unknowns:
        """Keep some frames."""
        return replace(
            self,
            angles=self.angles[rows],
            rotation=self.rotation[rows],
            translation=self.translation[rows],
        )

    def with_frames(self, other: Unknowns, mask: Tensor) -> Unknowns:
        """Take the frames where mask (F,) is set from another, the rest from here."""
        return replace(
            self,
            angles=torch.where(mask[:, None], other.angles, self.angles),
            rotation=torch.where(mask[:, None, None], other.rotation, self.rotation),
            translation=torch.where(mask[:, None], other.translation, self.translation),
        )


def joined(parts: Sequence[Unknowns]) -> Unknowns:
    """The frames of all parts, which share shapes and offsets, one after the other."""
    return replace(
        parts[0],
        angles=torch.cat([part.angles for part in parts]),
        rotation=torch.cat([part.rotation for part in parts]),
        translation=torch.cat([part.translation for part in parts]),
    )


@dataclass(frozen=True)
class NormalEquations:
    """Gauss-Newton's equations, one block per frame: n = D + 6 own unknowns, m = S + 3 J shared ones.

    Attributes:
        frame: (F, n, n).
        cross: (F, n, m).
        shared: (F, m, m), this frame's contribution.
        frame_gradient: (F, n).
        shared_gradient: (F, m).
    """

    frame: Tensor
    cross: Tensor
    shared: Tensor
    frame_gradient: Tensor
    shared_gradient: Tensor


@cache
def pose_statistics() -> tuple[Tensor, Tensor]:
    """Mean (D,) and inverse covariance (D, D) of the pose prior, float64."""
    angles = PosePrior().sample(4000, Generator().manual_seed(0)).double()
    spread = torch.cov(angles.T) + 0.02**2 * torch.eye(angles.shape[1], dtype=torch.float64)
    return angles.mean(0), torch.linalg.inv(spread)


class FittingProblem:
    """The labels of F frames of P persons and the cost of explaining them.

    Args:
        model: Float64.
        skeleton: Skeleton of the labels.
        labels: (F, J, 3) mm, camera coordinates; NaN where not labelled.
        person: (F,) index of the person of each frame, from 0.
        weights: Weights of the parts of the cost.
    """

    def __init__(
        self, model: HandModel, skeleton: str, labels: Tensor, person: Tensor, weights: FittingWeights
    ) -> None:
        self.model, self.skeleton, self.weights = model, skeleton, weights
        self.labelled = labels.isfinite().all(-1)  # (F, J)
        self.labels = torch.where(self.labelled[..., None], labels, 0.0)
        self.person = person
        self.shared_weight = 1.0 + weights.shared * len(labels)
        self.pose_mean, self.pose_precision = pose_statistics()
        self.angle_low, self.angle_high = model.angle_limits.T
        ranges = [ADULT[name] for name in SHAPE_NAMES]
        table = torch.tensor([[r.mean, r.deviation, r.low, r.high] for r in ranges], dtype=torch.float64)
        self.shape_mean, self.shape_deviation, self.shape_low, self.shape_high = table.T.clone()
        size = SHAPE_NAMES.index("size")
        self.shape_low[size] *= weights.shape_reach
        self.shape_high[size] *= weights.shape_reach

    def of_frames(self, rows: Tensor) -> FittingProblem:
        """The same problem for some of its frames."""
        labels = torch.where(self.labelled[..., None], self.labels, torch.nan)
        return FittingProblem(self.model, self.skeleton, labels[rows], self.person[rows], self.weights)

    def predict(self, unknowns: Unknowns) -> Tensor:
        """Labels (F, J, 3) as the unknowns explain them."""
        hand = self._hand(unknowns.angles, unknowns.shape[self.person], unknowns.offsets)
        return hand @ unknowns.rotation.mT + unknowns.translation[:, None]

    def distances(self, unknowns: Unknowns) -> Tensor:
        """Distance (F, J) in mm of each predicted joint to its label, NaN without one."""
        distance = (self.predict(unknowns) - self.labels).norm(dim=-1)
        return distance.masked_fill(~self.labelled, torch.nan)

    def frame_cost(self, unknowns: Unknowns) -> Tensor:
        """The cost that each frame adds, (F,)."""
        scaled = (self.predict(unknowns) - self.labels).norm(dim=-1) / self.weights.label_mm
        huber = self.weights.huber
        robust = torch.where(scaled < huber, 0.5 * scaled.square(), huber * (scaled - 0.5 * huber))
        deviation = unknowns.angles - self.pose_mean
        pose = ((deviation @ self.pose_precision) * deviation).sum(-1)
        return (robust * self.labelled).sum(-1) + 0.5 * self.weights.pose * pose

    def shared_cost(self, unknowns: Unknowns) -> Tensor:
        """The cost of the shapes and the offsets, a scalar."""
        shape = (unknowns.shape - self.shape_mean) / self.shape_deviation
        offsets = unknowns.offsets / self.weights.offset_mm
        return 0.5 * self.shared_weight * (shape.square().sum() + offsets.square().sum())

    def linearise(self, unknowns: Unknowns, *, shared: bool = True) -> NormalEquations:
        """Normal equations of all frames' costs, without those of :meth:`shared_cost`.

        Args:
            unknowns: Where.
            shared: Whether the shared unknowns move; without, there are m = 0 of them.
        """
        joints, bones = self.model.joint_frames(unknowns.angles, unknowns.shape[self.person], self.skeleton)
        turned = (joints + (bones * unknowns.offsets[:, None]).sum(-1)) @ unknowns.rotation.mT
        residual = (turned + unknowns.translation[:, None] - self.labels) * self.labelled[..., None]
        own = self._frame_jacobian(unknowns, turned).flatten(1, 2)
        common = own[..., :0]
        if shared:
            common = self._shared_jacobian(unknowns, bones).flatten(1, 2)
        # Iteratively reweighted: beyond huber sigma a residual pulls with constant force.
        distance = residual.norm(dim=-1).clamp(min=1e-9) / self.weights.label_mm
        weight = self.labelled * (self.weights.huber / distance).clamp(max=1.0) / self.weights.label_mm**2
        weight, flat = weight.repeat_interleave(3, 1)[..., None], residual.flatten(1)[..., None]
        weighted, weighted_common = (weight * own).mT, (weight * common).mT

        frame, gradient = weighted @ own, (weighted @ flat)[..., 0]
        n_angles = unknowns.angles.shape[1]
        pull = self.weights.pose * self.pose_precision
        frame[:, :n_angles, :n_angles] += pull
        gradient[:, :n_angles] += (unknowns.angles - self.pose_mean) @ pull
        return NormalEquations(
            frame,
            weighted @ common,
            weighted_common @ common,
            gradient,
            (weighted_common @ flat)[..., 0],
        )

    def _frame_jacobian(self, unknowns: Unknowns, turned: Tensor) -> Tensor:
        """Derivatives of the predictions by angles, a turn about the camera's axes and a shift, (F, J, 3, n).

        `turned` are the predictions without their translation.
        """
        shape = unknowns.shape[self.person]
        angles = _directional(lambda x: self._hand(x, shape, unknowns.offsets), unknowns.angles)
        moved = torch.eye(3, dtype=turned.dtype).expand(*turned.shape, 3)
        return torch.cat([_in_camera(angles, unknowns.rotation), -_cross_matrix(turned), moved], -1)

    def _shared_jacobian(self, unknowns: Unknowns, bones: Tensor) -> Tensor:
        """Derivatives of the predictions by the shape and all offsets, (F, J, 3, m)."""
        shape = unknowns.shape[self.person]
        shapes = _directional(lambda x: self._hand(unknowns.angles, x, unknowns.offsets), shape)
        n_frames, n_joints = bones.shape[:2]
        offsets = torch.zeros(n_frames, n_joints, 3, n_joints, 3, dtype=bones.dtype)
        each = torch.arange(n_joints)
        offsets[:, each, :, each] = (unknowns.rotation[:, None] @ bones).transpose(0, 1)
        return torch.cat([_in_camera(shapes, unknowns.rotation), offsets.flatten(3)], -1)

    def _hand(self, angles: Tensor, shape: Tensor, offsets: Tensor) -> Tensor:
        """Labels in the hand's own frame."""
        joints, rotations = self.model.joint_frames(angles, shape, self.skeleton)
        return joints + (rotations * offsets[:, None]).sum(-1)


def _directional(function: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    """Derivatives of a function of a batch, (F, K) to (F, J, 3), by each of the K: (K, F, J, 3)."""

    def along(tangent: Tensor) -> Tensor:
        derivative: Tensor = torch.func.jvp(function, (at,), (tangent.expand_as(at),))[1]
        return derivative

    return torch.func.vmap(along)(torch.eye(at.shape[1], dtype=at.dtype))


def _in_camera(derivatives: Tensor, rotation: Tensor) -> Tensor:
    """Derivatives (K, F, J, 3) in the hand's frame as (F, J, 3, K) in the camera's."""
    return (derivatives @ rotation.mT).permute(1, 2, 3, 0)


def _cross_matrix(v: Tensor) -> Tensor:
    """[v]x with [v]x w = v x w: (..., 3) to (..., 3, 3)."""
    x, y, z = v.unbind(-1)
    o = torch.zeros_like(x)
    return torch.stack([o, -z, y, z, o, -x, -y, x, o], -1).unflatten(-1, (3, 3))
