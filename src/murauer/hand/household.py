"""Things that stand about in a house: plates, bowls, jars, cups, bottles, boxes."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from murauer.hand.held_things import hollow
from murauer.hand.solids import CELLS, cylinder, uniform

#: Radius at nine heights from the bottom to the top as a share of the largest; least and largest radius and
#: height in mm; and how often it is open at the top.
_KINDS = (
    ((0.55, 0.6, 0.65, 0.7, 0.76, 0.82, 0.88, 0.94, 1.0), (65, 145), (12, 32), 1.0),  # plate
    ((0.35, 0.6, 0.72, 0.8, 0.87, 0.92, 0.95, 0.98, 1.0), (45, 110), (35, 90), 1.0),  # bowl
    ((0.95, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.85, 0.85), (28, 60), (60, 170), 0.4),  # jar
    ((0.85, 0.88, 0.9, 0.92, 0.94, 0.95, 0.97, 0.98, 1.0), (30, 50), (65, 130), 0.85),  # cup
    ((0.95, 1.0, 1.0, 1.0, 1.0, 0.8, 0.45, 0.35, 0.35), (26, 48), (160, 310), 0.2),  # bottle
)


def household_things(cube: Tensor, n: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Draw things that stand upright.

    Args:
        cube: that solids are formed from, (V, 3), see `murauer.hand.solids.unit_cube`.
        n: how many.
        generator: source of randomness.

    Returns:
        Vertices in mm, (n, V, 3): y is up, the thing stands on y = 0 around the y axis. And its radius, (n,).
    """
    profile, radius, height, opened = (torch.tensor(column) for column in zip(*_KINDS, strict=True))
    kind = torch.randint(len(_KINDS) + 1, (n,), generator=generator)
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
    size = 8 * 18 ** uniform(cube, (n, 3), 0, 1, generator)
    things = torch.where(boxed[:, None, None], cube * size[:, None], round_things)
    pressed = hollow(
        things, cube, uniform(cube, (n,), 0.03, 0.12, generator), uniform(cube, (n,), -0.9, 0.3, generator)
    )
    open_share = torch.where(boxed, 0.2, opened[kind])
    things = torch.where((torch.rand(n, generator=generator) < open_share)[:, None, None], pressed, things)
    things[..., 1] -= things[..., 1].amin(1, keepdim=True)
    return things, torch.where(boxed, size[:, [0, 2]].norm(dim=-1), r)
