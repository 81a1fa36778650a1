"""Fingers as thick lines of a particular hand's own thickness, for finding out what they touch."""

from __future__ import annotations

import torch
from torch import Tensor

from murauer.hand.articulation import BONE_NAMES, FINGERS
from murauer.hand.model import HandModel

SEGMENTS = 3
"""Of a finger, from the palm to the tip."""

_POINTS = 5
"""On the axis of a segment."""

_RING = 12
"""Vertices around the middle of a segment; the farther half of them makes its radius."""


class FingerCapsules:
    """Measures how thick the fingers of hands are, and how far from a thing.

    Args:
        model: The hand model.
    """

    def __init__(self, model: HandModel) -> None:
        self.model = model
        vertices, joints = self._rest(torch.zeros(1, len(model.shape_names)))
        bone = model.weights.argmax(1)
        rings = []
        for finger in range(len(FINGERS)):
            for segment in range(SEGMENTS):
                start, end = joints[0, 1 + 4 * finger + segment], joints[0, 2 + 4 * finger + segment]
                along = (end - start) / (end - start).norm()
                share = (vertices[0] - start) @ along / (end - start).norm()
                own = bone == BONE_NAMES.index(f"finger{finger + 1}-{segment + 1}")
                rings.append(torch.where(own, (share - 0.55).abs(), torch.inf).topk(_RING, largest=False)[1])
        self._rings = torch.stack(rings)
        # The side of the palm on which things lie.
        palm = model.weights[
            :, [BONE_NAMES.index("wrist"), *(BONE_NAMES.index(f"metacarpal{k}") for k in range(1, 5))]
        ]
        place = vertices[0]
        self._palm = torch.nonzero((palm.sum(1) > 0.6) & (place[:, 2] > 5) & (place[:, 1] > -45))[:, 0]

    def _rest(self, shape: Tensor) -> tuple[Tensor, Tensor]:
        vertices, _, points = self.model.rest_state(shape)
        return vertices, points[:, self.model.joint_rows("anny21")]

    def measure(self, shape: Tensor) -> tuple[Tensor, Tensor]:
        """Radii and palms of hands.

        Args:
            shape: (B, S).

        Returns:
            Radii of the segments in mm, (B, 15), and points on the palm in the hand frame, (B, N, 3).
        """
        vertices, joints = self._rest(shape)
        ring = vertices[:, self._rings]  # (B, 15, ring, 3)
        start = torch.cat([joints[:, 1 + 4 * f : 4 + 4 * f] for f in range(5)], 1)
        end = torch.cat([joints[:, 2 + 4 * f : 5 + 4 * f] for f in range(5)], 1)
        along = torch.nn.functional.normalize(end - start, dim=-1)[:, :, None]
        away = ring - start[:, :, None]
        radii = (away - (away * along).sum(-1, keepdim=True) * along).norm(dim=-1)
        return radii.topk(_RING // 2)[0].mean(-1), vertices[:, self._palm]


def axis_points(joints: Tensor) -> Tensor:
    """Points on the axes of the segments, (B, 15, `_POINTS`, 3), for joints anny21 (B, 21, 3)."""
    fingers = joints[:, 1:].unflatten(1, (len(FINGERS), SEGMENTS + 1))
    share = torch.linspace(0.0, 1, _POINTS)[:, None]
    points = torch.lerp(fingers[:, :, :-1, None], fingers[:, :, 1:, None], share)
    return points.flatten(1, 2)
