"""Hands that hold things: fingers close around them until they touch.

A thing is laid into an open hand, see `grasp_types`. Then every joint closes as far as the nearest segment
beyond it is from the thing, again and again: a finger whose first segment lies on the thing goes on bending
the others around it. What comes of it is judged, and what went wrong is drawn again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Generator, Tensor

from murauer.hand.articulation import ANGLE_LIMITS
from murauer.hand.finger_capsules import SEGMENTS, FingerCapsules, axis_points
from murauer.hand.grasp_types import CLOSING, Approach, pinch, wrap
from murauer.hand.held_things import Grips, draw_parts
from murauer.hand.model import HandModel
from murauer.hand.penetration import TOLERANCE_MM, penetration
from murauer.hand.shape import SHAPE_NAMES
from murauer.hand.solids import unit_cube

SKIN_MM = 1.0
"""How deep a thing sinks into the skin that touches it."""

TOUCHING_MM = 3.0
"""A segment touches a thing that is nearer."""

DEEPEST_MM = 3.0
"""Grasps in which a segment is deeper in the thing are drawn again."""

_STEPS, _SLIDES, _ATTEMPTS = 14, 6, 3
_SPEED = torch.tensor([1.0, 1.1, 0.8])  # of the three joints of a finger, relative to each other
_LEVER_MM = torch.tensor([90.0, 52.0, 27.0])  # from a joint to the fingertip
_HASTE = 1.7  # the bound on a fingertip's way is rarely reached


@dataclass(frozen=True, eq=False)
class Grasps:
    """B hands and what they hold.

    Attributes:
        angles: (B, D).
        there: Which of them hold something, (B,); the angles of the others are those of an open hand.
        vertices: Of the things in the hand frame, (B, PARTS, V, 3); all in one point where nothing is held.
        faces: int32 (F, 3), those of each part.
        grips: Where things are gripped.
        touching: Fingers, thumb first, that touch what they hold, (B, 5).
    """

    angles: Tensor
    there: Tensor
    vertices: Tensor
    faces: Tensor
    grips: Grips
    touching: Tensor


class GraspSampler:
    """Draws grasps.

    Args:
        model: The hand model.
        pinch_share: Share of grasps between the fingertips; the others are around things in the palm.
    """

    def __init__(self, model: HandModel, pinch_share: float = 0.4) -> None:
        self.model, self.pinch_share = model, pinch_share
        self.capsules = FingerCapsules(model)
        self.cube, self.faces = unit_cube(torch.device("cpu"))

    @torch.no_grad()
    def sample(self, shape: Tensor, generator: Generator) -> Grasps:
        """Let hands grasp something.

        Args:
            shape: Of the hands, (B, S).
            generator: Source of randomness.
        """
        radii, palm = self.capsules.measure(shape)
        done = self._attempt(shape, radii, palm, generator)
        for _ in range(_ATTEMPTS):
            rows = torch.nonzero(~done.there)[:, 0]
            if not len(rows):
                break
            again = self._attempt(shape[rows], radii[rows], palm[rows], generator)
            for name in ("angles", "there", "touching", "vertices"):
                getattr(done, name)[rows] = getattr(again, name)
            for name, values in vars(again.grips).items():
                getattr(done.grips, name)[rows] = values
        done.vertices.mul_(done.there[:, None, None, None])
        return done

    def _attempt(self, shape: Tensor, radii: Tensor, palm: Tensor, generator: Generator) -> Grasps:
        n = len(shape)
        scale = shape[:, SHAPE_NAMES.index("size")].exp()
        pinching = torch.rand(n, generator=generator) < self.pinch_share

        def joints(angles: Tensor) -> Tensor:
            return self.model.pose_joints(angles, shape, "anny21")

        approach = _choose(pinching, pinch(n, joints, radii, generator), wrap(n, scale, generator))
        grips = _slid(approach, torch.cat([palm, joints(approach.angles)[:, [1, 2]]], 1), radii)
        angles, distance = self._closed(approach, grips, shape, radii)
        fingers = distance.unflatten(1, (-1, SEGMENTS))
        touching = (fingers.amin(2) < TOUCHING_MM) & (approach.closed > approach.angles[:, CLOSING]).any(2)
        deep = torch.minimum(distance.amin(1), grips.distance(palm).amin(1)) < -DEEPEST_MM
        crossed = penetration(joints(angles) / scale[:, None, None]) > TOLERANCE_MM
        there = (touching.sum(1) >= 2) & ~deep & ~crossed
        vertices = draw_parts(self.cube, grips, approach.style, generator)
        return Grasps(angles, there, vertices, self.faces, grips, touching)

    def _closed(
        self, approach: Approach, grips: Grips, shape: Tensor, radii: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Close hands; angles (B, D), and how far their segments are from the things, (B, 15)."""
        angles = approach.angles.clone()
        low = ANGLE_LIMITS[CLOSING, 0]
        scale = shape[:, SHAPE_NAMES.index("size")].exp()
        bound = (_SPEED * _LEVER_MM).sum() * scale / _HASTE
        for _ in range(_STEPS):
            distance = self._distance(angles, grips, shape, radii)
            # What a joint moves: the nearest of its segment and all beyond.
            beyond = distance.unflatten(1, (-1, SEGMENTS)).flip(2).cummin(2).values.flip(2)
            step = (beyond + SKIN_MM).clamp(-25, 60) / bound[:, None, None] * _SPEED
            angles[:, CLOSING] = torch.minimum(angles[:, CLOSING] + step, approach.closed).maximum(low)
        return angles, self._distance(angles, grips, shape, radii)

    def _distance(self, angles: Tensor, grips: Grips, shape: Tensor, radii: Tensor) -> Tensor:
        points = axis_points(self.model.pose_joints(angles, shape, "anny21"))
        return grips.distance(points.flatten(1, 2)).unflatten(1, (radii.shape[1], -1)).amin(2) - radii


def _slid(approach: Approach, palm: Tensor, radii: Tensor) -> Grips:
    """Move things towards the palm until they touch it or the ball of the thumb."""
    grips = replace(approach.grips, position=approach.grips.position.clone())
    # The last two points are inside the thumb.
    skin = torch.zeros(palm.shape[:2])
    skin[:, -2:] = radii[:, :1]
    for _ in range(_SLIDES):
        gap = (grips.distance(palm) - skin).amin(1) + SKIN_MM
        grips.position[:, 2] -= torch.where(approach.sliding, gap, 0.0)
    return grips


def _choose(first: Tensor, one: Approach, other: Approach) -> Approach:
    """The one approach where `first` (B,) says so, else the other."""

    def pick(a: Any, b: Any) -> Any:
        if isinstance(a, Grips):
            return Grips(*map(pick, vars(a).values(), vars(b).values()))
        return torch.where(first.view(-1, *[1] * (a.ndim - 1)), a, b)

    return Approach(*map(pick, vars(one).values(), vars(other).values()))
