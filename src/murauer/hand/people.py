"""People made of simple solids: a trunk with head and shoulders, and arms that end where hands begin.

Coarse, but of the right size and in the right place: what a localiser has to tell from hands is a head, a
shoulder, an elbow. All functions work on batches; lengths in mm, x right, y down, z away from the camera.
"""

import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from murauer.hand.draws import Draws
from murauer.hand.solids import ball, cylinder

SHOULDER_HEIGHT, HEAD_HEIGHT = 0.72, 1.42
"""Of shoulder joints and of the head's middle above that of the trunk, in half lengths of the trunk."""


def trunks(cube: Tensor, batch: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Shape upright people who face the camera.

    Args:
        cube: The solid that they are formed from, (V, 3), see `murauer.hand.solids.unit_cube`.
        batch: Number of people.
        generator: Source of randomness.

    Returns:
        Five solids around the middle of the trunk, (B, 5, V, 3): trunk, shoulders, neck, head and nose. And
        the shoulder joints, right and left, (B, 2, 3).
    """
    between = Draws(batch, generator).between
    half_width, half_length, half_depth = between(140, 210), between(270, 340), between(90, 150)
    zero = torch.zeros_like(half_width)
    top = -SHOULDER_HEIGHT * half_length
    head = torch.stack([between(-30, 30), -HEAD_HEIGHT * half_length, between(-50, 20)], -1)
    head_size = torch.stack([between(68, 92), between(105, 135), between(88, 112)], -1)
    nose = head + torch.stack([zero, between(5, 25), -head_size[:, 2]], -1)
    round_solid, shaft = ball(cube), cylinder(cube)
    neck = torch.stack([zero, -half_length, zero], -1)
    upper = torch.stack([zero, top, zero], -1)
    parts = [
        ((round_solid + shaft) / 2, (half_width, half_length, half_depth), torch.zeros_like(head)),
        (round_solid, (half_width + 40, between(60, 90), 0.75 * half_depth), upper),
        (shaft, (between(48, 70), 0.3 * half_length, between(48, 70)), neck),
        (round_solid, head_size.unbind(-1), head),
        (round_solid, (between(12, 20), between(20, 30), between(15, 28)), nose),
    ]
    solids = [form * torch.stack(tuple(size), -1)[:, None] + place[:, None] for form, size, place in parts]
    side = half_width - 5
    shoulders = torch.stack([torch.stack([sign * side, top, zero], -1) for sign in (-1.0, 1.0)], 1)
    return torch.stack(solids, 1), shoulders


def limb(cube: Tensor, start: Tensor, end: Tensor, radius: Tensor, taper: Tensor) -> Tensor:
    """Stretch tapered cylinders with rounded ends from point to point.

    Args:
        cube: As in `trunks`, (V, 3).
        start: (B, 3).
        end: (B, 3).
        radius: Radius at the start, (B,).
        taper: The radius at the end, as a share of it, (B,).

    Returns:
        (B, V, 3).
    """
    axis = end - start
    length = axis.norm(dim=-1, keepdim=True).clamp(min=1.0)
    along = axis / length
    helper = torch.where(
        along[:, :1].abs() < 0.9, along.new_tensor([1.0, 0, 0]), along.new_tensor([0, 1.0, 0])
    )
    across = normalize(torch.linalg.cross(along, helper), dim=-1)
    frame = torch.stack([across, along, torch.linalg.cross(across, along)], -1)
    shaft = (cylinder(cube) + ball(cube)) / 2
    thickness = radius[:, None] * (1 + (taper[:, None] - 1) * (shaft[:, 1] + 1) / 2)
    half = length / 2 + radius[:, None] * 0.5
    local = torch.stack([shaft[:, 0] * thickness, shaft[:, 1] * half, shaft[:, 2] * thickness], -1)
    return local @ frame.mT + ((start + end) / 2)[:, None]
