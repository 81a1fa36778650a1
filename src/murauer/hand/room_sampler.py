"""Furnishes rooms at random: who is there, where the hands are, what they touch and what is in the way."""

import math

import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from murauer.hand.articulation import ANGLE_NAMES
from murauer.hand.grasps import GraspSampler
from murauer.hand.household import laid_table
from murauer.hand.model import HandModel, mirror, place
from murauer.hand.people import limb, trunks
from murauer.hand.pose_prior import ANY_POSE, PosePrior
from murauer.hand.rooms import BALL_MM, HANDS, PALM, THINGS, RoomPrior, Rooms
from murauer.hand.shape import ANYBODY, ShapePrior
from murauer.hand.solids import ball, cylinder, rotations, uniform, unit_cube
from murauer.hand.viewpoint import sample_own_views, sample_viewpoints

WAVES = 3
"""Of a room's wrinkles."""

HOUSEHOLD = 4
"""Things on a table, at most."""


class RoomSampler:
    """Furnishes rooms.

    Args:
        prior: what there is in them.
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
        prior = self.prior
        first_there = self._chance(batch, prior.first, generator)
        there = torch.stack([first_there, first_there & self._chance(batch, prior.second, generator)], 1)
        first_left = self._chance(batch, 0.5, generator)
        second_left = first_left ^ self._chance(batch, 0.85, generator)  # mostly of the same person
        left = torch.stack([first_left, second_left], 1)
        palms_wanted = self._palms(batch, generator)
        own = torch.zeros(batch, dtype=torch.bool)
        if prior.own_view:
            own = self._chance(batch, prior.own_view, generator)
            palms_wanted = torch.where(own[:, None, None], self._own_palms(batch, generator), palms_wanted)
        shape = self.shapes.sample(batch, generator)
        held: list[Tensor] = []
        meshes, joints, elbows = zip(
            *(
                # Both hands are one person's.
                self._hand(left[:, k], palms_wanted[:, k], shape, own, held if k == 0 else None, generator)
                for k in range(HANDS)
            ),
            strict=True,
        )
        palms = torch.stack(joints, 1)[:, :, PALM]
        solids = [
            *self._person(palms, torch.stack(elbows, 1), left, there, own, generator),
            *self._supports(meshes[0], palms[:, 0], generator),
            *self._things(palms[:, 0], generator),
        ]
        if prior.household:
            laid = self._chance(batch, prior.household, generator)
            pitch = torch.where(own, self._between(batch, 0.3, 1.3, generator), self._pitch(batch, generator))
            table = laid_table(self.cube, meshes[0], palms[:, 0], pitch, HOUSEHOLD, generator)
            solids += [_vanish(solid, laid) for solid in table]
        # What is held is as it was when the fingers closed around it.
        wrinkled = torch.cat([_wrinkled(torch.cat(solids, 1), generator), *held], 1)
        return Rooms(
            hands=torch.stack([_vanish(mesh, there[:, k]) for k, mesh in enumerate(meshes)], 1),
            hand_faces=self.hand.faces,
            joints=torch.stack(joints, 1),
            left=left,
            there=there,
            solids=wrinkled,
            solid_faces=torch.cat([self.faces + k * len(self.cube) for k in range(len(solids) + len(held))]),
        )

    def _chance(self, batch: int, share: float, generator: Generator) -> Tensor:
        return torch.rand(batch, generator=generator) < share

    def _between(self, batch: int, low: float, high: float, generator: Generator) -> Tensor:
        return uniform(self.cube, (batch,), low, high, generator)

    def _palms(self, batch: int, generator: Generator) -> Tensor:
        """Where the two hands are, (B, 2, 3): the first in view, the second near to it or anywhere."""
        prior = self.prior
        near, far = prior.distance_mm
        z = near * (far / near) ** torch.rand(batch, 2, generator=generator)
        slopes = (torch.rand(batch, 2, 2, generator=generator) * 2 - 1) * torch.tensor(prior.half_field)
        anywhere = torch.cat([slopes * z[..., None], z[..., None]], -1)
        direction = rotations(self.cube, batch, generator)[:, 0] * torch.tensor([1.0, 1.0, 0.6])
        beside = anywhere[:, 0] + direction * self._between(batch, 60, 260, generator)[:, None]
        touching = self._chance(batch, prior.touching, generator)
        second = torch.where(touching[:, None], beside, anywhere[:, 1])
        return torch.stack([anywhere[:, 0], second], 1)

    def _own_palms(self, batch: int, generator: Generator) -> Tensor:
        """Where people see their own hands, (B, 2, 3), the second one beside the first or anywhere."""
        (_, first), (_, anywhere) = (sample_own_views(batch, generator) for _ in range(HANDS))
        away = torch.randn(batch, 3, generator=generator) * torch.tensor([140.0, 45.0, 50.0])
        away[:, 0] += 80 * away[:, 0].sign()
        beside = torch.where(self._chance(batch, 0.7, generator)[:, None], first + away, anywhere)
        beside[:, 2].clamp_(min=180.0)
        return torch.stack([first, beside], 1)

    def _hand(
        self,
        left: Tensor,
        palm: Tensor,
        shape: Tensor,
        own: Tensor,
        held: list[Tensor] | None,
        generator: Generator,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Pose hands, their centre joint at a place: vertices (B, V, 3), joints (B, 14, 3), elbows (B, 3).

        What they hold is added to a list, where there is one.
        """
        batch = len(left)
        angles = self.poses.sample(batch, generator)
        things: Tensor | None = None
        if self.grasps is not None and held is not None:
            grasps = self.grasps.sample(shape, generator)
            holding = grasps.there & self._chance(batch, self.prior.holding, generator)
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
        generator: Generator,
    ) -> list[Tensor]:
        """The person whose hands they are, with upper arms and sleeves, and another person."""
        prior, batch = self.prior, len(palms)
        tilt = _about_x(self._pitch(batch, generator))
        turn = _about_y(self._between(batch, -0.7, 0.7, generator))
        parts, shoulders = trunks(self.cube, batch, generator)
        parts, shoulders = parts @ (tilt @ turn).mT[:, None], shoulders @ (tilt @ turn).mT
        own = torch.where(left[:, 0, None], shoulders[:, 1], shoulders[:, 0])
        away = torch.randn(batch, 3, generator=generator) * 0.5 + torch.tensor([0.0, -0.35, 1.0])
        reach = self._between(batch, 200, 340, generator)[:, None]
        middle = elbows[:, 0] + normalize((tilt @ away[..., None])[..., 0], dim=-1) * reach - own
        trunk_there = self._chance(batch, prior.trunk, generator) & ~seen_by_owner
        solids = list(_vanish(parts + middle[:, None, None], trunk_there).unbind(1))
        stumps = self._chance(batch, prior.arm, generator)
        for k in range(HANDS):
            shoulder = middle + torch.where(left[:, k, None], shoulders[:, 1], shoulders[:, 0])
            radius, taper = self._between(batch, 42, 75, generator), self._between(batch, 0.6, 1.0, generator)
            # Seen by their owner, arms go on as they come, behind the camera.
            on = elbows[:, k] + 300 * normalize(elbows[:, k] - palms[:, k], dim=-1)
            shoulder = torch.where(seen_by_owner[:, None], on, shoulder)
            length = (shoulder - elbows[:, k]).norm(dim=-1)
            upper = limb(self.cube, shoulder, elbows[:, k], radius, taper)
            with_arm = there[:, k] | (stumps & (k == 0))
            solids.append(_vanish(upper, (trunk_there | seen_by_owner) & with_arm & (length < 550)))
            # The sleeve covers some of the forearm; without a hand it is a forearm without one.
            end = elbows[:, k].lerp(palms[:, k], self._between(batch, 0.05, 0.5, generator)[:, None])
            sleeve = limb(
                self.cube, elbows[:, k], end, radius * taper, self._between(batch, 0.6, 1, generator)
            )
            sleeved = self._chance(batch, 0.5, generator) & there[:, k] | ~there[:, k]
            solids.append(_vanish(sleeve, with_arm & sleeved))
        other, _ = trunks(self.cube, batch, generator)
        z = self._between(batch, 700, 2500, generator)
        x, y = self._between(batch, -0.7, 0.7, generator) * z, self._between(batch, -0.2, 0.7, generator) * z
        other = other @ tilt.mT[:, None] + torch.stack([x, y, z], -1)[:, None, None]
        return solids + list(_vanish(other, self._chance(batch, prior.other, generator)).unbind(1))

    def _pitch(self, batch: int, generator: Generator) -> Tensor:
        """Angle by which the camera looks down, radians (B,): mostly little, now and then on a table."""
        little = 0.2 * torch.randn(batch, generator=generator)
        down = self._between(batch, 0.3, math.pi / 2, generator)
        return torch.where(self._chance(batch, 0.25, generator), down, little)

    def _supports(self, mesh: Tensor, palm: Tensor, generator: Generator) -> list[Tensor]:
        """A table or wall at the first hand, a large round thing at it, and a wall behind everything."""
        prior, batch = self.prior, len(palm)
        below = (_about_x(self._pitch(batch, generator)) @ mesh.new_tensor([0.0, 1.0, 0.0])).neg()
        below = below * below[:, 1:2].sign()  # downwards, whichever way the camera is tilted
        behind = torch.randn(batch, 3, generator=generator) * 0.3 + torch.tensor([0.0, 0.0, 1.0])
        flat = self._chance(batch, 0.6, generator)[:, None]
        outward = normalize(torch.where(flat, below + 0.1 * behind, behind), dim=-1)
        size = uniform(mesh, (batch, 3), 250, 700, generator)
        size[:, 1] = 15.0
        slab = self.cube * size[:, None]
        shift = uniform(mesh, (batch, 3), -150, 150, generator)
        table = self._at_hand(slab, outward, mesh, palm, generator) + _across(shift, outward)[:, None]
        lap_size = uniform(mesh, (batch, 3), 90, 300, generator)
        lap = self._at_hand(
            ball(self.cube) * lap_size[:, None], normalize(behind, dim=-1), mesh, palm, generator
        )
        wall = self.cube * mesh.new_tensor([4000.0, 4000.0, 10.0])
        wall = wall @ _about_y(self._between(batch, -0.5, 0.5, generator)).mT
        wall = (
            wall
            + mesh.new_tensor([0.0, 0.0, 1.0]) * self._between(batch, 1400, 4500, generator)[:, None, None]
        )
        return [
            _vanish(table, self._chance(batch, prior.support, generator)),
            _vanish(lap, self._chance(batch, prior.body, generator)),
            _vanish(wall, self._chance(batch, prior.wall, generator)),
        ]

    def _at_hand(
        self, solid: Tensor, outward: Tensor, mesh: Tensor, palm: Tensor, generator: Generator
    ) -> Tensor:
        """Put solids (B, V, 3), whose top is -y, on the side `outward` of hands, touching half of them."""
        batch = len(palm)
        near = (mesh - palm[:, None]).norm(dim=-1) < BALL_MM
        reach = torch.where(near, ((mesh - palm[:, None]) @ outward[..., None])[..., 0], -torch.inf).amax(1)
        gap = torch.where(
            self._chance(batch, 0.5, generator),
            self._between(batch, -8, 4, generator),
            self._between(batch, 10, 250, generator),
        )
        turned = solid @ _y_to(outward).mT
        top = ((turned @ outward[..., None])[..., 0]).amin(1)
        return turned + palm[:, None] + (outward * (reach + gap - top)[:, None])[:, None]

    def _things(self, palm: Tensor, generator: Generator) -> list[Tensor]:
        """Boxes, cylinders and balls, around the first hand or anywhere."""
        batch, solids = len(palm), []
        forms = torch.stack([self.cube, cylinder(self.cube), ball(self.cube)])
        for _ in range(THINGS):
            kind = torch.randint(3, (batch,), generator=generator)
            size = 10 * 12 ** torch.rand(batch, 3, generator=generator)
            turned = (forms[kind] * size[:, None]) @ rotations(self.cube, batch, generator).mT
            direction = rotations(self.cube, batch, generator)[:, 0]
            beside = palm + direction * (size.mean(1) + self._between(batch, 30, 220, generator))[:, None]
            z = self._between(batch, 250, 2200, generator)
            slopes = (torch.rand(batch, 2, generator=generator) * 2 - 1) * torch.tensor(self.prior.half_field)
            anywhere = torch.cat([slopes * z[:, None], z[:, None]], 1)
            at = torch.where(self._chance(batch, 0.5, generator)[:, None], beside, anywhere)
            there = self._chance(batch, self.prior.thing, generator)
            solids.append(_vanish(turned + at[:, None], there))
        return solids


