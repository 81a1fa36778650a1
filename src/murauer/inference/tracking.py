"""One hand through a stream of frames: where it was, it is looked for; jitter is smoothed away.

Which hand it is, is decided by all frames: what the hand finder's refinement network says of some of them is
added up and slowly forgotten, see `murauer.handfinder.handedness`. So is whether it is one. That network
looks at the palm where the pose network has it, where the search that found it may not have looked. What it
takes for none several times is let go; such things (a plate, a bowl) are watched, and taken again once it
sees a hand.
"""

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from murauer.capture.depth import Unit, read_frame
from murauer.errors import UserError
from murauer.geometry.camera import Camera, xyz_to_uvd
from murauer.geometry.distortion import Distortion
from murauer.geometry.patches import Floats
from murauer.handfinder.finder import HandFinder
from murauer.handfinder.handedness import MOST_EVIDENCE, evidence, presumed_handedness
from murauer.handfinder.localisation import (
    FARTHEST_STEP_MM,
    Sighting,
    is_at,
    look_at_place,
    look_for_hand,
)
from murauer.inference.pose import HandPose, Timings, no_pose
from murauer.inference.predictor import PASSES, PosePredictor
from murauer.inference.smoothing import OneEuroFilter, Smoothing

LOST_BELOW = 0.5
"""Confidence below which the hand is looked for in the whole frame, too."""

GONE_BELOW = 0.25
"""Confidence below which there is no hand if the whole frame seems to have none."""

FORGET_AFTER_SECONDS = 0.5
"""Without a hand; then it may be anywhere."""

SIZE_LEARNED = 0.1
"""Share of a frame in the size of a hand: it is known well after some ten frames and held from then on."""

REFINED_FIRST, REFINED_EVERY, SIDE_EVERY = 10, 6, 30
"""Frames of a hand just found that the refinement network looks at; how often it looks after them, in frames;
and how often the side is learned from that. A look takes as long as all else that following takes."""

KEPT, CLEAR = 0.8, 2.0
"""Share of the log-odds of a hand that is left at the next look, whose share is the rest; and the log-odds
below which the refinement network looks at every frame. A hand for sure becomes none by four looks that see
none."""

MOST_REFUSED = 4
"""Things that are watched, those that were let go last."""

REMEMBERED, ADDED = 0.9, 0.2
"""Share of the evidence for a side that is left at the next look, and share of what that sees which is added:
the looks of a stream resemble each other, so that all together count as two."""


@dataclass
class Thing:
    """What was taken for a hand.

    Attributes:
        place: Place of the palm, mm, (3,).
        hand: Log-odds that it is a hand, by all looks.
    """

    place: Floats
    hand: float

    def look(self, place: Floats, confidence: float) -> None:
        """Count a look that gave this probability of a hand."""
        self.place = place
        self.hand = KEPT * self.hand + (1 - KEPT) * evidence(confidence)


