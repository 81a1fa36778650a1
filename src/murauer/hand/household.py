"""Things that stand about in a house: plates, bowls, jars, cups, bottles, boxes; and laid tables."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from murauer.hand.draws import Draws
from murauer.hand.held_things import hollow
from murauer.hand.solids import CELLS, cylinder, upright

#: Radius at nine heights from the bottom to the top as a share of the largest; least and largest radius and
#: height in mm; and how often it is open at the top.
_KINDS = (
    ((0.55, 0.6, 0.65, 0.7, 0.76, 0.82, 0.88, 0.94, 1.0), (65, 145), (12, 32), 1.0),  # plate
    ((0.35, 0.6, 0.72, 0.8, 0.87, 0.92, 0.95, 0.98, 1.0), (45, 110), (35, 90), 1.0),  # bowl
    ((0.95, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.85, 0.85), (28, 60), (60, 170), 0.4),  # jar
    ((0.85, 0.88, 0.9, 0.92, 0.94, 0.95, 0.97, 0.98, 1.0), (30, 50), (65, 130), 0.85),  # cup
    ((0.95, 1.0, 1.0, 1.0, 1.0, 0.8, 0.45, 0.35, 0.35), (26, 48), (160, 310), 0.2),  # bottle
)

_NEAR_MM = 120.0
"""Around the palm's centre; what is farther is the arm."""


def household_things(cube: Tensor, n: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Draw things that stand upright.

    Args:
        cube: That solids are formed from, (V, 3), see `murauer.hand.solids.unit_cube`.
        n: How many.
        generator: Source of randomness.

    Returns:
        Vertices in mm, (n, V, 3): y is up, the thing stands on y = 0 around the y axis. And its radius, (n,).
    """
    profile, radius, height, opened = (torch.tensor(column) for column in zip(*_KINDS, strict=True))
    draw = Draws(n, generator)
    kind = draw.whole(len(_KINDS) + 1)
    boxed, kind = kind == len(_KINDS), kind.clamp(max=len(_KINDS) - 1)
    first, second = torch.rand(2, n, generator=generator)
    r = torch.lerp(radius[kind, 0].float(), radius[kind, 1].float(), first)
    h = torch.lerp(height[kind, 0].float(), height[kind, 1].float(), second)
    ring = ((cube[:, 1] + 1) * (CELLS / 2)).round().long()
    turned = cylinder(cube)
    width = r[:, None] * profile[kind][:, ring]
    round_things = torch.stack(
        [turned[:, 0] * width, turned[:, 1] * h[:, None] / 2, turned[:, 2] * width], -1
    )
    size = 8 * 18 ** draw.between(0, 1, 3)
    things = torch.where(boxed[:, None, None], cube * size[:, None], round_things)
    pressed = hollow(things, cube, draw.between(0.03, 0.12), draw.between(-0.9, 0.3))
    open_share = torch.where(boxed, 0.2, opened[kind])
    things = torch.where((draw.between(0, 1) < open_share)[:, None, None], pressed, things)
    things[..., 1] -= things[..., 1].amin(1, keepdim=True)
    return things, torch.where(boxed, size[:, [0, 2]].norm(dim=-1), r)


def laid_table(
    cube: Tensor, hands: Tensor, palm: Tensor, pitch: Tensor, things: int, generator: Generator
) -> list[Tensor]:
    """Put tables below hands, which some of them touch, and things on the tables around the hands.

    Args:
        cube: That solids are formed from, (V, 3).
        hands: Vertices of hands in camera coordinates, (B, N, 3).
        palm: Centres of their palms, (B, 3).
        pitch: Angle in radians by which the camera looks down, (B,).
        things: On each table, at most.
        generator: Source of randomness.

    Returns:
        Tables and things, each (B, V, 3); where there is none all vertices are in one point.
    """
    n, draw = len(palm), Draws(len(palm), generator)
    between = draw.between
    down = torch.stack([torch.zeros(n), pitch.cos(), pitch.sin()], -1)
    frame = upright(-down, between(-torch.pi, torch.pi))
    below = ((hands - palm[:, None]) @ down[..., None])[..., 0]
    near = (hands - palm[:, None]).norm(dim=-1) < _NEAR_MM
    lowest = torch.where(near, below, -torch.inf).amax(1)
    touching = draw.chance(0.4)
    gap = torch.where(touching, between(-3, 6), between(10, 220))
    foot = palm + down * (lowest + gap)[:, None]
    slab = (cube - torch.tensor([0.0, 1.0, 0.0])) * torch.tensor([420.0, 12.0, 420.0])
    shift = torch.stack([between(-200, 200), torch.zeros(n), between(-200, 200)], -1)
    solids = [(slab + shift[:, None]) @ frame.mT + foot[:, None]]
    for _ in range(things):
        thing, radius = household_things(cube, n, generator)
        turn, away = between(-torch.pi, torch.pi), radius + between(45, 200)
        at = torch.stack([turn.cos() * away, torch.zeros(n), turn.sin() * away], -1)
        thing = (thing + at[:, None]) @ frame.mT + foot[:, None]
        there = draw.chance(0.7) & (thing[..., 2].amin(1) > 120)
        solids.append(thing * there[:, None, None])
    return solids
