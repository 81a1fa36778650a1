"""Everyday scenes: hands that hold things, seen by their owner, with another hand and what stands on a table.

They begin as hands posed in front of a camera; a share of these is given something to hold, a share is moved
to where people see their own hands, and a share stands over a table with things on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from murauer.hand.articulation import ANGLE_NAMES
from murauer.hand.clutter import ClutterPiece
from murauer.hand.draws import Draws
from murauer.hand.grasps import GraspSampler
from murauer.hand.held_things import PARTS
from murauer.hand.household import laid_table
from murauer.hand.model import HandModel, mirror, place
from murauer.hand.people import limb
from murauer.hand.pose_prior import ANY_POSE, PosePrior
from murauer.hand.scenes import Scenes
from murauer.hand.shape import SHAPE_NAMES
from murauer.hand.solids import unit_cube
from murauer.hand.viewpoint import sample_own_views

_HAND = ANGLE_NAMES.index("wrist_flexion")
"""Angles before this one are those of fingers and palm."""

_RIM = 16
"""Vertices at the cut across the forearm."""


@dataclass(frozen=True)
class EverydayPrior:
    """What there is, as shares of all scenes.

    Attributes:
        grasp: The hand holds a thing.
        own_view: It is seen by its owner: nearer, the arm from below or from the side.
        second_hand: The other hand is beside it.
        table: It is above a table, which it touches in a part of the scenes.
        things: Of household that stand on the table, at most.
    """

    grasp: float = 0.35
    own_view: float = 0.3
    second_hand: float = 0.15
    table: float = 0.3
    things: int = 3

    def any(self) -> bool:
        """Whether there is anything."""
        return max(self.grasp, self.own_view, self.second_hand, self.table) > 0


class EverydayScenes:
    """Makes everyday scenes of posed hands.

    Args:
        model: The hand model.
        prior: What there is.
        poses: Of the other hand.
    """

    def __init__(
        self, model: HandModel, prior: EverydayPrior | None = None, poses: PosePrior = ANY_POSE
    ) -> None:
        self.model, self.prior, self.poses = model, prior or EverydayPrior(), poses
        self.grasps = GraspSampler(model)
        self.cube, self.faces = unit_cube(torch.device("cpu"))
        # The last vertex is the middle of the cut across the forearm.
        rest = model.rest_state(torch.zeros(1, len(model.shape_names)))[0][0]
        self._cut = (rest - rest[-1]).norm(dim=1).topk(_RIM, largest=False)[1]

    @torch.no_grad()
    def __call__(
        self,
        angles: Tensor,
        shape: Tensor,
        rotation: Tensor,
        position: Tensor,
        generator: Generator,
        *,
        grasped_by: Tensor | None = None,
    ) -> Scenes:
        """Make scenes.

        Args:
            angles: Of the hands, (B, D); of those that hold something only the wrist's are kept.
            shape: (B, S).
            rotation: Camera from hand, (B, 3, 3).
            position: Of the palms' centres in mm, (B, 3); both are drawn again for hands that are seen by
                their owner.
            generator: Source of randomness.
            grasped_by: Shape of the hand (1, S) for which grasps are made; by default they are made for each
                hand itself. Then poses do not depend on people, and things are as large as their hands.
        """
        prior, n = self.prior, len(angles)
        angles, rotation, position = angles.clone(), rotation.clone(), position.clone()
        draw = Draws(n, generator)
        own = draw.rows(prior.own_view)
        rotation[own], position[own] = sample_own_views(len(own), generator)
        # A camera on the head looks down, others look straight, more or less.
        pitch = torch.deg2rad(10 * draw.normal())
        pitch[own] = torch.deg2rad(Draws(len(own), generator).between(15, 75))
        holding = draw.rows(prior.grasp)
        hand = shape[holding] if grasped_by is None else grasped_by.expand(len(holding), -1)
        grasps = self.grasps.sample(hand, generator)
        larger = (shape[holding] - hand)[:, SHAPE_NAMES.index("size"), None, None, None].exp()
        held = larger * grasps.vertices
        angles[holding, :_HAND] = torch.where(
            grasps.there[:, None], grasps.angles[:, :_HAND], angles[holding, :_HAND]
        )
        pieces = [
            ClutterPiece(
                "held",
                place(held[:, k], rotation[holding], position[holding]),
                self.faces,
                holding,
            )
            for k in range(PARTS)
        ]
        hands = self.model(angles, shape)
        if len(own):
            wrist = hands.joints("anny21")[own, :1]
            arm = torch.cat([hands.vertices[own][:, self._cut], wrist], 1)
            pieces.append(self._sleeve(place(arm, rotation[own], position[own]), own, generator))
        second = draw.rows(prior.second_hand)
        if len(second):
            pieces.append(self._second_hand(shape, rotation, position, own, second, generator))
        on_table = draw.rows(prior.table)
        if len(on_table):
            placed = place(hands.vertices[on_table], rotation[on_table], position[on_table])
            solids = laid_table(
                self.cube, placed, position[on_table], pitch[on_table], prior.things, generator
            )
            pieces += [ClutterPiece("table", solid, self.faces, on_table) for solid in solids]
        return Scenes(hands, self.model.faces, rotation, position, tuple(pieces))

    def _sleeve(self, arm: Tensor, rows: Tensor, generator: Generator) -> ClutterPiece:
        """Goes on where arms end: middle and border of the cut across them, and wrists, (B, 1 + N + 1, 3)."""
        end, rim, wrist = arm[:, 0], arm[:, 1:-1], arm[:, -1]
        draw = Draws(len(rows), generator)
        radius = (rim - end[:, None]).norm(dim=-1).amax(1) * draw.between(1.0, 1.4)
        along = torch.nn.functional.normalize(end - wrist, dim=1)
        covered = draw.between(0, 100, 1)
        vertices = limb(self.cube, end - along * covered, end + 260 * along, radius, torch.ones_like(radius))
        return ClutterPiece("sleeve", vertices, self.faces, rows)

    def _second_hand(
        self,
        shape: Tensor,
        rotation: Tensor,
        position: Tensor,
        own: Tensor,
        rows: Tensor,
        generator: Generator,
    ) -> ClutterPiece:
        """The other hand of the same person, a mirror image in another pose."""
        n, draw = len(rows), Draws(len(rows), generator)
        hand = self.model(self.poses.sample(n, generator), shape[rows])
        turned, _ = sample_own_views(n, generator)
        seen_by_owner = torch.isin(rows, own)[:, None, None]
        mirrored = torch.diag(torch.tensor([-1.0, 1.0, 1.0]))
        turned = torch.where(seen_by_owner, turned, mirrored @ rotation[rows] @ mirrored)
        side = torch.where(draw.chance(0.5), -1.0, 1.0)
        away = torch.stack([side * draw.between(85, 230), 40 * draw.normal(), 45 * draw.normal()], -1)
        at = position[rows] + away
        at[:, 2].clamp_(min=180.0)
        return ClutterPiece("hand", place(mirror(hand.vertices), turned, at), self.model.faces, rows)
