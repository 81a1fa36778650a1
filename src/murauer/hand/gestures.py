"""Common hand shapes as joint angles: the corner stones of the pose prior.

Angles are degrees, written per finger as (MCP flexion, MCP abduction, PIP flexion) and for the thumb as
(CMC flexion, CMC abduction, CMC pronation, MCP flexion, IP flexion). DIP flexion follows the PIP joint
unless a gesture presses a fingertip against something and says so. Where the thumb touches (pinches,
fists), its angles bring the model's surfaces together without penetrating.
"""

from __future__ import annotations

from math import radians

import torch
from torch import Tensor

from murauer.hand.articulation import ANGLE_NAMES, LONG_FINGERS

#: A finger's distal joint bends about two thirds as far as its middle joint: they share a tendon.
DIP_PER_PIP = 2.0 / 3.0

Finger = tuple[float, ...]  # MCP flexion, MCP abduction, PIP flexion[, DIP flexion]
Thumb = tuple[float, float, float, float, float]

STRAIGHT: Finger = (0, 3, 3)
SPREAD: Finger = (-3, 14, 3)
RELAXED: Finger = (22, 4, 30)
CURLED: Finger = (80, 0, 98)
HOOKED: Finger = (8, 2, 95)
FLAT_BENT: Finger = (75, 0, 8)

THUMB_OUT: Thumb = (0, 5, 0, 0, 0)
THUMB_UP: Thumb = (12, 12, 0, -5, -12)
THUMB_BESIDE: Thumb = (45, 12, 10, 10, 5)
THUMB_RELAXED: Thumb = (25, 32, 15, 15, 15)
THUMB_ACROSS: Thumb = (25, 61, 5, 28, 50)
THUMB_IN_PALM: Thumb = (64, 62, 15, 33, 35)
THUMB_OPPOSED: Thumb = (46, 58, 33, 13, 11)

_Hand = tuple[Thumb, Finger, Finger, Finger, Finger]

