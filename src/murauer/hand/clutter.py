"""Things around the hand: a body behind it, a table, an object near it, another arm.

Training data made of hands alone is cleaner than any room. These few simple solids stand where such things
are in front of a depth camera: mostly behind or beside the hand and outside its cube, now and then inside,
never covering it wholly. They are placed in world coordinates, so that all cameras of a rig see one scene.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from murauer.hand.draws import Draws
from murauer.hand.solids import ball, cylinder, unit_cube


@dataclass(frozen=True)
class ClutterPiece:
    """One kind of thing in a batch of scenes.

    Attributes:
        name: What it is.
        vertices: World coordinates in mm, (B, V, 3). In scenes without it all vertices coincide, which draws
            nothing.
        faces: Triangles, int32 (F, 3), shared by the batch.
        rows: Scenes that the vertices are those of, (B,), where it is not in all of them.
    """

    name: str
    vertices: Tensor
    faces: Tensor
    rows: Tensor | None = None


@dataclass(frozen=True)
class ClutterPrior:
    """How often things are there.

    Attributes:
        body: Share of scenes with a torso behind the hand.
        table: ... with a table below it.
        object: ... with a box, a cylinder or a ball beside or behind it.
        arm: ... with another arm beside or behind it.
    """

    body: float = 0.6
    table: float = 0.2
    object: float = 0.25
    arm: float = 0.2


def sample_clutter(
    centre: Tensor, generator: Generator, prior: ClutterPrior | None = None
) -> tuple[ClutterPiece, ...]:
    """Furnish scenes.

    Args:
        centre: Hand centres in world coordinates (x right, y down, z away from the cameras), mm, (B, 3).
        generator: Source of randomness, on the device of the centres.
        prior: How often things are there; by default `ClutterPrior()`.

    Returns:
        A body, a table, an object and an arm, for :func:`murauer.hand.rasteriser.rasterise_depth`.

    Raises:
        ValueError: The centres are not (B, 3).
    """
    if centre.ndim != 2 or centre.shape[1] != 3:
        raise ValueError(f"centre must have shape (B, 3), got {tuple(centre.shape)}")
    prior = prior or ClutterPrior()
    box, faces = unit_cube(centre.device)
    draw = Draws(len(centre), generator)
    pieces = {
        "body": (prior.body, _body(box, draw)),
        "table": (prior.table, _table(box, draw)),
        "object": (prior.object, _object(box, draw)),
        "arm": (prior.arm, _arm(box, draw)),
    }
    return tuple(
        ClutterPiece(
            name,
            torch.where(draw.chance(share)[:, None, None], vertices, 0.0) + centre[:, None],
            faces,
        )
        for name, (share, vertices) in pieces.items()
    )


def merge_depth(first: Tensor, second: Tensor) -> Tensor:
    """The nearer surface of two depth images of one camera; 0 = nothing.

    Args:
        first: mm, any shape.
        second: mm, the same shape.

    Returns:
        mm.
    """
    nearer = torch.minimum(first, second)
    return torch.where(nearer > 0, nearer, torch.maximum(first, second))


def _body(cube: Tensor, draw: Draws) -> Tensor:
    """A torso, upright, its front 130 to 450 mm behind the hand; (B, V, 3) relative to the hand."""
    between = draw.between
    half_depth = between(90, 140)
    size = torch.stack([between(160, 230), between(280, 380), half_depth], 1)
    position = torch.stack([between(-300, 300), between(-100, 350), half_depth + between(130, 450)], 1)
    torso = (ball(cube) + cylinder(cube)) / 2
    return torso * size[:, None] + position[:, None]


def _table(cube: Tensor, draw: Draws) -> Tensor:
    """A slab 120 to 320 mm below the hand, tilted by a few degrees as cameras are; (B, V, 3)."""
    slab = cube * cube.new_tensor([450.0, 15.0, 350.0])
    slope = draw.between(-0.15, 0.15, 2, 1)
    height = slab[:, 1] + slope[:, 0] * slab[:, 0] + slope[:, 1] * slab[:, 2]
    lift = draw.between(120, 320, 1) + 15 - _lowest_under_hand(slope)
    return torch.stack(
        [slab[:, 0].expand(draw.n, -1), height + lift, (slab[:, 2] + 150).expand(draw.n, -1)], 2
    )


def _lowest_under_hand(slope: Tensor) -> Tensor:
    """How far a slope (B, 2, 1) raises the table (negative y) within 100 mm of the hand, (B, 1)."""
    # The slab's middle is 150 mm behind the hand.
    return -100 * slope.abs().sum(1) - 150 * slope[:, 1]


def _object(cube: Tensor, draw: Draws) -> Tensor:
    """A box, a cylinder or a ball of 4 to 12 cm, touching the hand or beside it; (B, V, 3)."""
    solids = torch.stack([cube, cylinder(cube), ball(cube)])
    kind = draw.whole(3)
    size = draw.between(20, 60, 1, 3)
    turned = (solids[kind] * size) @ draw.rotations().mT
    away = _behind_or_beside(draw)
    distance = size.amax(2) + draw.between(25, 110, 1)
    return turned + (away * distance)[:, None]


def _arm(cube: Tensor, draw: Draws) -> Tensor:
    """A tapered cylinder that passes the hand at 80 to 180 mm; (B, V, 3)."""
    shaft, between = cylinder(cube), draw.between
    radius = between(25, 42, 1)
    taper = 1 + 0.25 * shaft[:, 1]
    limb = torch.stack([shaft[:, 0] * taper, shaft[:, 1], shaft[:, 2] * taper], 1)
    length = between(130, 220, 1)
    away = _behind_or_beside(draw)
    axis = torch.linalg.cross(away, draw.rotations()[:, 0])
    axis = torch.nn.functional.normalize(axis, dim=1)
    frame = torch.stack([away, axis, torch.linalg.cross(away, axis)], 2)
    slid = axis * between(-100, 100, 1)
    distance = radius + between(55, 140, 1)
    size = torch.stack([radius, length, radius], 2)
    return (limb * size) @ frame.mT + (away * distance + slid)[:, None]


def _behind_or_beside(draw: Draws) -> Tensor:
    """Random unit vectors (B, 3) that do not point towards the cameras."""
    direction = draw.rotations()[:, 0]
    return direction * direction.new_tensor([1.0, 1.0, 0.0]) + direction.abs() * direction.new_tensor(
        [0.0, 0.0, 1.0]
    )
