"""Joints of the hand model, as fixed combinations of bone heads and a few surface points at rest.

Every joint is rigidly attached to one bone. A joint is written as weights on named points, so it follows
the shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from murauer.geometry.skeletons import NYU_EVALUATION_JOINTS, SKELETONS
from murauer.hand.articulation import BONE_NAMES, FINGERS


@dataclass(frozen=True)
class Joint:
    """A point rigidly attached to ``bone``: a weighted sum of named points (weights add up to 1)."""

    bone: str
    weights: Mapping[str, float]


def _between(bone: str, a: str, b: str, share: float) -> Joint:
    """The point that lies ``share`` of the way from a to b."""
    return Joint(bone, {a: 1.0 - share, b: share})


# How deep the tip joint lies below the very end of the finger, as a share of the last segment: half a
# fingertip's thickness.
_TIP_DEPTH = 0.22


# The same in the convention of MediaPipe and of the tools around MANO, whose tips lie at the finger's end.
_END_DEPTH = 0.1


def _tip(finger: int, depth: float = _TIP_DEPTH) -> Joint:
    return _between(f"finger{finger}-3", f"tip{finger}", f"finger{finger}-3", depth)


def _wrist_and_chains(tip_depth: float) -> tuple[Joint, ...]:
    """The wrist, then thumb to pinky with four joints each from the palm to the tip."""
    chains = [
        (
            *(Joint(f"finger{finger}-{k}", {f"finger{finger}-{k}": 1.0}) for k in (1, 2, 3)),
            _tip(finger, tip_depth),
        )
        for finger in range(1, 6)
    ]
    return (Joint("wrist", {"wrist": 1.0}), *(joint for chain in chains for joint in chain))


ANNY21 = _wrist_and_chains(_TIP_DEPTH)
HAND21 = _wrist_and_chains(_END_DEPTH)


#: Where NYU's joints lie along a finger's segments, as shares of their length: the inner end of the last
#: phalanx, both ends of the middle one, both ends of the first. The outer end of the last is the tip.
_NYU_SHARES = {
    2: (0.38, 0.7, 0.15, 0.57, -0.07),
    3: (0.28, 0.58, 0.15, 0.57, 0.1),
    4: (0.3, 0.6, 0.15, 0.68, 0.28),
    5: (0.4, 0.75, 0.15, 0.75, 0.25),
}


def _nyu36() -> tuple[Joint, ...]:
    """NYU's joints, located by their distances in its test labels.

    Those of a finger come in pairs that keep their distance: one pair per phalanx, the thumb's metacarpal
    included. Two points at the sides of the wrist and four more are rigid with the palm. Within a few
    millimetres: the joints are centres of spheres in somebody else's hand model.
    """
    fingers = []
    for finger in (5, 4, 3, 2):
        last, outer, inner, first_outer, first_inner = _NYU_SHARES[finger]
        a, b, c = (f"finger{finger}-{k}" for k in (1, 2, 3))
        fingers += [
            _tip(finger),
            _between(c, c, f"tip{finger}", last),
            _between(b, b, c, outer),
            _between(b, b, c, inner),
            _between(a, a, b, first_outer),
            _between(a, a, b, first_inner),
        ]
    thumb = [
        _tip(1),
        _between("finger1-3", "finger1-3", "tip1", 0.2),
        _between("finger1-2", "finger1-2", "finger1-3", 0.65),
        _between("finger1-2", "finger1-2", "finger1-3", 0.2),
        _between("finger1-1", "finger1-1", "finger1-2", 0.6),
        _between("wrist", "wrist", "finger1-1", 0.45),
    ]
    sides = [
        Joint("wrist", {side: 0.76, other: 0.24})
        for side, other in (("pinky_side", "thumb_side"), ("thumb_side", "pinky_side"))
    ]
    palm = [
        Joint(
            "wrist",
            {"wrist": wrist} | {f"finger{f}-1": w for f, w in zip(range(2, 6), knuckles, strict=True)},
        )
        for wrist, knuckles in (
            (0.2, (0.25, 0.25, 0.15, 0.15)),
            (0.25, (0.0, 0.0, 0.375, 0.375)),
            (0.48, (0.2, 0.16, 0.08, 0.08)),
        )
    ]
    between = Joint("wrist", {"pinky_side": 0.5, "thumb_side": 0.5})
    return (*fingers, *thumb, *sides, *palm, between)


def _anatomical(skeleton: str) -> tuple[Joint, ...]:
    """Joints of a skeleton whose joints are anatomical: those of anny21, by their names, in its order."""
    own = SKELETONS["anny21"].joints
    return tuple(ANNY21[own.index(joint)] for joint in SKELETONS[skeleton].joints)


def _icvl16() -> tuple[Joint, ...]:
    """ICVL's joints: the palm's centre and the middle of the three segments of every finger.

    A finger's segments are its phalanges; the thumb's first is its metacarpal. The palm's centre lies in the
    middle between the wrist and the knuckles.
    """
    knuckles = {f"finger{finger}-1": 0.125 for finger in range(2, 6)}
    segments = [
        _between(f"finger{finger}-{k}", f"finger{finger}-{k}", end, 0.5)
        for finger in range(1, 6)
        for k, end in ((1, f"finger{finger}-2"), (2, f"finger{finger}-3"), (3, f"tip{finger}"))
    ]
    return (Joint("wrist", {"wrist": 0.5, **knuckles}), *segments)


JOINT_SETS: dict[str, tuple[Joint, ...]] = {
    "hand21": HAND21,
    "anny21": ANNY21,
    "nyu14": tuple(_nyu36()[index] for index in NYU_EVALUATION_JOINTS),
    "nyu36": _nyu36(),
    "icvl16": _icvl16(),
    "msra21": _anatomical("msra21"),
    "hands21": _anatomical("hands21"),
}


def regressor(asset: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, dict[str, slice]]:
    """Matrix that gives all joints at rest from vertices and bone heads.

    Args:
        asset: The hand asset (``vertices``, ``fingertips``, ``wrist_sides``).

    Returns:
        Weights (P, V + bones) on the concatenation of vertices and heads, the bone of each joint (P,), and
        the rows of each skeleton.
    """
    n_vertices = len(asset["vertices"])
    columns = {name: n_vertices + i for i, name in enumerate(BONE_NAMES)}
    columns |= {f"tip{i + 1}": int(asset["fingertips"][i]) for i in range(len(FINGERS))}
    columns |= {"thumb_side": int(asset["wrist_sides"][0]), "pinky_side": int(asset["wrist_sides"][1])}
    joints = [joint for joint_set in JOINT_SETS.values() for joint in joint_set]
    weights = torch.zeros(len(joints), n_vertices + len(BONE_NAMES))
    for row, joint in enumerate(joints):
        for point, weight in joint.weights.items():
            weights[row, columns[point]] = weight
    slices, start = {}, 0
    for name, joint_set in JOINT_SETS.items():
        slices[name] = slice(start, start + len(joint_set))
        start += len(joint_set)
    return weights, torch.tensor([BONE_NAMES.index(joint.bone) for joint in joints]), slices