def _vanish(vertices: Tensor, there: Tensor) -> Tensor:
    """Draw nothing where something is not there: all vertices in one point."""
    return vertices * there.view(-1, *[1] * (vertices.ndim - 1))


def _wrinkled(vertices: Tensor, generator: Generator) -> Tensor:
    """Bend surfaces (B, V, 3) by up to two centimetres: clothes have folds, and little is smooth."""
    batch, moved = len(vertices), vertices
    for _ in range(WAVES):
        along = normalize(torch.randn(batch, 3, 1, generator=generator), dim=1)
        length = uniform(vertices, (batch, 1), 50, 300, generator)
        height = 8 * torch.rand(batch, 1, generator=generator).square()
        phase = (
            2 * math.pi * ((vertices @ along)[..., 0] / length + torch.rand(batch, 1, generator=generator))
        )
        push = normalize(torch.randn(batch, 1, 3, generator=generator), dim=2)
        moved = moved + (height * phase.sin())[..., None] * push
    return moved


def _across(vectors: Tensor, axis: Tensor) -> Tensor:
    return vectors - (vectors * axis).sum(-1, keepdim=True) * axis


def _y_to(direction: Tensor) -> Tensor:
    """Rotations (B, 3, 3) that take y to unit vectors (B, 3)."""
    helper = torch.where(
        direction[:, :1].abs() < 0.9, direction.new_tensor([1.0, 0, 0]), direction.new_tensor([0, 0, 1.0])
    )
    x = normalize(_across(helper, direction), dim=-1)
    return torch.stack([x, direction, torch.linalg.cross(x, direction)], -1)


def _about_x(angle: Tensor) -> Tensor:
    cos, sin, zero, one = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    rows = [[one, zero, zero], [zero, cos, -sin], [zero, sin, cos]]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def _about_y(angle: Tensor) -> Tensor:
    cos, sin, zero, one = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    rows = [[cos, zero, sin], [zero, one, zero], [-sin, zero, cos]]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)
