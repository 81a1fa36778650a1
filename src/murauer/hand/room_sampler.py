"""Furnishes rooms at random: who is there, where the hands are, what they touch and what is in the way."""

import math

import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from murauer.hand.articulation import ANGLE_NAMES
from murauer.hand.draws import Draws
from murauer.hand.grasps import GraspSampler
from murauer.hand.household import laid_table
from murauer.hand.model import HandModel, mirror, place
from murauer.hand.people import limb, trunks
from murauer.hand.pose_prior import ANY_POSE, PosePrior
from murauer.hand.rooms import BALL_MM, HANDS, PALM, THINGS, RoomPrior, Rooms
from murauer.hand.shape import ANYBODY, ShapePrior
from murauer.hand.solids import ball, cylinder, unit_cube, upright
from murauer.hand.viewpoint import sample_own_views, sample_viewpoints

WAVES = 3
"""Of a room's wrinkles."""

HOUSEHOLD = 4
"""Things on a table, at most."""


class RoomSampler:
    """Furnishes rooms.

    Args:
        prior: What there is in them.
    """

    def __init__(self, prior: RoomPrior | None = None) -> None:
        self.prior = prior or RoomPrior()
        self.hand = HandModel()
        self.poses = ANY_POSE if self.prior.anybody else PosePrior()
        self.shapes = ShapePrior(ANYBODY) if self.prior.anybody else ShapePrior()
        self.cube, self.faces = unit_cube(torch.device("cpu"))
        self.grasps = GraspSampler(self.hand) if self.prior.holding else None

    def sample(self, batch: int, generator: Generator) -> Rooms:
        """Draw rooms; each has people of its own."""
        prior, draw = self.prior, Draws(batch, generator)
        first_there = draw.chance(prior.first)
        there = torch.stack([first_there, first_there & draw.chance(prior.second)], 1)
        first_left = draw.chance(0.5)
        second_left = first_left ^ draw.chance(0.85)  # mostly of the same person
        left = torch.stack([first_left, second_left], 1)
        palms_wanted = self._palms(draw)
        own = torch.zeros(batch, dtype=torch.bool)
        if prior.own_view:
            own = draw.chance(prior.own_view)
            palms_wanted = torch.where(own[:, None, None], self._own_palms(draw), palms_wanted)
        shape = self.shapes.sample(batch, generator)
        held: list[Tensor] = []
        meshes, joints, elbows = zip(
            *(
                # Both hands are one person's.
                self._hand(left[:, k], palms_wanted[:, k], shape, own, held if k == 0 else None, draw)
                for k in range(HANDS)
            ),
            strict=True,
        )
        palms = torch.stack(joints, 1)[:, :, PALM]
        solids = [
            *self._person(palms, torch.stack(elbows, 1), left, there, own, draw),
            *self._supports(meshes[0], palms[:, 0], draw),
            *self._things(palms[:, 0], draw),
        ]
        if prior.household:
            laid = draw.chance(prior.household)
            pitch = torch.where(own, draw.between(0.3, 1.3), self._pitch(draw))
            table = laid_table(self.cube, meshes[0], palms[:, 0], pitch, HOUSEHOLD, generator)
            solids += [_vanish(solid, laid) for solid in table]
        # What is held is as it was when the fingers closed around it.
        wrinkled = torch.cat([_wrinkled(torch.cat(solids, 1), draw), *held], 1)
        return Rooms(
            hands=torch.stack([_vanish(mesh, there[:, k]) for k, mesh in enumerate(meshes)], 1),
            hand_faces=self.hand.faces,
            joints=torch.stack(joints, 1),
            left=left,
            there=there,
            solids=wrinkled,
            solid_faces=torch.cat([self.faces + k * len(self.cube) for k in range(len(solids) + len(held))]),
        )

    def _palms(self, draw: Draws) -> Tensor:
        """Where the two hands are, (B, 2, 3): the first in view, the second near to it or anywhere."""
        prior = self.prior
        near, far = prior.distance_mm
        z = near * (far / near) ** draw.between(0, 1, 2)
        slopes = draw.between(-1, 1, 2, 2) * torch.tensor(prior.half_field)
        anywhere = torch.cat([slopes * z[..., None], z[..., None]], -1)
        direction = draw.rotations()[:, 0] * torch.tensor([1.0, 1.0, 0.6])
        beside = anywhere[:, 0] + direction * draw.between(60, 260)[:, None]
        touching = draw.chance(prior.touching)
        second = torch.where(touching[:, None], beside, anywhere[:, 1])
        return torch.stack([anywhere[:, 0], second], 1)

    def _own_palms(self, draw: Draws) -> Tensor:
        """Where people see their own hands, (B, 2, 3), the second one beside the first or anywhere."""
        (_, first), (_, anywhere) = (sample_own_views(draw.n, draw.generator) for _ in range(HANDS))
        away = draw.normal(3) * torch.tensor([140.0, 45.0, 50.0])
        away[:, 0] += 80 * away[:, 0].sign()
        beside = torch.where(draw.chance(0.7)[:, None], first + away, anywhere)
        beside[:, 2].clamp_(min=180.0)
        return torch.stack([first, beside], 1)

    def _hand(
        self,
        left: Tensor,
        palm: Tensor,
        shape: Tensor,
        own: Tensor,
        held: list[Tensor] | None,
        draw: Draws,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Pose hands, their centre joint at a place: vertices (B, V, 3), joints (B, 14, 3), elbows (B, 3).

        What they hold is added to a list, where there is one.
        """
        batch, generator = draw.n, draw.generator
        angles = self.poses.sample(batch, generator)
        things: Tensor | None = None
        if self.grasps is not None and held is not None:
            grasps = self.grasps.sample(shape, generator)
            holding = grasps.there & draw.chance(self.prior.holding)
            wrist = ANGLE_NAMES.index("wrist_flexion")
            angles[:, :wrist] = torch.where(holding[:, None], grasps.angles, angles)[:, :wrist]
            things = grasps.vertices * holding[:, None, None, None]
        posed = self.hand(angles, shape)
        rotation = sample_viewpoints(batch, generator, any_share=0.3)
        if own.any():
            rotation = torch.where(own[:, None, None], sample_own_views(batch, generator)[0], rotation)

        def placed(points: Tensor, origin: Tensor) -> Tensor:
            return place(torch.where(left[:, None, None], mirror(points), points), rotation, origin)

        joints = placed(posed.joints("nyu14"), palm)
        origin = 2 * palm - joints[:, PALM]
        mesh = placed(posed.vertices, origin)
        if things is not None and held is not None:
            held += [placed(part, origin) * part.any(2).any(1)[:, None, None] for part in things.unbind(1)]
        cut = mesh[:, -1]  # the last vertex is the middle of the cut across the forearm
        return mesh, placed(posed.joints("nyu14"), origin), cut + 0.15 * (cut - palm)

    def _person(
        self,
        palms: Tensor,
        elbows: Tensor,
        left: Tensor,
        there: Tensor,
        seen_by_owner: Tensor,
        draw: Draws,
    ) -> list[Tensor]:
        """The person whose hands they are, with upper arms and sleeves, and another person."""
        prior = self.prior
        tilt = _about_x(self._pitch(draw))
        turn = _about_y(draw.between(-0.7, 0.7))
        parts, shoulders = trunks(self.cube, draw.n, draw.generator)
        parts, shoulders = parts @ (tilt @ turn).mT[:, None], shoulders @ (tilt @ turn).mT
        own = torch.where(left[:, 0, None], shoulders[:, 1], shoulders[:, 0])
        away = draw.normal(3) * 0.5 + torch.tensor([0.0, -0.35, 1.0])
        reach = draw.between(200, 340)[:, None]
        middle = elbows[:, 0] + normalize((tilt @ away[..., None])[..., 0], dim=-1) * reach - own
        trunk_there = draw.chance(prior.trunk) & ~seen_by_owner
        solids = list(_vanish(parts + middle[:, None, None], trunk_there).unbind(1))
        stumps = draw.chance(prior.arm)
        for k in range(HANDS):
            shoulder = middle + torch.where(left[:, k, None], shoulders[:, 1], shoulders[:, 0])
            radius, taper = draw.between(42, 75), draw.between(0.6, 1.0)
            # Seen by their owner, arms go on as they come, behind the camera.
            on = elbows[:, k] + 300 * normalize(elbows[:, k] - palms[:, k], dim=-1)
            shoulder = torch.where(seen_by_owner[:, None], on, shoulder)
            length = (shoulder - elbows[:, k]).norm(dim=-1)
            upper = limb(self.cube, shoulder, elbows[:, k], radius, taper)
            with_arm = there[:, k] | (stumps & (k == 0))
            solids.append(_vanish(upper, (trunk_there | seen_by_owner) & with_arm & (length < 550)))
            # The sleeve covers some of the forearm; without a hand it is a forearm without one.
            end = elbows[:, k].lerp(palms[:, k], draw.between(0.05, 0.5)[:, None])
            sleeve = limb(self.cube, elbows[:, k], end, radius * taper, draw.between(0.6, 1))
            sleeved = draw.chance(0.5) & there[:, k] | ~there[:, k]
            solids.append(_vanish(sleeve, with_arm & sleeved))
        other, _ = trunks(self.cube, draw.n, draw.generator)
        z = draw.between(700, 2500)
        x, y = draw.between(-0.7, 0.7) * z, draw.between(-0.2, 0.7) * z
        other = other @ tilt.mT[:, None] + torch.stack([x, y, z], -1)[:, None, None]
        return solids + list(_vanish(other, draw.chance(prior.other)).unbind(1))

    def _pitch(self, draw: Draws) -> Tensor:
        """Angle by which the camera looks down, radians (B,): mostly little, now and then on a table."""
        little = 0.2 * draw.normal()
        down = draw.between(0.3, math.pi / 2)
        return torch.where(draw.chance(0.25), down, little)

    def _supports(self, mesh: Tensor, palm: Tensor, draw: Draws) -> list[Tensor]:
        """A table or wall at the first hand, a large round thing at it, and a wall behind everything."""
        prior = self.prior
        below = (_about_x(self._pitch(draw)) @ mesh.new_tensor([0.0, 1.0, 0.0])).neg()
        below = below * below[:, 1:2].sign()  # downwards, whichever way the camera is tilted
        behind = draw.normal(3) * 0.3 + torch.tensor([0.0, 0.0, 1.0])
        flat = draw.chance(0.6)[:, None]
        outward = normalize(torch.where(flat, below + 0.1 * behind, behind), dim=-1)
        size = draw.between(250, 700, 3)
        size[:, 1] = 15.0
        slab = self.cube * size[:, None]
        shift = draw.between(-150, 150, 3)
        table = self._at_hand(slab, outward, mesh, palm, draw) + _across(shift, outward)[:, None]
        lap_size = draw.between(90, 300, 3)
        lap = self._at_hand(ball(self.cube) * lap_size[:, None], normalize(behind, dim=-1), mesh, palm, draw)
        wall = self.cube * mesh.new_tensor([4000.0, 4000.0, 10.0])
        wall = wall @ _about_y(draw.between(-0.5, 0.5)).mT
        wall = wall + mesh.new_tensor([0.0, 0.0, 1.0]) * draw.between(1400, 4500)[:, None, None]
        return [
            _vanish(table, draw.chance(prior.support)),
            _vanish(lap, draw.chance(prior.body)),
            _vanish(wall, draw.chance(prior.wall)),
        ]

    def _at_hand(self, solid: Tensor, outward: Tensor, mesh: Tensor, palm: Tensor, draw: Draws) -> Tensor:
        """Put solids (B, V, 3), whose top is -y, on the side `outward` of hands, touching half of them."""
        near = (mesh - palm[:, None]).norm(dim=-1) < BALL_MM
        reach = torch.where(near, ((mesh - palm[:, None]) @ outward[..., None])[..., 0], -torch.inf).amax(1)
        gap = torch.where(
            draw.chance(0.5),
            draw.between(-8, 4),
            draw.between(10, 250),
        )
        turned = solid @ upright(outward, torch.zeros(draw.n)).mT
        top = ((turned @ outward[..., None])[..., 0]).amin(1)
        return turned + palm[:, None] + (outward * (reach + gap - top)[:, None])[:, None]

    def _things(self, palm: Tensor, draw: Draws) -> list[Tensor]:
        """Boxes, cylinders and balls, around the first hand or anywhere."""
        solids = []
        forms = torch.stack([self.cube, cylinder(self.cube), ball(self.cube)])
        for _ in range(THINGS):
            kind = draw.whole(3)
            size = 10 * 12 ** draw.between(0, 1, 3)
            turned = (forms[kind] * size[:, None]) @ draw.rotations().mT
            direction = draw.rotations()[:, 0]
            beside = palm + direction * (size.mean(1) + draw.between(30, 220))[:, None]
            z = draw.between(250, 2200)
            slopes = draw.between(-1, 1, 2) * torch.tensor(self.prior.half_field)
            anywhere = torch.cat([slopes * z[:, None], z[:, None]], 1)
            at = torch.where(draw.chance(0.5)[:, None], beside, anywhere)
            there = draw.chance(self.prior.thing)
            solids.append(_vanish(turned + at[:, None], there))
        return solids


def _vanish(vertices: Tensor, there: Tensor) -> Tensor:
    """Draw nothing where something is not there: all vertices in one point."""
    return vertices * there.view(-1, *[1] * (vertices.ndim - 1))


def _wrinkled(vertices: Tensor, draw: Draws) -> Tensor:
    """Bend surfaces (B, V, 3) by up to two centimetres: clothes have folds, and little is smooth."""
    moved = vertices
    for _ in range(WAVES):
        along = normalize(draw.normal(3, 1), dim=1)
        length = draw.between(50, 300, 1)
        height = 8 * draw.between(0, 1, 1).square()
        phase = 2 * math.pi * ((vertices @ along)[..., 0] / length + draw.between(0, 1, 1))
        push = normalize(draw.normal(1, 3), dim=2)
        moved = moved + (height * phase.sin())[..., None] * push
    return moved


def _across(vectors: Tensor, axis: Tensor) -> Tensor:
    return vectors - (vectors * axis).sum(-1, keepdim=True) * axis


def _about_x(angle: Tensor) -> Tensor:
    cos, sin, zero, one = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    rows = [[one, zero, zero], [zero, cos, -sin], [zero, sin, cos]]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def _about_y(angle: Tensor) -> Tensor:
    cos, sin, zero, one = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    rows = [[cos, zero, sin], [zero, one, zero], [-sin, zero, cos]]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)
