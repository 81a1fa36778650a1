"""Where things lie in hands that are about to grasp them: in the palm, between the fingertips, along the web.

Each kind of grasp gives an open hand, how far each joint may close, and a thing to close around.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import radians

import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from murauer.hand.articulation import ANGLE_NAMES, LONG_FINGERS, rotation_about
from murauer.hand.draws import Draws
from murauer.hand.gestures import gesture
from murauer.hand.held_things import BALL, BOTTLE, BOX, CUP, DRIVER, HAMMER, MUG, PAN, PLAIN, ROD, Grips

#: The joints that close: of the thumb its carpal, its middle and its last one; of fingers MCP, PIP, DIP.
CLOSING = torch.tensor(
    [
        [ANGLE_NAMES.index(f"thumb_{joint}_flexion") for joint in ("cmc", "mcp", "ip")],
        *(
            [ANGLE_NAMES.index(f"{finger}_{joint}_flexion") for joint in ("mcp", "pip", "dip")]
            for finger in LONG_FINGERS
        ),
    ]
)
_CLOSED = torch.deg2rad(torch.tensor([[62.0, 50.0, 65.0], *([[90.0, 105.0, 70.0]] * 4)]))
_ABDUCTION = torch.tensor([ANGLE_NAMES.index(f"{finger}_mcp_abduction") for finger in LONG_FINGERS])

#: Gestures in which fingertips meet the thumb's, and which fingers do.
_PINCHES = (
    ("pinch", (1, 0, 0, 0)),
    ("ok", (1, 0, 0, 0)),
    ("pinch_middle", (0, 1, 0, 0)),
    ("tripod", (1, 1, 0, 0)),
    ("tripod", (1, 1, 0, 0)),
    ("all_tips", (1, 1, 1, 1)),
    ("duck_bill", (1, 1, 1, 1)),
    ("duck_bill", (1, 1, 1, 1)),
)

_PAD = torch.tensor([4, 8, 12, 16, 20])


@dataclass(frozen=True, eq=False)
class Approach:
    """B hands that are about to grasp.

    Attributes:
        angles: Of the open hands, (B, D).
        closed: How far the joints of `CLOSING` may close, (B, 5, 3).
        grips: The things, in the hand frame.
        style: What they are a part of, see `murauer.hand.held_things.draw_parts`, (B,).
        sliding: Which of them still have to be moved to the palm, (B,).
    """

    angles: Tensor
    closed: Tensor
    grips: Grips
    style: Tensor
    sliding: Tensor


def wrap(n: int, scale: Tensor, generator: Generator) -> Approach:
    """Things across the palm, fingers around them.

    Args:
        n: How many.
        scale: Size of the hands, (n,).
        generator: Source of randomness.
    """
    draw = Draws(n, generator)
    between = draw.between

    def degrees(low: float, high: float) -> Tensor:
        return torch.deg2rad(between(low, high))

    form = draw.kinds([0.28, 0.54, 0.18])
    radius = 7 * 6.2 ** between(0, 1)
    width = torch.where(form == BALL, between(20, 48), between(8, 42))
    long = torch.where(form == BALL, width * between(0.85, 1.3), between(32, 150))
    depth = torch.where(form == BALL, width * between(0.85, 1.15), between(4, 36))
    first = torch.where(form == ROD, radius, width)
    third = torch.where(form == ROD, radius, depth)
    half = torch.stack([first, long, third], -1)
    angles = torch.zeros(n, len(ANGLE_NAMES))
    angles[:, _ABDUCTION] = torch.where(form == BALL, degrees(4, 14), degrees(0, 5))[:, None] * torch.tensor(
        [1.0, 0.0, 1.0, 1.6]
    )
    angles[:, CLOSING[1:, 0]] = degrees(-12, 0)[:, None]
    for name, low, high in (
        ("cmc_flexion", -15, 5),
        ("cmc_abduction", 28, 62),
        ("cmc_pronation", 10, 45),
        ("mcp_flexion", -8, 5),
        ("ip_flexion", -10, 5),
    ):
        angles[:, ANGLE_NAMES.index(f"thumb_{name}")] = degrees(low, high)
    # Fingers that stay off the thing, now and then.
    lifted = torch.where(between(0, 1, 5, 1) < 0.1, between(0.2, 0.6)[:, None, None], 1.0)
    # The long axis runs from the heel of the hand to the index finger's knuckle, more or less.
    z = torch.tensor([0.0, 0.0, 1.0]).expand(n, 3)
    axis = rotation_about(z, degrees(-10, 45))[:, :, 0]
    axis = normalize(axis + 0.12 * draw.normal()[:, None] * z, dim=-1)
    roll = torch.where(form == BOX, draw.whole(4) * radians(90), degrees(-180, 180))
    roll = roll + torch.where(form == BOX, radians(9) * draw.normal(), 0.0)
    across = normalize(torch.linalg.cross(axis, z), dim=-1)
    frame = torch.stack([across, axis, torch.linalg.cross(across, axis)], -1)
    frame = rotation_about(axis, roll) @ frame
    slide = (long - 30).clamp(min=8) * between(-1, 1)
    place = torch.stack([between(-8, 8), between(4, 34), between(140, 150)], -1) * scale[:, None]
    grips = Grips(
        form, half, torch.where(form == ROD, between(-0.15, 0.15), 0.0), frame, place + axis * slide[:, None]
    )
    return Approach(
        angles, _CLOSED * lifted, grips, _styles(form, half, generator), torch.ones(n, dtype=torch.bool)
    )


def _styles(form: Tensor, half: Tensor, generator: Generator) -> Tensor:
    """What things are, as far as their size allows it."""
    draw = Draws(len(form), generator)
    thin = torch.tensor([HAMMER, DRIVER, PAN, MUG, PLAIN])[draw.whole(5)]
    thick = torch.tensor([BOTTLE, BOTTLE, CUP, CUP, PLAIN])[draw.whole(5)]
    rod = torch.where(half[:, 0] < 17, thin, thick)
    rod = torch.where((rod == MUG) & (half[:, 1] > 60), PLAIN, rod)
    open_box = torch.where(draw.chance(0.25), CUP, PLAIN)
    return torch.where(form == ROD, rod, torch.where(form == BOX, open_box, PLAIN))


def pinch(n: int, joints: Callable[[Tensor], Tensor], radii: Tensor, generator: Generator) -> Approach:
    """Things between the fingertips and the thumb's: small ones, flat ones held at an edge, pens.

    Args:
        n: How many.
        joints: Gives anny21 joints (n, 21, 3) in the hand frame for angles (n, D).
        radii: Of the segments, (n, 15), see `FingerCapsules`.
        generator: Source of randomness.
    """
    draw = Draws(n, generator)
    between = draw.between
    kind = draw.whole(len(_PINCHES))
    angles = torch.stack([gesture(name) for name, _ in _PINCHES])[kind]
    active = torch.tensor([(1, *fingers) for _, fingers in _PINCHES], dtype=torch.float32)[kind]
    # Open as far as the thing needs it.
    opening = between(0.12, 0.55)[:, None, None] * active[..., None] * torch.tensor([1.0, 0.25, 0.15])
    start = angles[:, CLOSING] - opening
    angles[:, CLOSING] = start
    closed = torch.where(active[..., None] > 0, _CLOSED, start)
    tips = joints(angles)[:, _PAD]
    weight = active[:, 1:, None] / active[:, 1:].sum(1)[:, None, None]
    fingers, thumb = (tips[:, 1:] * weight).sum(1), tips[:, 0]
    normal = normalize(fingers - thumb, dim=-1)
    free = (fingers - thumb).norm(dim=-1) - radii[:, 2] - radii[:, 5]
    middle = (thumb + fingers) / 2 + normal * ((radii[:, 2] - radii[:, 5]) / 2)[:, None]
    thick = (0.5 * free * between(0.5, 1.0)).clamp(min=1.0)
    # Away from the palm, along the fingers.
    outward = fingers + thumb
    outward = normalize(outward - (outward * normal).sum(-1, keepdim=True) * normal, dim=-1)
    choice = draw.kinds([0.35, 0.35, 0.3])
    small, flat, pen = (choice == k for k in range(3))
    form = torch.where(small, draw.whole(3), torch.where(pen, ROD, BOX))
    # x of a thing is across the grip, y its long axis.
    reach = torch.where(flat, between(25, 90), torch.where(pen, between(55, 85), thick * between(0.8, 1.6)))
    wide = torch.where(
        flat, between(15, 70), torch.where(pen | (form == ROD), thick, thick * between(0.8, 1.6))
    )
    thick = torch.where(pen, thick.clamp(max=7), torch.where(flat, thick.clamp(max=14), thick))
    wide = torch.where(pen | (form == ROD), thick, wide)
    half = torch.stack([thick, reach, wide], -1)
    turn = torch.where(
        flat,
        torch.deg2rad(between(-35, 35)),
        torch.where(pen, torch.deg2rad(between(110, 160)), torch.deg2rad(between(-180, 180))),
    )
    along = (rotation_about(normal, turn) @ outward[..., None])[..., 0]
    frame = torch.stack([normal, along, torch.linalg.cross(normal, along)], -1)
    shift = torch.where(flat, reach - between(6, 18), torch.where(pen, reach * between(0.1, 0.75), 0.0))
    grips = Grips(form, half, torch.zeros(n), frame, middle + along * shift[:, None])
    return Approach(angles, closed, grips, torch.full((n,), PLAIN), torch.zeros(n, dtype=torch.bool))
