"""How the hand moves: bones, named joint angles with anatomical limits, and the axes they turn about.

Angles are anatomical: 0 is the flat hand with straight, parallel fingers, whatever the mesh's own rest pose
is. Signs: flexion towards the palm is positive; finger abduction is positive away from the middle finger (for
the middle finger: towards the thumb); the thumb's abduction lifts it out of the palm plane and its pronation
turns its pad towards the fingers; wrist deviation is positive towards the thumb; forearm twist is positive
when the elbow end turns, seen from the hand, from the thumb side to the palm side.

Ranges are ordinary active ranges of motion of adults, slightly rounded: fingers and thumb after Norkin and
White, "Measurement of Joint Motion"; a little hyperextension is allowed at the finger joints.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import radians

import torch
from torch import Tensor

FINGERS = ("thumb", "index", "middle", "ring", "pinky")
LONG_FINGERS = FINGERS[1:]

#: Bones with their parents, parents first. Names are the body model's: fingers are numbered from the thumb,
#: and ``metacarpal1`` is the index finger's. The tree is rooted at the palm, so the forearm is a child of
#: the wrist.
BONES: tuple[tuple[str, str | None], ...] = (
    ("wrist", None),
    *((f"metacarpal{f}", "wrist") for f in range(1, 5)),
    *((f"finger{f}-1", "wrist" if f == 1 else f"metacarpal{f - 1}") for f in range(1, 6)),
    *((f"finger{f}-{k}", f"finger{f}-{k - 1}") for k in (2, 3) for f in range(1, 6)),
    ("lowerarm02", "wrist"),
    ("lowerarm01", "lowerarm02"),
)
BONE_NAMES = tuple(name for name, _ in BONES)
PARENTS = tuple(-1 if parent is None else BONE_NAMES.index(parent) for _, parent in BONES)
#: The bone at whose head each bone turns: its own, but for the forearm, which hangs the other way round.
PIVOTS = tuple(
    BONE_NAMES.index({"lowerarm02": "wrist", "lowerarm01": "lowerarm02"}.get(name, name))
    for name in BONE_NAMES
)


@dataclass(frozen=True)
class Angle:
    """One degree of freedom: its name and its limits in radians."""

    name: str
    low: float
    high: float


def _degrees(name: str, low: float, high: float) -> Angle:
    return Angle(name, radians(low), radians(high))


ANGLES: tuple[Angle, ...] = (
    *(
        angle
        for finger, pip_high, spread in (
            ("index", 110, 22),
            ("middle", 110, 15),
            ("ring", 112, 18),
            ("pinky", 110, 30),
        )
        for angle in (
            _degrees(f"{finger}_mcp_flexion", -25, 95),
            _degrees(f"{finger}_mcp_abduction", -12 if finger != "middle" else -15, spread),
            _degrees(f"{finger}_pip_flexion", -8, pip_high),
            _degrees(f"{finger}_dip_flexion", -10, 85),
        )
    ),
    _degrees("thumb_cmc_flexion", -20, 70),
    _degrees("thumb_cmc_abduction", -10, 65),
    _degrees("thumb_cmc_pronation", -15, 60),
    _degrees("thumb_mcp_flexion", -10, 60),
    _degrees("thumb_ip_flexion", -20, 85),
    _degrees("palm_arch", 0, 20),
    _degrees("wrist_flexion", -65, 75),
    _degrees("wrist_deviation", -30, 20),
    _degrees("forearm_twist", -70, 70),
)
ANGLE_NAMES = tuple(angle.name for angle in ANGLES)
ANGLE_LIMITS = torch.tensor([[angle.low, angle.high] for angle in ANGLES])

# Turn of each finger's hinge out of the palm's lateral axis, about the finger's own direction (degrees):
# flexed fingers converge towards the base of the thumb instead of staying side by side.
_HINGE_TILT = {"index": 8.0, "middle": 3.0, "ring": -4.0, "pinky": -12.0}
# Where 0 abduction points, away from the middle finger (degrees): adducted fingers touch but do not overlap.
_NEUTRAL_SPREAD = {"index": 1.0, "middle": 0.0, "ring": 1.0, "pinky": 3.0}
# Abduction of the thumb in the mesh's rest pose (degrees).
_THUMB_REST_ABDUCTION = 40.0

_X, _Y, _Z = torch.eye(3, dtype=torch.float64)


def rotation_about(axes: Tensor, angles: Tensor) -> Tensor:
    """Rotation matrices by Rodrigues' formula.

    Args:
        axes: Unit vectors (..., 3).
        angles: Radians (...), broadcast against the axes.

    Returns:
        Rotations (..., 3, 3).
    """
    x, y, z = axes.unbind(-1)
    o = torch.zeros_like(x)
    k = torch.stack([o, -z, y, z, o, -x, -y, x, o], -1).unflatten(-1, (3, 3))
    angles = angles[..., None, None]
    return torch.eye(3, dtype=k.dtype, device=k.device) + angles.sin() * k + (1 - angles.cos()) * (k @ k)


@dataclass(frozen=True)
class Articulation:
    """Elementary rotations in the rest frame of a particular hand.

    The rotation of bone b relative to its parent is the product, over its up to three slots, of rotations
    about ``axes[slots[b]]`` by ``angles @ gains``, times the constant ``offset[b]`` that takes the mesh's
    rest pose to the zero of the angles.

    Attributes:
        axes: (E, 3) unit axes; the last one belongs to unused slots (its gain is 0).
        gains: (D, E) elementary angle per named angle.
        slots: (B, 3) elementary rotation per bone, outermost first.
        offset: (B, 3, 3).
    """

    axes: Tensor
    gains: Tensor
    slots: Tensor
    offset: Tensor


def _unit(v: Tensor) -> Tensor:
    return v / v.norm()


def _signed_angle(a: Tensor, b: Tensor, axis: Tensor) -> Tensor:
    """Angle from a to b about the axis, both projected perpendicular to it."""
    return torch.atan2(torch.linalg.cross(a, b) @ axis, a @ b - (a @ axis) * (b @ axis))


def articulate(heads: Tensor, fingertips: Tensor) -> Articulation:
    """Finds the axes of rotation from the rest geometry of the mean hand.

    Args:
        heads: Bone heads (B, 3) at rest, canonical hand frame, mm.
        fingertips: (5, 3), thumb to pinky.

    Returns:
        The articulation, float32.
    """
    heads, fingertips = heads.double(), fingertips.double()
    axes: list[Tensor] = []
    gains: list[tuple[int, float]] = []
    slots: list[list[int]] = [[] for _ in BONES]
    offset = torch.eye(3, dtype=torch.float64).repeat(len(BONES), 1, 1)
    degree = torch.pi / 180

    def add(bone: str, angle: str, axis: Tensor, gain: float = 1.0) -> None:
        slots[BONE_NAMES.index(bone)].append(len(axes))
        axes.append(_unit(axis))
        gains.append((ANGLE_NAMES.index(angle), gain))

    def directions(finger: int) -> list[Tensor]:
        points = [heads[BONE_NAMES.index(f"finger{finger}-{k}")] for k in (1, 2, 3)] + [
            fingertips[finger - 1]
        ]
        return [_unit(b - a) for a, b in pairwise(points)]

    for finger, name in enumerate(FINGERS[1:], start=2):
        first, second, third = directions(finger)
        away = 1.0 if name in ("ring", "pinky") else -1.0  # sense of rotation about z that abducts
        neutral = rotation_about(_Z, torch.tensor(away * _NEUTRAL_SPREAD[name] * degree)) @ _Y
        hinge = rotation_about(neutral, torch.tensor(-_HINGE_TILT[name] * degree)) @ torch.linalg.cross(
            neutral, _Z
        )
        swing = torch.linalg.cross(hinge, neutral)
        # The rest pose's own angles: first = flex(rest_flexion) swing(rest_abduction) neutral.
        rest_abduction = -torch.asin(first @ hinge)
        after_swing = rotation_about(swing, rest_abduction) @ neutral
        rest_flexion = _signed_angle(after_swing, first, hinge)
        rest = rotation_about(hinge, rest_flexion) @ rotation_about(swing, rest_abduction)
        add(f"finger{finger}-1", f"{name}_mcp_flexion", hinge)
        add(f"finger{finger}-1", f"{name}_mcp_abduction", away * swing)
        offset[BONE_NAMES.index(f"finger{finger}-1")] = rest.T
        knuckle_axis = rest @ hinge
        for k, joint, before, after in ((2, "pip", first, second), (3, "dip", second, third)):
            bone = BONE_NAMES.index(f"finger{finger}-{k}")
            add(f"finger{finger}-{k}", f"{name}_{joint}_flexion", knuckle_axis)
            offset[bone] = rotation_about(knuckle_axis, -_signed_angle(before, after, knuckle_axis))

    first, second, third = directions(1)
    # The thumb's hinge: its bones bend in one plane, across the palm.
    hinge = _unit(torch.linalg.cross(first, third))
    for k, joint, before, after in ((2, "mcp", first, second), (3, "ip", second, third)):
        bone = BONE_NAMES.index(f"finger1-{k}")
        add(f"finger1-{k}", f"thumb_{joint}_flexion", hinge)
        offset[bone] = rotation_about(hinge, -_signed_angle(before, after, hinge))
    # Zero of the thumb's base: the rest direction turned back into the palm plane, pointing sideways.
    # Flexion sweeps it around the cone that abduction opens.
    swing = _unit(torch.linalg.cross(first, hinge))
    rest = rotation_about(swing, torch.tensor(_THUMB_REST_ABDUCTION * degree))
    add("finger1-1", "thumb_cmc_flexion", rest.T @ hinge)
    add("finger1-1", "thumb_cmc_abduction", swing)
    add("finger1-1", "thumb_cmc_pronation", -rest.T @ first)
    offset[BONE_NAMES.index("finger1-1")] = rest.T

    add("metacarpal4", "palm_arch", torch.linalg.cross(_Y, _Z) - 0.5 * _Y)
    add("metacarpal3", "palm_arch", torch.linalg.cross(_Y, _Z) - 0.5 * _Y, gain=0.5)
    # The palm is the root, so the forearm turns the other way about the wrist, in the reverse order.
    add("lowerarm02", "wrist_deviation", _Z)
    add("lowerarm02", "wrist_flexion", -_X)
    forearm = heads[BONE_NAMES.index("lowerarm01")] - heads[BONE_NAMES.index("wrist")]
    add("lowerarm02", "forearm_twist", forearm, gain=0.4)
    add("lowerarm01", "forearm_twist", forearm, gain=0.6)

    unused = len(axes)
    gain_matrix = torch.zeros(len(ANGLES), unused + 1, dtype=torch.float64)
    for column, (row, gain) in enumerate(gains):
        gain_matrix[row, column] = gain
    slot_table = torch.tensor([own + [unused] * (3 - len(own)) for own in slots])
    return Articulation(
        axes=torch.stack([*axes, _X]).float(),
        gains=gain_matrix.float(),
        slots=slot_table,
        offset=offset.float(),
    )
