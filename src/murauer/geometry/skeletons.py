"""Named joint sets of hands: names in storage order, parents for drawing, and conversions between them.

A joint's name is its identity: two skeletons share a joint exactly if they share its name. NYU's names are
therefore kept apart from the anatomical ones: NYU's joints are the centres of spheres inside a hand model and
ICVL's lie in the middle of finger segments, neither on the anatomical joint that a similar name suggests.
hand21 has MediaPipe's names: its tips lie at the ends of the fingers, those of anny21 inside.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any

import numpy as np

from murauer.errors import UserError
from murauer.geometry.arrays import Points, multiply

FINGERS = ("thumb", "index", "middle", "ring", "pinky")

NYU_EVALUATION_JOINTS = (0, 3, 6, 9, 12, 15, 18, 21, 24, 25, 27, 30, 31, 32)
"""Which of NYU's 36 joints are evaluated, in evaluation order (Tompson et al. 2014)."""


@dataclass(frozen=True)
class Skeleton:
    """An ordered set of joints.

    Attributes:
        name: Name in the registry.
        joints: Name of every joint in storage order.
        parents: Index of the joint that each joint is drawn connected to; -1 for the root.
        groups: One of FINGERS or "palm" for every joint, for colours.
        centre: Index of the joint that the hand cube is centred on.
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    groups: tuple[str, ...]
    centre: int

    def __len__(self) -> int:
        return len(self.joints)

    @property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """Pairs (joint, parent) to draw lines between."""
        return tuple((joint, parent) for joint, parent in enumerate(self.parents) if parent >= 0)


def _skeleton(name: str, centre: str, joints: list[tuple[str, str | None, str]]) -> Skeleton:
    """Build a skeleton from (joint, parent, group), with parents and centre by name."""
    names = tuple(joint for joint, _, _ in joints)
    parents = tuple(-1 if parent is None else names.index(parent) for _, parent, _ in joints)
    return Skeleton(name, names, parents, tuple(group for _, _, group in joints), names.index(centre))


def _anatomical_chain(finger: str) -> tuple[str, ...]:
    """Name the four joints of a finger from the palm to the tip.

    Data sets call the thumb's MCP, PIP, DIP like a finger's although a thumb has one phalanx less; the first
    of its four is the carpometacarpal joint.
    """
    levels = ("cmc", "mcp", "ip", "tip") if finger == "thumb" else ("mcp", "pip", "dip", "tip")
    return tuple(f"{finger}_{level}" for level in levels)


def _anatomical(name: str, order: list[str]) -> Skeleton:
    """Build a skeleton of the wrist and four joints a finger, stored in the given order."""
    links: dict[str, tuple[str, str | None, str]] = {"wrist": ("wrist", None, "palm")}
    for finger in FINGERS:
        chain = ("wrist", *_anatomical_chain(finger))
        links |= {joint: (joint, parent, finger) for parent, joint in pairwise(chain)}
    return _skeleton(name, "middle_mcp", [links[joint] for joint in order])


def _fingers_in_turn(fingers: tuple[str, ...]) -> list[str]:
    """List the wrist and then finger after finger, each from the palm to the tip."""
    return ["wrist", *(joint for finger in fingers for joint in _anatomical_chain(finger))]


def _hands17_order() -> list[str]:
    """List the wrist, the first joint of every finger, then the other three finger by finger."""
    chains = [_anatomical_chain(finger) for finger in FINGERS]
    return ["wrist", *(chain[0] for chain in chains), *(joint for chain in chains for joint in chain[1:])]


def _nyu36() -> Skeleton:
    """Build NYU's 36 joints under the names of its `joint_names`: finger 1 is the pinky, KNU3_A a tip."""
    joints: list[tuple[str, str | None, str]] = []
    for prefix, finger in (
        ("F1", "pinky"),
        ("F2", "ring"),
        ("F3", "middle"),
        ("F4", "index"),
        ("TH", "thumb"),
    ):
        chain = [f"{prefix}_KNU{knuckle}_{end}" for knuckle in (3, 2, 1) for end in "AB"]
        base = "PALM_6" if finger == "thumb" else "PALM_3"
        joints += [(joint, parent, finger) for joint, parent in zip(chain, [*chain[1:], base], strict=True)]
    palm = ("PALM_6", "PALM_6", "PALM_5", "PALM_5", "PALM_6", None)
    joints += [(f"PALM_{number}", parent, "palm") for number, parent in enumerate(palm, start=1)]
    return _skeleton("nyu36", "PALM_5", joints)


def _nyu14(nyu36: Skeleton) -> Skeleton:
    """Build NYU's evaluation joints: two a finger, three of the thumb, two of the wrist, the palm."""
    names = [nyu36.joints[index] for index in NYU_EVALUATION_JOINTS]
    parents: dict[str, str | None] = dict.fromkeys(names, "PALM_3") | {"PALM_3": None}
    parents |= {f"F{finger}_KNU3_A": f"F{finger}_KNU2_B" for finger in range(1, 5)}
    parents |= {"TH_KNU3_A": "TH_KNU3_B", "TH_KNU3_B": "TH_KNU2_B", "TH_KNU2_B": "PALM_2"}
    groups = [nyu36.groups[index] for index in NYU_EVALUATION_JOINTS]
    joints = [(joint, parents[joint], group) for joint, group in zip(names, groups, strict=True)]
    return _skeleton("nyu14", "PALM_3", joints)