class Tracker:
    """Follows one hand; see `Estimator.track`.

    Args:
        predictor: Predicts poses.
        finder: Finds hands.
        camera: Camera that takes the frames.
        right: Log-odds that the right hand is meant.
        unit: Unit of the depth.
        distortion: Distortion of the lens.
        smoothing: How much to smooth.
    """

    def __init__(
        self,
        predictor: PosePredictor,
        finder: HandFinder,
        camera: Camera,
        right: float,
        unit: Unit,
        distortion: Distortion | None,
        smoothing: Smoothing,
    ) -> None:
        self._predictor = predictor
        self._finder = finder
        self._camera = camera
        self._said = right
        self._unit: Unit = unit
        self._distortion = distortion
        self._filter = OneEuroFilter(smoothing)
        self._place: Floats | None = None
        self._velocity = np.zeros(3, np.float32)
        self._seen = -math.inf
        self._size = math.nan
        self._right, self._hand, self._followed = right, 0.0, 0
        self._thing = Thing(np.zeros(3, np.float32), 0.0)
        self._refused: list[Thing] = []

    def follow(self, frames: Iterable[Any], rate: float) -> Iterator[HandPose]:
        """Give the result of each frame; see `Estimator.track`."""
        now = -1 / rate
        for frame in frames:
            start, last = time.perf_counter(), now
            try:
                now, depth = self._timed(frame, last + 1 / rate)
                if now <= last:
                    self._place = None  # this clock or the last was wrong, so no speed can be told
                    raise UserError(
                        f"the frame was taken at {now:g} s, not after the one before it, {last:g} s"
                    )
                pose = self.step(depth, now, start)
            except UserError as error:
                pose = self._failure(str(error), start)
            yield pose

    def step(self, depth: Any, now: float, start: float) -> HandPose:
        """Find the hand in the next frame, taken at a time in seconds.

        Raises:
            UserError: The frame cannot be used.
        """
        if depth is None:
            raise UserError("the frame was dropped")
        image = read_frame(depth, self._camera, self._unit, self._distortion)[None]
        self._camera = self._camera.for_image(image.shape[2], image.shape[1])
        elapsed = now - self._seen
        if elapsed > FORGET_AFTER_SECONDS:
            self._place, self._size = None, math.nan
        before = presumed_handedness(self._right)
        pose = self._find(image, elapsed, start)
        if not pose:
            return pose
        palm = pose.joints_xyz[pose.skeleton.centre]
        if self._place is None or np.linalg.norm(palm - self._place) > FARTHEST_STEP_MM:
            self._filter.reset()
            self._velocity = np.zeros(3, np.float32)
            self._size = pose.size
        else:
            self._velocity = (palm - self._place) / np.float32(elapsed)
        if pose.handedness != before:
            self._filter.reset()
        self._place, self._seen = palm, now
        self._size += SIZE_LEARNED * (pose.size - self._size)
        xyz = self._filter(pose.joints_xyz, elapsed)
        intrinsics = self._camera.intrinsics_array().astype(np.float32)
        took = replace(pose.timings, total=1e3 * (time.perf_counter() - start))
        return replace(pose, joints_xyz=xyz, joints_uvd=xyz_to_uvd(xyz, intrinsics), timings=took)

    def _find(self, image: NDArray[Any], elapsed: float, start: float) -> HandPose:
        """Look where the hand should be, and in the whole frame if it is not there."""
        followed, place = None, self._expected(elapsed)
        if place is not None:
            self._refine(image, place)
            if self._thing.hand < 0:
                self._refused = [*self._refused, self._thing][-MOST_REFUSED:]
                self._place = place = None
        if place is not None:
            sighting = Sighting(place, self._hand, self._right, size=self._size)
            followed = self._predict(image, sighting, start, passes=1)
            if followed and followed.confidence >= LOST_BELOW:
                return followed
        before, counts = (self._said, 1.0) if place is None else (self._remembered, ADDED)
        refused = [thing.place for thing in self._refused]
        sighting = look_for_hand(self._finder, image[0], self._camera, before, counts, refused)
        located = self._predict(image, sighting, start)
        thing = self._recognised(image, located) if located else self._thing
        if located and thing.hand < 0:
            x, y, z = thing.place.tolist()
            problem = f"found no hand: what is at {x:.0f}, {y:.0f}, {z:.0f} mm looked like one and is none"
            located = no_pose(problem, located.skeleton, located.timings)
        if followed and followed.confidence >= (located.confidence if located else GONE_BELOW):
            return replace(followed, timings=located.timings)
        if located:
            self._right, self._hand = sighting.right, sighting.confidence
            if place is None or not is_at(thing.place, place):
                self._followed, self._thing = 0, thing
                self._refused = [other for other in self._refused if other is not thing]
        return located

    def _recognised(self, image: NDArray[Any], pose: HandPose) -> Thing:
        """What was found: a new thing, or one that was let go, at which one looks again."""
        palm = pose.joints_xyz[pose.skeleton.centre]
        for thing in self._refused:
            if is_at(palm, thing.place):
                hand = look_at_place(self._finder, image[0], self._camera, palm)
                thing.look(palm, hand.confidence)
                return thing
        return Thing(palm, MOST_EVIDENCE)

    def _expected(self, elapsed: float) -> Floats | None:
        """Where the hand should be, mm, (3,); None if it may be anywhere."""
        if self._place is None:
            return None
        step = self._velocity * np.float32(elapsed)
        length = float(np.linalg.norm(step))
        place = self._place + step * np.float32(min(1.0, FARTHEST_STEP_MM / max(length, 1e-6)))
        return place if place[2] > 0 else None

    def _refine(self, image: NDArray[Any], place: Floats) -> None:
        """Look whether it is a hand, and which, if that is not clear yet or the last look is long ago."""
        self._followed += 1
        new = self._followed < REFINED_FIRST
        if new or self._thing.hand < CLEAR or self._followed % REFINED_EVERY == 0:
            hand = look_at_place(self._finder, image[0], self._camera, place)
            self._hand = hand.confidence
            self._thing.look(place, hand.confidence)
            if new or self._followed % SIDE_EVERY == 0:
                self._right = self._remembered + ADDED * evidence(hand.right)

    @property
    def _remembered(self) -> float:
        """Log-odds of the right hand at the next look: what was seen fades, what was said does not."""
        return REMEMBERED * self._right + (1 - REMEMBERED) * self._said

    def _predict(
        self, image: NDArray[Any], sighting: Sighting, start: float, passes: int = PASSES
    ) -> HandPose:
        return self._predictor(image, self._camera, [sighting], start=start, passes=passes)[0]

    def _timed(self, frame: Any, due: float) -> tuple[float, Any]:
        """Take the time from a frame that has one; others are taken when they are due."""
        if not isinstance(frame, tuple):
            return due, frame
        if len(frame) != 2 or not isinstance(frame[0], Real) or not math.isfinite(frame[0]):
            raise UserError("expected a depth image, or a pair of its time in seconds and the image")
        seconds, depth = frame
        return float(seconds), depth

    def _failure(self, problem: str, start: float) -> HandPose:
        """A result without joints."""
        took = Timings(1e3 * (time.perf_counter() - start), 0.0, 0.0)
        return no_pose(problem, self._predictor.facts.skeleton, took)