_GESTURES: dict[str, _Hand] = {
    "flat": (THUMB_BESIDE, STRAIGHT, STRAIGHT, STRAIGHT, STRAIGHT),
    "open": (THUMB_OUT, STRAIGHT, STRAIGHT, STRAIGHT, STRAIGHT),
    "spread": (THUMB_OUT, SPREAD, (-3, 0, 3), SPREAD, (-3, 24, 5)),
    "relaxed": (THUMB_RELAXED, (15, 4, 25), RELAXED, (26, 4, 34), (28, 6, 36)),
    "fist": (THUMB_ACROSS, CURLED, CURLED, CURLED, CURLED),
    "thumb_up": (THUMB_UP, CURLED, CURLED, CURLED, CURLED),
    "pointing": ((49, 62, 11, 24, 39), STRAIGHT, CURLED, CURLED, CURLED),
    "gun": (THUMB_OUT, STRAIGHT, CURLED, CURLED, CURLED),
    "victory": (THUMB_IN_PALM, (0, 14, 3), (0, -10, 3), CURLED, CURLED),
    "two_together": (THUMB_IN_PALM, STRAIGHT, STRAIGHT, CURLED, CURLED),
    "two_from_thumb": (THUMB_OUT, STRAIGHT, CURLED, CURLED, CURLED),
    "three": ((63, 59, 12, 40, 34), (0, 12, 3), (0, 0, 3), (0, 12, 3), (75, 0, 95)),
    "three_from_thumb": (THUMB_OUT, (0, 10, 3), (0, -4, 3), CURLED, CURLED),
    "four": ((62, 46, 28, 51, 38), (0, 8, 3), (0, 0, 3), (0, 8, 3), (0, 16, 3)),
    "middle_finger": (THUMB_ACROSS, CURLED, (0, 0, 5), (80, 0, 95), CURLED),
    "ring_finger": (THUMB_ACROSS, CURLED, (65, 0, 80), (10, 0, 10), (65, 0, 80)),
    "pinky_finger": (THUMB_ACROSS, CURLED, CURLED, (75, 0, 92), (0, 8, 3)),
    "horns": ((55, 62, 15, 21, 44), (0, 6, 3), CURLED, CURLED, (0, 12, 3)),
    "love": (THUMB_OUT, (0, 6, 3), CURLED, CURLED, (0, 12, 3)),
    "call": (THUMB_OUT, CURLED, CURLED, CURLED, (0, 15, 3)),
    "ok": (THUMB_OPPOSED, (40, 4, 53, 31), (20, 0, 20), (8, 6, 12), (0, 14, 6)),
    "pinch": (THUMB_OPPOSED, (40, 4, 53, 31), (62, 0, 70), (66, 0, 78), (66, 0, 78)),
    "pinch_middle": ((62, 59, 33, 14, 11), (10, 8, 12), (42, 0, 58, 37), (15, 4, 15), (8, 12, 8)),
    "pinch_ring": ((64, 60, 25, 25, 17), (5, 8, 8), (12, 0, 12), (36, 0, 62, 37), (15, 10, 15)),
    "pinch_pinky": ((65, 59, 18, 37, 24), (4, 8, 6), (6, 0, 8), (18, 0, 18), (41, 5, 54, 30)),
    "tripod": ((58, 59, 32, 14, 12), (42, 2, 45, 22), (57, 0, 55, 28), (70, 0, 80), (72, 0, 80)),
    "all_tips": ((64, 60, 24, 19, 13), (52, 2, 42, 20), (51, 0, 48, 25), (55, 2, 44, 23), (60, 6, 32, 17)),
    "claw": (THUMB_RELAXED, (-5, 10, 70), (-5, 0, 70), (-5, 10, 70), (-5, 18, 70)),
    "hook": (THUMB_BESIDE, HOOKED, HOOKED, HOOKED, HOOKED),
    "table_top": (THUMB_BESIDE, FLAT_BENT, FLAT_BENT, FLAT_BENT, FLAT_BENT),
    "duck_bill": ((50, 58, 20, 5, 0), (50, 1, 5), (52, 0, 5), (54, 1, 5), (56, 3, 5)),
    "grasp_cylinder": ((20, 48, 30, 12, 15), (38, 4, 48), (40, 0, 50), (42, 3, 50), (44, 6, 48)),
    "grasp_thick": ((8, 42, 20, 5, 8), (20, 8, 35), (20, 0, 36), (20, 8, 36), (22, 16, 34)),
    "grasp_ball": ((12, 48, 28, 10, 15), (28, 12, 32), (28, 0, 34), (28, 12, 34), (30, 22, 34)),
    "grasp_key": ((44, 37, 17, 16, 15), (40, 0, 65), (58, 0, 80), (66, 0, 84), (68, 0, 84)),
    "scissors_closed": ((49, 51, 0, 55, 65), (5, -6, 5), (5, -4, 5), CURLED, CURLED),
    "splay_pairs": (THUMB_OUT, (0, 8, 3), (0, 8, 3), (0, 8, 3), (0, 5, 3)),
    "loose_fist": ((35, 57, 29, 23, 20), (58, 2, 72), (62, 0, 78), (64, 0, 78), (66, 2, 76)),
    "half_open": (THUMB_RELAXED, (30, 4, 55), (32, 0, 58), (34, 4, 58), (36, 8, 55)),
    "backward": (THUMB_OUT, (-18, 6, -3), (-18, 0, -3), (-18, 6, -3), (-20, 14, -3)),
    "fan": (THUMB_RELAXED, (5, 4, 8), (22, 0, 25), (42, 2, 45), (62, 4, 65)),
    "fan_reversed": (THUMB_OPPOSED, (62, 2, 68), (42, 0, 48), (24, 4, 28), (6, 10, 8)),
}

GESTURE_NAMES: tuple[str, ...] = tuple(_GESTURES)

