"""Things that hands hold: boxes, rods and balls to grip, and what makes bottles, cups and tools of them.

A thing is gripped at one simple solid, whose distance to any point is known; its other parts are seen, but no
finger has to find its way around them. In the coordinates of a thing y is its long axis; lengths in mm.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from murauer.hand.draws import Draws
from murauer.hand.solids import ball, cylinder

BOX, ROD, BALL = range(3)

PLAIN, BOTTLE, CUP, MUG, HAMMER, DRIVER, PAN = range(7)
"""What a rod is a part of. Boxes and balls are plain, or open like a cup."""

PARTS = 3
"""Solids of a thing, the gripped one first."""


@dataclass(frozen=True, eq=False)
class Grips:
    """The gripped solids of B things.

    Attributes:
        form: `BOX`, `ROD` or `BALL`, (B,).
        half: Half extents, (B, 3); a rod's radius is its first.
        taper: By how much a rod is thicker at its upper end (y > 0), as a share; it is thinner at the lower.
        rotation: To the coordinates that points are given in, (B, 3, 3).
        position: Of the solid's middle in these coordinates, (B, 3).
    """

    form: Tensor
    half: Tensor
    taper: Tensor
    rotation: Tensor
    position: Tensor

    def distance(self, points: Tensor) -> Tensor:
        """Distance of points (B, N, 3) to the surface, negative inside, (B, N); close for ellipsoids."""
        p = (points - self.position[:, None]) @ self.rotation
        half = self.half[:, None]
        box = _outside(p.abs() - half)
        radius = half[..., 0] * (1 + self.taper[:, None] * (p[..., 1] / half[..., 1]).clamp(-1, 1))
        across = p[..., [0, 2]].norm(dim=-1) - radius
        rod = _outside(torch.stack([across, p[..., 1].abs() - half[..., 1]], -1))
        inner = (p / half).norm(dim=-1)
        egg = inner * (inner - 1) / (p / half.square()).norm(dim=-1).clamp(min=1e-6)
        form = self.form[:, None]
        return torch.where(form == BOX, box, torch.where(form == ROD, rod, egg))


def _outside(beyond: Tensor) -> Tensor:
    """Distance to a box from how far points are beyond each of its faces, (..., K)."""
    return beyond.clamp(min=0).norm(dim=-1) + beyond.amax(-1).clamp(max=0)


def hollow(solid: Tensor, cube: Tensor, wall: Tensor, floor: Tensor) -> Tensor:
    """Press the top (y > 0) of solids into themselves: cups, bowls, jars, open boxes.

    Args:
        solid: Formed from the cube, (B, V, 3).
        cube: (V, 3).
        wall: Thickness of the wall as a share of the width, (B,).
        floor: Height of the floor inside, from -1 at the bottom to 1 at the top, (B,).
    """
    inner = cube[:, [0, 2]].abs().amax(1)
    top = (cube[:, 1] > 0.999) & (inner < 0.999)
    middle, half = (solid.amax(1) + solid.amin(1)) / 2, (solid.amax(1) - solid.amin(1)) / 2
    # The ring next to the rim goes down along the wall, and all within lie on the floor.
    grown = (1 - wall) / inner[top].max()
    sunk = (solid - middle[:, None]) * torch.stack([grown, torch.zeros_like(grown), grown], 1)[:, None]
    sunk[..., 1] = (half[:, 1] * floor)[:, None]
    return torch.where(top[:, None], sunk + middle[:, None], solid)


def draw_parts(cube: Tensor, grips: Grips, style: Tensor, generator: Generator) -> Tensor:
    """Shape the surfaces of things.

    Args:
        cube: That solids are formed from, (V, 3), see `murauer.hand.solids.unit_cube`.
        grips: Where they are gripped.
        style: What they are, (B,).
        generator: Source of randomness.

    Returns:
        (B, PARTS, V, 3) in the coordinates of the grips; a part that is not there has all vertices in one
        point.
    """
    between = Draws(len(style), generator).between
    radius, length = grips.half[:, 0], grips.half[:, 1]
    rod, egg = cylinder(cube), ball(cube)
    forms = torch.stack([cube, rod, egg])[grips.form]
    thick = 1 + torch.where(grips.form == ROD, grips.taper, 0.0)[:, None] * forms[..., 1]
    own = forms * grips.half[:, None]
    own = torch.stack([own[..., 0] * thick, own[..., 1], own[..., 2] * thick], -1)
    pressed = hollow(own, cube, between(0.04, 0.12), between(-0.95, 0.2))
    own = torch.where((style == CUP)[:, None, None], pressed, own)

    def solid(form: Tensor, half: tuple[Tensor, Tensor, Tensor], at: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        return form * torch.stack(half, -1)[:, None] + torch.stack(at, -1)[:, None]

    zero, end = torch.zeros_like(radius), torch.where(between(0, 1) < 0.5, -length, length)
    sign = end.sign()
    neck_radius, neck = radius * between(0.28, 0.5), length * between(0.15, 0.4)
    shoulder = radius * between(0.3, 0.9)
    mug_radius, gap = between(30, 46), between(22, 34)
    # Beyond the fingers, away from the palm.
    aside = mug_radius + radius + gap
    head = between(10, 24)
    shaft, shaft_radius = between(25, 80), between(2.0, 5.0)
    pan_radius, pan_depth = between(14, 110), between(2, 25)
    second = {
        BOTTLE: solid(egg, (radius, shoulder, radius), (zero, end, zero)),
        MUG: hollow(
            solid(rod, (mug_radius, length + between(6, 18), mug_radius), (zero, zero, aside)),
            cube,
            between(0.05, 0.12),
            between(-0.9, 0.3),
        ),
        HAMMER: solid(cube, (between(25, 60), head, between(8, 22)), (zero, end + sign * head, zero)),
        DRIVER: solid(rod, (shaft_radius, shaft, shaft_radius), (zero, end + sign * shaft, zero)),
        PAN: hollow(
            solid(rod, (pan_radius, pan_depth, pan_radius), (zero, zero, zero)),
            cube,
            between(0.03, 0.1),
            between(-0.9, 0.0),
        )[..., [0, 2, 1]]
        + torch.stack([zero, end + sign * 0.97 * pan_radius, zero], -1)[:, None],
    }
    third = {
        BOTTLE: solid(
            rod, (neck_radius, neck, neck_radius), (zero, end + sign * (shoulder + neck - 2), zero)
        ),
    }
    nothing = torch.zeros_like(own)
    parts = [own]
    for choices in (second, third):
        part = nothing
        for kind, vertices in choices.items():
            part = torch.where((style == kind)[:, None, None], vertices, part)
        parts.append(part)
    return torch.stack(parts, 1) @ grips.rotation.mT[:, None] + grips.position[:, None, None]
