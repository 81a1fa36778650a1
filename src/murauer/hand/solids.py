"""Simple solids, as triangle meshes of one topology, and rotations of them."""

import math

import torch
from torch import Tensor

CELLS = 8
"""Squares along an edge of the cube from which the solids are formed."""


def unit_cube(device: torch.device) -> tuple[Tensor, Tensor]:
    """Surface of the cube [-1, 1]^3 as a grid, (V, 3), and its triangles, outward, int32 (F, 3)."""
    ticks = torch.linspace(-1, 1, CELLS + 1)
    a, b = (grid.reshape(-1) for grid in torch.meshgrid(ticks, ticks, indexing="ij"))
    one = torch.ones_like(a)
    sides = []
    for axis in range(3):
        for sign in (1.0, -1.0):
            # Cyclic order of the axes keeps the side's own axes right-handed; the mirrored side swaps them.
            own = (a, b) if sign > 0 else (b, a)
            side = torch.stack([sign * one, *own], 1)
            sides.append(side.roll(axis, 1))
    corner = torch.arange((CELLS + 1) * CELLS).reshape(CELLS, CELLS + 1)[:, :-1].reshape(-1)
    along, across = corner + CELLS + 1, corner + 1
    square = torch.cat([torch.stack([corner, along, across], 1), torch.stack([along, along + 1, across], 1)])
    faces = torch.cat([square + k * len(a) for k in range(6)])
    return torch.cat(sides).to(device), faces.to(device, torch.int32)


def ball(cube: Tensor) -> Tensor:
    """The unit ball, its surface points spread evenly by the tangent."""
    return torch.nn.functional.normalize((cube * (math.pi / 4)).tan(), dim=1)


def cylinder(cube: Tensor) -> Tensor:
    """The upright cylinder of radius 1 and height 2: each square cross-section becomes a disc."""
    flat = cube[:, [0, 2]]
    disc = flat * (flat.abs().amax(1) / flat.norm(dim=1).clamp(min=1e-6))[:, None]
    return torch.stack([disc[:, 0], cube[:, 1], disc[:, 1]], 1)


def upright(up: Tensor, turn: Tensor) -> Tensor:
    """Rotations (B, 3, 3) that take the y axis to unit vectors (B, 3), turned about them by angles (B,)."""
    helper = torch.where(up[:, :1].abs() < 0.9, up.new_tensor([1.0, 0, 0]), up.new_tensor([0, 0, 1.0]))
    x = torch.nn.functional.normalize(helper - (helper * up).sum(1, keepdim=True) * up, dim=1)
    z = torch.linalg.cross(x, up)
    cos, sin = turn.cos()[:, None], turn.sin()[:, None]
    return torch.stack([cos * x - sin * z, up, sin * x + cos * z], -1)