#: Hand shapes of finger alphabets, named after the letters of the American one, as far as they are not among
#: the gestures; and others in which fingers press against each other.
_SIGNS: dict[str, _Hand] = {
    "sign_a": ((38, 10, 10, 8, 2), CURLED, CURLED, CURLED, CURLED),
    "sign_b": ((62, 50, 20, 45, 45), STRAIGHT, STRAIGHT, STRAIGHT, STRAIGHT),
    "sign_c": ((25, 55, 30, 8, 20), (30, 3, 50), (30, 0, 52), (30, 3, 52), (32, 4, 48)),
    "sign_d": ((56, 60, 28, 18, 14), (0, 2, 3), (54, 0, 52, 27), (58, 2, 50, 28), (62, 5, 48, 25)),
    "sign_e": ((63, 65, 18, 44, 55), (25, 0, 105, 75), (28, 0, 106, 75), (30, 0, 106, 75), (32, 0, 102, 70)),
    "sign_g": ((30, 10, 10, 5, 0), (75, 2, 10, 5), CURLED, CURLED, CURLED),
    "sign_k": ((45, 45, 15, 10, 5), (0, 4, 3), (42, 0, 8, 5), CURLED, CURLED),
    "sign_m": ((70, 65, 24, 36, 85), (72, 0, 60, 40), (74, 0, 60, 40), (76, 0, 62, 40), CURLED),
    "sign_n": ((69, 61, 15, 31, 35), (72, 0, 60, 40), (74, 0, 60, 40), CURLED, CURLED),
    "sign_o": ((60, 62, 26, 16, 13), (46, 2, 48, 26), (48, 0, 50, 27), (52, 2, 48, 25), (58, 5, 40, 20)),
    "sign_r": ((61, 65, 16, 35, 38), (6, -10, 6), (18, -12, 10), CURLED, CURLED),
    "sign_t": ((35, 54, 9, 22, 29), (62, 0, 85, 55), CURLED, CURLED, CURLED),
    "sign_x": (THUMB_ACROSS, HOOKED, CURLED, CURLED, CURLED),
    "bent_v": (THUMB_IN_PALM, (10, 12, 80), (10, -8, 82), CURLED, CURLED),
    "bent_three": ((63, 59, 12, 40, 34), (10, 10, 75), (10, 0, 78), (10, 10, 75), CURLED),
    "hook_thumb_out": (THUMB_OUT, HOOKED, HOOKED, HOOKED, HOOKED),
    "flat_bent_thumb_out": (THUMB_OUT, FLAT_BENT, FLAT_BENT, FLAT_BENT, FLAT_BENT),
    "fist_thumb_inside": (
        (45, 65, 22, 8, 30),
        (66, 0, 80, 50),
        (68, 0, 82, 52),
        (70, 0, 84, 54),
        (70, 0, 84, 54),
    ),
}

SIGN_NAMES: tuple[str, ...] = tuple(_SIGNS)


def gesture(name: str) -> Tensor:
    """Joint angles (D,) in radians of a named gesture; palm and wrist are straight."""
    thumb, *fingers = (_GESTURES | _SIGNS)[name]
    angles = torch.zeros(len(ANGLE_NAMES))

    def put(joint: str, degrees: float) -> None:
        angles[ANGLE_NAMES.index(joint)] = radians(degrees)

    for joint, value in zip(
        ("cmc_flexion", "cmc_abduction", "cmc_pronation", "mcp_flexion", "ip_flexion"), thumb, strict=True
    ):
        put(f"thumb_{joint}", value)
    for finger, values in zip(LONG_FINGERS, fingers, strict=True):
        put(f"{finger}_mcp_flexion", values[0])
        put(f"{finger}_mcp_abduction", values[1])
        put(f"{finger}_pip_flexion", values[2])
        put(f"{finger}_dip_flexion", values[3] if len(values) > 3 else DIP_PER_PIP * values[2])
    return angles
