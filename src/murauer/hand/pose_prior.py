"""Hand poses that look human: gestures, everything between them, and freely curled fingers.

A pose is drawn in three steps.

1. A mixture of two gestures, whose share varies from finger to finger (neighbours alike); or free curls: one
   flexion synergy per finger, correlated between neighbours, split differently between knuckle and finger;
   or each finger by itself stretched, bent or folded, see `single_fingers`.
2. Variation: smooth over neighbouring fingers, tendon coupling of the last joint, less abduction in flexed
   fingers, a bent palm where ring and little finger bend, and a wrist that moves on its own. Cut at the
   joint limits.
3. Where fingers penetrate each other or the palm, the hand opens step by step until they do not.

Nothing here is fitted to recorded poses.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import radians

import torch
from torch import Tensor

from murauer.hand.articulation import ANGLE_LIMITS, ANGLE_NAMES, LONG_FINGERS
from murauer.hand.gestures import DIP_PER_PIP, GESTURE_NAMES, SIGN_NAMES, gesture
from murauer.hand.model import HandModel
from murauer.hand.penetration import TOLERANCE_MM, penetration
from murauer.hand.single_fingers import single_fingers


def _columns(joint: str) -> list[int]:
    """Indices of one joint's angle of the four long fingers."""
    return [ANGLE_NAMES.index(f"{finger}_{joint}") for finger in LONG_FINGERS]


_FLEXION, _ABDUCTION = _columns("mcp_flexion"), _columns("mcp_abduction")
_PIP, _DIP = _columns("pip_flexion"), _columns("dip_flexion")
_THUMB = [i for i, name in enumerate(ANGLE_NAMES) if name.startswith("thumb")]
_ARCH = ANGLE_NAMES.index("palm_arch")
_WRIST = [ANGLE_NAMES.index(name) for name in ("wrist_flexion", "wrist_deviation", "forearm_twist")]

#: Largest number of opening steps, and of those in which single fingers retreat before.
_STEPS, _RETREATS = 16, 10


