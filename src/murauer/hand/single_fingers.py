"""Poses in which each finger does something of its own: counting, pointing, fists, spelling, pinching.

Every finger is stretched, bent, hooked or folded whatever the others are, as far as tendons let it: a folded
finger draws its neighbours along, the ring finger most. The thumb is somewhere of its own, or it touches the
tip of one of the fingers.
"""

from __future__ import annotations

from functools import cache
from math import radians

import torch
from torch import Generator, Tensor

from murauer.hand import gestures
from murauer.hand.articulation import ANGLE_LIMITS, ANGLE_NAMES, LONG_FINGERS
from murauer.hand.draws import Draws
from murauer.hand.gestures import DIP_PER_PIP, gesture

# MCP flexion, PIP flexion (degrees) of what a finger may do, and how often it does.
_STATES = (
    (0.34, (0.0, 3.0)),  # stretched
    (0.08, (-12.0, 0.0)),  # bent back
    (0.10, (25.0, 30.0)),
    (0.10, (45.0, 50.0)),
    (0.24, (80.0, 98.0)),  # folded
    (0.08, (8.0, 92.0)),  # hooked
    (0.06, (72.0, 8.0)),  # bent at the knuckle
)

#: How much of a folded neighbour's flexion a finger follows, index to pinky.
_DRAWN = torch.tensor([0.03, 0.06, 0.13, 0.10])

_THUMBS = (
    gestures.THUMB_OUT,
    gestures.THUMB_UP,
    gestures.THUMB_BESIDE,
    gestures.THUMB_RELAXED,
    gestures.THUMB_ACROSS,
    gestures.THUMB_IN_PALM,
    (63.0, 59.0, 12.0, 40.0, 34.0),
    (49.0, 62.0, 11.0, 24.0, 39.0),
    gestures.THUMB_OPPOSED,
)

# A gesture in which the thumb touches each finger.
_TOUCHES = ("pinch", "pinch_middle", "pinch_ring", "pinch_pinky")


def _columns(prefix: str) -> list[int]:
    return [i for i, name in enumerate(ANGLE_NAMES) if name.startswith(prefix)]


_THUMB = _columns("thumb")
_FINGERS = torch.tensor([_columns(f"{finger}_") for finger in LONG_FINGERS])  # MCP, abduction, PIP, DIP


@cache
def _tables() -> tuple[Tensor, Tensor, Tensor]:
    states = torch.deg2rad(torch.tensor([angles for _, angles in _STATES]))
    touches = torch.stack([gesture(name) for name in _TOUCHES])
    return states, torch.deg2rad(torch.tensor(_THUMBS)), touches


def single_fingers(n: int, touching_share: float, generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Draw poses; palm and wrist are straight.

    Args:
        n: How many.
        touching_share: Share of those in which the thumb touches a finger.
        generator: Source of randomness.

    Returns:
        Angles (n, D) in radians. Which of them belong to fingers that touch each other, (n, D), 0 or 1. And
        angles (n, D) to move towards where fingers penetrate: those of a thumb beside the palm, or where it
        touches a finger, of other fingers that are stretched.
    """
    states, thumbs, touches = _tables()
    kind = Draws(n * 4, generator).kinds([share for share, _ in _STATES]).reshape(n, 4)
    flexion = states[kind]  # (n, 4, 2)
    flexion = flexion + radians(6) * torch.randn(n, 4, 2, generator=generator)
    before, after = flexion.roll(1, 1), flexion.roll(-1, 1)
    before[:, 0], after[:, -1] = flexion[:, 0], flexion[:, -1]
    pull = (torch.maximum(before, after) - flexion).clamp(min=0)
    flexion = flexion + _DRAWN[:, None] * pull
    angles = torch.zeros(n, len(ANGLE_NAMES))
    angles[:, _FINGERS[:, 0]] = flexion[..., 0]
    # Side by side, or spread.
    spread = (
        radians(2)
        + radians(9) * torch.rand(n, 1, generator=generator)
        + radians(4) * torch.randn(n, 4, generator=generator)
    )
    angles[:, _FINGERS[:, 1]] = torch.where(kind < 2, spread, 0.0)
    angles[:, _FINGERS[:, 2]] = flexion[..., 1]
    angles[:, _FINGERS[:, 3]] = DIP_PER_PIP * flexion[..., 1]
    angles[:, _THUMB] = thumbs[torch.randint(len(thumbs), (n,), generator=generator)]
    held = torch.zeros_like(angles)
    touching = torch.rand(n, generator=generator) < touching_share
    finger = torch.randint(4, (n,), generator=generator)
    held.scatter_(1, _FINGERS[finger], 1.0)
    held[:, _THUMB] = 1.0
    held = held * touching[:, None]
    angles = torch.where(held > 0, touches[finger], angles).clamp(*ANGLE_LIMITS.T)
    beside = angles.clone()
    beside[:, _THUMB] = thumbs[_THUMBS.index(gestures.THUMB_UP)]
    others_away = torch.where(held > 0, angles, gesture("spread"))
    return angles, held, torch.where(touching[:, None], others_away, beside)