def _icvl16() -> Skeleton:
    """Build ICVL's palm and three segment centres a finger (Tang et al. 2014)."""
    joints: list[tuple[str, str | None, str]] = [("palm", None, "palm")]
    for finger in FINGERS:
        chain = ["palm", *(f"{finger}_{segment}_segment" for segment in ("root", "middle", "tip"))]
        joints += [(joint, parent, finger) for parent, joint in pairwise(chain)]
    return _skeleton("icvl16", "palm", joints)


def _hand21() -> Skeleton:
    """Build the 21 joints of MediaPipe, under its names and in its order."""
    joints: list[tuple[str, str | None, str]] = [("WRIST", None, "palm")]
    for finger in FINGERS:
        prefix = finger.upper() if finger in ("thumb", "pinky") else f"{finger.upper()}_FINGER"
        levels = [joint.rsplit("_", 1)[1].upper() for joint in _anatomical_chain(finger)]
        chain = ["WRIST", *(f"{prefix}_{level}" for level in levels)]
        joints += [(joint, parent, finger) for parent, joint in pairwise(chain)]
    return _skeleton("hand21", "MIDDLE_FINGER_MCP", joints)


def _registry() -> dict[str, Skeleton]:
    nyu36 = _nyu36()
    skeletons = (
        _hand21(),
        _nyu14(nyu36),
        nyu36,
        _icvl16(),
        _anatomical("msra21", _fingers_in_turn((*FINGERS[1:], "thumb"))),
        _anatomical("hands21", _hands17_order()),
        _anatomical("anny21", _fingers_in_turn(FINGERS)),
    )
    return {skeleton.name: skeleton for skeleton in skeletons}


SKELETONS: dict[str, Skeleton] = _registry()


def find_skeleton(name: str) -> Skeleton:
    """Return the skeleton of that name.

    Raises:
        UserError: If there is none.
    """
    if name not in SKELETONS:
        raise UserError(f"unknown skeleton {name!r}; known are {', '.join(SKELETONS)}")
    return SKELETONS[name]


def convert(joints: Points, source: str, target: str) -> Points:
    """Take joints from one skeleton to another.

    If `source` has all joints of `target`, they are taken as they are. Otherwise every joint is a weighted
    sum of those of `source`, as `tools/fit_blends.py` fitted on the hand model; `blend_residual` says how
    well.

    Args:
        joints: Shape (..., J, D) with the J joints of `source`; any units. Weighted sums are for points in
            space, not for their images.
        source: Name of the skeleton that the joints are in.
        target: Name of the skeleton that they are wanted in.

    Returns:
        Shape (..., K, D) with the K joints of `target`.

    Raises:
        UserError: If there is no conversion, or a name is unknown.
        ValueError: If `joints` does not have the joints of `source`.
    """
    have, want = find_skeleton(source), find_skeleton(target)
    if joints.shape[-2] != len(have):
        raise ValueError(f"{source} has {len(have)} joints, got the shape {tuple(joints.shape)}")
    if set(want.joints) <= set(have.joints):
        return joints[..., [have.joints.index(joint) for joint in want.joints], :]
    weights = _blend(source, target)["weights"]
    matrix = np.zeros((len(want), len(have)))
    for row, joint in enumerate(want.joints):
        for name, weight in weights[joint].items():
            matrix[row, have.joints.index(name)] = weight
    matrix /= matrix.sum(1, keepdims=True)  # the file's weights are rounded
    return multiply(matrix, joints)


def blend_residual(source: str, target: str) -> float:
    """Mean distance in mm by which joints converted from `source` miss those of `target` on the hand model.

    Raises:
        UserError: If no conversion by weighted sums is known.
    """
    return float(_blend(source, target)["residual_mm"])


def _blend(source: str, target: str) -> dict[str, Any]:
    """The fitted blend between two skeletons or between others that have their joints."""
    have, want = set(find_skeleton(source).joints), set(find_skeleton(target).joints)
    for pair, blend in _blends().items():
        first, second = (set(find_skeleton(name).joints) for name in pair.split())
        if first <= have and want <= second:
            return blend
    raise UserError(
        f"no conversion from skeleton {source} to {target}: no weighted sums of its joints are known; "
        f"convert from or to one of {', '.join(sorted({pair.split()[0] for pair in _blends()}))}"
    )


@cache
def _blends() -> dict[str, dict[str, Any]]:
    text = resources.files("murauer.geometry").joinpath("skeleton_blends.json").read_text(encoding="utf-8")
    blends: dict[str, dict[str, Any]] = json.loads(text)
    return blends