@dataclass(frozen=True)
class PosePrior:
    """Distribution over joint angles.

    Attributes:
        free_share: Share of poses with freely curled fingers; the others lie between two gestures.
        single_share: Share of poses, of all, in which each finger is stretched, bent or folded by itself.
        touching_share: Share of those in which the thumb touches one of the fingers.
        gestures: That poses lie between.
        variation: Factor on all random deviations from the gestures; 0 leaves gestures and their mixtures.
        neighbour_correlation: Correlation of the deviations of neighbouring fingers.
        wrist_deviation_deg: Standard deviations of wrist flexion, wrist deviation and forearm twist.
        largest_penetration_mm: Contact deeper than this is opened.
    """

    free_share: float = 0.35
    single_share: float = 0.0
    touching_share: float = 0.3
    gestures: tuple[str, ...] = GESTURE_NAMES
    variation: float = 1.0
    neighbour_correlation: float = 0.6
    wrist_deviation_deg: tuple[float, float, float] = (22.0, 9.0, 25.0)
    largest_penetration_mm: float = TOLERANCE_MM

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draws independent poses.

        Args:
            n: How many.
            generator: Source of randomness.

        Returns:
            Angles (n, D) in radians, within the limits, in the order of ``HandModel.angle_names``.
        """
        return self._opened(self._draw(n, generator))

    def _draw(self, n: int, generator: torch.Generator) -> Tensor:
        free = torch.rand(n, 1, generator=generator) < self.free_share
        angles = torch.where(free, self._free_curls(n, generator), self._between_gestures(n, generator))
        varied = self._varied(angles, generator)
        if self.single_share > 0:
            rows = torch.nonzero(torch.rand(n, generator=generator) < self.single_share)[:, 0]
            varied[rows] = self._single_fingers(len(rows), generator)
        return varied

    def _single_fingers(self, n: int, generator: torch.Generator) -> Tensor:
        own, held, retreat = single_fingers(n, self.touching_share, generator)
        varied = self._varied(own, generator)
        # Folded fingers stay folded, more or less, and fingers that touch keep their places.
        calm = 0.35 + 0.5 * held
        varied[:, :_ARCH] = torch.lerp(varied, own, calm)[:, :_ARCH]
        return self._opened(varied, retreat, _RETREATS)

    def _between_gestures(self, n: int, generator: torch.Generator) -> Tensor:
        table = torch.stack([gesture(name) for name in self.gestures])
        first, second = torch.randint(len(table), (2, n), generator=generator)
        # Shares pile up at 0 and 1: most hands are near a gesture.
        share = torch.rand(n, 1, generator=generator)
        share = share * share * (3 - 2 * share) + 0.25 * self.variation * self._finger_noise(n, 5, generator)
        return torch.lerp(table[first], table[second], self._spread_to_angles(share.clamp(0, 1)))

    def _free_curls(self, n: int, generator: torch.Generator) -> Tensor:
        low, high = ANGLE_LIMITS.T
        curl = torch.sigmoid(
            1.5 * self._finger_noise(n, 5, generator) + 0.8 * torch.randn(n, 1, generator=generator)
        )
        # How the curl is split between the knuckle and the joints of the finger itself.
        split = 0.5 * self._finger_noise(n, 4, generator)
        angles = torch.zeros(n, len(ANGLE_NAMES))
        angles[:, _FLEXION] = radians(90) * (curl[:, 1:] + 0.35 * split).clamp(-0.1, 1)
        angles[:, _PIP] = radians(105) * (curl[:, 1:] - 0.35 * split).clamp(0, 1)
        angles[:, _DIP] = DIP_PER_PIP * angles[:, _PIP]
        angles[:, _ABDUCTION] = radians(5) + radians(9) * torch.randn(n, 4, generator=generator)
        # The thumb wanders through its whole range.
        thumb = torch.sigmoid(1.4 * torch.randn(n, len(_THUMB), generator=generator))
        angles[:, _THUMB] = low[_THUMB] + (high - low)[_THUMB] * thumb
        return angles

    def _varied(self, angles: Tensor, generator: torch.Generator) -> Tensor:
        n, degree = len(angles), radians(1.0)
        scale = self.variation * degree
        angles = angles.clone()
        angles[:, _FLEXION] += 9 * scale * self._finger_noise(n, 4, generator)
        bend = 9 * scale * self._finger_noise(n, 4, generator)
        angles[:, _PIP] += bend
        angles[:, _DIP] += DIP_PER_PIP * bend + 6 * scale * self._finger_noise(n, 4, generator)
        angles[:, _ABDUCTION] += 5 * scale * torch.randn(n, 4, generator=generator)
        angles[:, _THUMB] += 7 * scale * torch.randn(n, len(_THUMB), generator=generator)
        # The collateral ligaments tighten: a finger flexed at the knuckle cannot be spread.
        flexed = (angles[:, _FLEXION] / radians(90)).clamp(0, 1)
        angles[:, _ABDUCTION] *= 1 - 0.75 * flexed
        angles[:, _ARCH] = radians(14) * flexed[:, 2:].mean(1) * torch.rand(n, generator=generator)
        wrist = torch.tensor(self.wrist_deviation_deg) * scale
        angles[:, _WRIST] += wrist * torch.randn(n, 3, generator=generator)
        return angles.clamp(*ANGLE_LIMITS.T)

    def _finger_noise(self, n: int, fingers: int, generator: torch.Generator) -> Tensor:
        """Standard normal noise (n, fingers), correlated between neighbours."""
        noise = torch.randn(n, fingers, generator=generator)
        rho = self.neighbour_correlation
        columns = [noise[:, 0]]
        for k in range(1, fingers):
            columns.append(rho * columns[-1] + (1 - rho * rho) ** 0.5 * noise[:, k])
        return torch.stack(columns, 1)

    @staticmethod
    def _spread_to_angles(per_finger: Tensor) -> Tensor:
        """Values per finger (n, 5), thumb first, as values per angle (n, D)."""
        owner = [
            next((k for k, f in enumerate(("thumb", *LONG_FINGERS)) if name.startswith(f)), 2)
            for name in ANGLE_NAMES
        ]
        return per_finger[:, owner]

    def _opened(self, angles: Tensor, towards: Tensor | None = None, steps: int = _STEPS) -> Tensor:
        """Moves fingers that penetrate towards others (n, D), by default relaxed ones, until they do not."""
        angles = angles.clone()
        todo = torch.arange(len(angles))
        for _ in range(steps):
            todo = todo[_penetrates(angles[todo], self.largest_penetration_mm)]
            if not len(todo):
                break
            angles[todo] = _open(angles[todo], 1.0 / 6, _OPEN if towards is None else towards[todo])
        return angles


# Where opening leads: the fingers as they are but straighter, the thumb out of the palm.
_OPEN = gesture("relaxed")


@cache
def _model() -> HandModel:
    return HandModel()


@torch.no_grad()
def _penetrates(angles: Tensor, limit_mm: float) -> Tensor:
    model = _model()
    joints = model.pose_joints(angles, torch.zeros(1, len(model.shape_names)), "anny21")
    return penetration(joints) > limit_mm


def _open(angles: Tensor, share: float | Tensor, towards: Tensor = _OPEN) -> Tensor:
    """Moves fingers and thumb a share of the way to others, by default relaxed ones; the wrist stays."""
    opened = angles + share * (towards - angles)
    opened[:, _WRIST] = angles[:, _WRIST]
    return opened


#: Every kind of pose there is, for a model that is to know them all.
ANY_POSE = PosePrior(free_share=0.3, single_share=0.4, gestures=GESTURE_NAMES + SIGN_NAMES)
