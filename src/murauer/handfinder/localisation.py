"""Where the hand is in a depth frame, and which hand: what the hand finder sees, and what was said.

All of the project finds hands here: the estimator, the studio, and the import of captures (by way of
`murauer.handfinder.views`).
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from murauer.geometry.camera import Camera
from murauer.geometry.oddities import odd_about
from murauer.hand.handedness import Handedness
from murauer.handfinder.finder import CUBE_MM, REACH_MM, FoundHand, HandFinder
from murauer.handfinder.handedness import agreement, evidence, presumed_handedness, probability

Place = NDArray[np.floating[Any]]
"""x, y, z in mm, camera coordinates, (3,)."""

LEAST_HAND = 0.93
"""Probability of a hand below which a frame counts as one without."""

OTHER_SIZES = {"half": 0.5, "twice": 2.0}
"""Of what looks like a hand; units and focal lengths are wrong by at least as much."""

FARTHEST_STEP_MM = 100.0
"""Of the centre between frames; a cube around the place where it was still holds most of the hand."""

NOWHERE = np.full(3, np.nan)


@dataclass(frozen=True, eq=False)
class Sighting:
    """What one look at a frame gave.

    Attributes:
        centre: of the hand, mm, (3,); NaN if there is none.
        confidence: probability that it is a hand.
        right: log-odds that it is a right hand, what was said included; see `murauer.handfinder.handedness`.
        problem: why there is none, in one sentence; None if there is one.
        took_ms: how long the look took.
        size: of the hand, 1 for the mean adult's; NaN if it is not known.
    """

    centre: Place
    confidence: float
    right: float
    problem: str | None = None
    took_ms: float = 0.0
    size: float = math.nan

    @property
    def handedness(self) -> Handedness:
        """Which hand it is to be taken for."""
        return presumed_handedness(self.right)


@cache
def packaged_finder() -> HandFinder:
    """Load the hand finder that comes with the package; once for all threads.

    Raises:
        UserError: its networks are missing or damaged, or ONNX Runtime is not installed.
    """
    return HandFinder(Path(str(resources.files("murauer") / "models")))


def look_for_hand(
    finder: HandFinder,
    depth: NDArray[Any],
    camera: Camera,
    right: float,
    counts: float = 1.0,
    doubtful: Sequence[Place] = (),
) -> Sighting:
    """Look for a hand in a whole frame.

    Args:
        finder: that looks.
        depth: (H, W) in mm, 0 = no measurement.
        camera: that took it.
        right: log-odds that the right hand is meant, see `murauer.handfinder.handedness`; which of several
            hands is taken, and for which, depends on it.
        counts: how much what is seen adds to it.
        doubtful: places of what turned out to be no hands; any other is taken rather than these.
    """
    start = time.perf_counter()
    hands = finder(depth, camera)
    others = [hand for hand in hands if not any(is_at(hand.centre, place) for place in doubtful)]
    hand = choose(others, right) or choose(hands, right)
    took_ms = 1e3 * (time.perf_counter() - start)
    if hand is None:
        return Sighting(NOWHERE, 0.0, right, why_no_hand(finder, depth, camera), took_ms)
    return Sighting(hand.centre, hand.confidence, right + counts * evidence(hand.right), took_ms=took_ms)


def look_for_hands(finder: HandFinder, depth: NDArray[Any], camera: Camera) -> list[Sighting]:
    """Look for all hands in a whole frame, the surest first; arguments as for `look_for_hand`.

    Two hands are taken for those of one person: the one that looks more like a right one is it.
    """
    start = time.perf_counter()
    hands = [hand for hand in finder(depth, camera) if _is_sure(hand)]
    took_ms = 1e3 * (time.perf_counter() - start)
    right = [evidence(hand.right) for hand in hands]
    if len(hands) == 2:
        first = math.copysign(math.inf, hands[0].right - hands[1].right)
        right = [first, -first]
    return [
        Sighting(hand.centre, hand.confidence, log_odds, took_ms=took_ms)
        for hand, log_odds in zip(hands, right, strict=True)
    ]


def look_at_place(finder: HandFinder, depth: NDArray[Any], camera: Camera, centre: Place) -> FoundHand:
    """Tell what is at a place: how surely it is a hand, and which.

    Args:
        finder: that looks.
        depth: as for `look_for_hand`.
        camera: as for `look_for_hand`.
        centre: the place, which is not moved.
    """
    refined = finder.refine(depth, camera, centre[None].astype(np.float32))
    sure, right = probability(refined.hand).item(), probability(refined.right).item()
    return FoundHand(centre.astype(np.float64), sure, right)


def choose(hands: Sequence[FoundHand], right: float) -> FoundHand | None:
    """Take the hand that is likeliest to be one and to be the one that is meant; None without a sure one."""
    sure = [hand for hand in hands if _is_sure(hand)]
    return max(sure, key=lambda hand: hand.confidence * agreement(right, hand.right), default=None)


def is_at(centre: Place, place: Place) -> bool:
    """Whether a hand is what was at a place a frame ago."""
    return bool(np.linalg.norm(centre - place) <= FARTHEST_STEP_MM)


def why_no_hand(finder: HandFinder, depth: NDArray[Any], camera: Camera) -> str:
    """Say what is wrong with a frame in which no hand was found.

    Args:
        finder: that found none.
        depth: (H, W) in mm, 0 = no measurement.
        camera: that took it.
    """
    if oddity := odd_about(depth):
        return f"found no hand, and {oddity}"
    near, far = REACH_MM
    measured = depth[depth > 0]
    if not ((measured >= near) & (measured <= far)).any():
        return (
            f"found no hand within {near:.0f} to {far:.0f} mm, the nearest thing is {measured.min():.0f} mm "
            "away; check the depth scale"
        )
    if size := _other_size(finder, depth, camera):
        return (
            f"found no hand, but what looks like one of {size} the size; check the depth scale and the "
            "camera's focal length"
        )
    return "found no hand; if there is one, give its centre"


def _other_size(finder: HandFinder, depth: NDArray[Any], camera: Camera) -> str | None:
    """Tell which of `OTHER_SIZES` the surest hand has that would be one by its form, if any does."""
    places = finder.propose(depth, camera)
    for name, factor in OTHER_SIZES.items():
        if len(places):
            first = finder.refine(depth, camera, places, factor * CUBE_MM)
            surest = first.centres[[first.hand.argmax()]]
            again = finder.refine(depth, camera, surest, factor * CUBE_MM)
            if probability(again.hand).item() >= LEAST_HAND:
                return name
    return None


def _is_sure(hand: FoundHand) -> bool:
    """Whether something is a hand."""
    return hand.confidence >= LEAST_HAND
