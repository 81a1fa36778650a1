"""A cheap test for fingers that pass through each other or through the palm.

Every finger segment and every metacarpal is a capsule (a thick line between two joints). Two capsules that
come closer than their radii allow penetrate; skin is soft, so a few millimetres are forgiven.
"""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor

from murauer.hand.articulation import FINGERS

# Radii in mm at the default hand size, from the girth of the model's fingers: per finger (thumb to pinky),
# the segments from the palm to the tip. The thumb's first segment is its metacarpal, inside the ball of the
# thumb.
_RADII = ((12.0, 9.0, 8.0), (8.5, 7.5, 6.5), (8.5, 7.5, 6.5), (8.0, 7.0, 6.0), (7.0, 6.0, 5.5))
_PALM_RADIUS = 9.0
#: Depth of contact that soft skin forgives, mm.
TOLERANCE_MM = 4.0


def _capsules() -> tuple[Tensor, Tensor, Tensor, list[tuple[int, int]]]:
    """Start joints, end joints and radii of the capsules, and the pairs that must not meet."""
    start, end, radius, label = [], [], [], []
    for finger in range(len(FINGERS)):
        for segment in range(3):
            start.append(1 + 4 * finger + segment)
            end.append(2 + 4 * finger + segment)
            radius.append(_RADII[finger][segment])
            label.append((finger, segment))
    for finger in range(1, len(FINGERS)):  # metacarpals, from the wrist
        start.append(0)
        end.append(1 + 4 * finger)
        radius.append(_PALM_RADIUS)
        label.append((finger, -1))
    pairs = []
    for a, b in combinations(range(len(label)), 2):
        (finger_a, segment_a), (finger_b, segment_b) = label[a], label[b]
        palm = -1 in (segment_a, segment_b)
        if finger_a == finger_b and not palm:
            continue  # a finger cannot reach itself within its limits
        if palm and (segment_a == segment_b or max(segment_a, segment_b) == 0):
            continue  # metacarpals and first segments are joined to the palm
        if not palm and segment_a == segment_b == 0:
            continue  # first segments share the webs between the fingers
        pairs.append((a, b))
    return torch.tensor(start), torch.tensor(end), torch.tensor(radius), pairs


_START, _END, _RADIUS, _PAIRS = _capsules()
_FIRST, _SECOND = torch.tensor(_PAIRS).T


def segment_distance(a0: Tensor, a1: Tensor, b0: Tensor, b1: Tensor) -> Tensor:
    """Shortest distance between line segments a and b, given by their ends (..., 3); shape (...)."""
    u, v, w = a1 - a0, b1 - b0, a0 - b0
    uu, vv, uv = (u * u).sum(-1), (v * v).sum(-1), (u * v).sum(-1)
    uw, vw = (u * w).sum(-1), (v * w).sum(-1)
    s = ((uv * vw - vv * uw) / (uu * vv - uv * uv).clamp(min=1e-6)).clamp(0, 1)
    t = ((vw + s * uv) / vv.clamp(min=1e-6)).clamp(0, 1)
    s = ((t * uv - uw) / uu.clamp(min=1e-6)).clamp(0, 1)
    return (w + s[..., None] * u - t[..., None] * v).norm(dim=-1)


def penetration(joints: Tensor) -> Tensor:
    """How deep fingers penetrate each other or the palm.

    Args:
        joints: Anny21 joints (B, 21, 3) of hands of about the default size, mm.

    Returns:
        The largest overlap of two capsules (B,) in mm, at least 0.
    """
    start, end = joints[:, _START], joints[:, _END]
    distance = segment_distance(start[:, _FIRST], end[:, _FIRST], start[:, _SECOND], end[:, _SECOND])
    return (_RADIUS[_FIRST] + _RADIUS[_SECOND] - distance).amax(1).clamp(min=0)
