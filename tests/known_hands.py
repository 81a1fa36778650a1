"""A hand finder that is told what there is, for tests of everything that asks one."""

from typing import Any

import numpy as np

from murauer.geometry.camera import Camera
from murauer.handfinder.finder import CUBE_MM, FoundHand, HandFinder, Refined


def hand(centre: Any, confidence: float = 0.99, right: float = 0.99) -> FoundHand:
    """A hand at a place in mm."""
    return FoundHand(np.asarray(centre, np.float64), confidence, right)


class KnownHands(HandFinder):
    """Finds these hands in every frame; they are refined from 100 mm on, and nothing else is.

    Attributes:
        hands: may be changed between frames.
        searched: how often a whole frame was looked at.
        refined: places that were asked for.
    """

    def __init__(self, *hands: FoundHand) -> None:
        self.hands = list(hands)
        self.searched = 0
        self.refined: list[np.ndarray] = []

    def __call__(self, depth: np.ndarray, camera: Camera) -> list[FoundHand]:
        self.searched += 1
        return sorted(self.hands, key=lambda each: -each.confidence)

    def propose(self, depth: np.ndarray, camera: Camera) -> np.ndarray:
        return np.array([each.centre for each in self.hands], np.float32).reshape(-1, 3)

    def refine(
        self, depth: np.ndarray, camera: Camera, centres: np.ndarray, cube_mm: float = CUBE_MM
    ) -> Refined:
        self.refined.extend(centres)
        log_odds = np.tile(np.array([-6.0, 0.0], np.float32), (len(centres), 1))
        for row, centre in zip(log_odds, centres, strict=True):
            away = [float(np.linalg.norm(each.centre - centre)) for each in self.hands]
            if cube_mm == CUBE_MM and min(away, default=np.inf) < 100:
                nearest = self.hands[int(np.argmin(away))]
                sure = np.clip((nearest.confidence, nearest.right), 1e-6, 1 - 1e-6)
                row[:] = np.log(sure / (1 - sure))
        return Refined(*log_odds.T, centres)
