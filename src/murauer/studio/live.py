"""A live source: what the cameras see, and where the model finds the hand, as it happens."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from murauer.capture.camera_file import CaptureCamera
from murauer.capture.sources.source import Source, SourceFrame
from murauer.errors import UserError
from murauer.geometry.distortion import undistort
from murauer.geometry.skeletons import Skeleton, convert
from murauer.hand.handedness import GivenHandedness
from murauer.inference.estimator import Estimator
from murauer.inference.pose import HandPose
from murauer.studio.albums.album import AlbumView, Floats
from murauer.studio.page.actions import Actions
from murauer.studio.page.display import clouds, show_clouds
from murauer.studio.page.frame_rate import FrameRate
from murauer.studio.page.literal import literal
from murauer.studio.page.pace import Pace
from murauer.studio.page.page import MODEL_COLOURS, Page
from murauer.studio.page.pictures import EXTENTS, MOST_PICTURES, picture
from murauer.studio.page.table import joint_table
from murauer.studio.page.worker import Worker
from murauer.studio.predicting import facts_of

if TYPE_CHECKING:
    from viser import ViserServer

SHOWN_PER_SECOND = 20
"""Frames that are drawn at most: all are tracked, but drawing takes longer than tracking."""


class Follower:
    """One model that follows the hand through the frames.

    It begins by `begin_anew`.

    Args:
        name: Shown on the page.
        estimator: The model.
        source: Source of the frames.
        handedness: Which hand it is.
    """

    def __init__(self, name: str, estimator: Estimator, source: Source, handedness: GivenHandedness) -> None:
        self.name, self.skeleton = name, estimator.skeleton
        self._track = partial(estimator.track, camera=source.cameras[0].camera, handedness=handedness)

    def begin_anew(self) -> None:
        """Forget the hand that was followed."""
        self._inbox: deque[tuple[float, Floats]] = deque()
        self._poses = self._track(iter(self._inbox.popleft, None))

    def __call__(self, time_s: float, depth: Floats) -> HandPose:
        """Find the hand in the next frame."""
        self._inbox.append((time_s, depth))
        return next(self._poses)


class Live:
    """Takes frames from a source, has them followed, and shows them: what was recorded as fast as it was.

    Args:
        source: Source of the frames.
        followers: One model, or two to compare.
        page: Where it is shown.

    Attributes:
        paused: Whether no frame is taken.
        ended: Whether there are no more, or the source failed.
        points: As in `Studio`.
        extent: How much of the images the pictures show.
    """

    def __init__(self, source: Source, followers: Sequence[Follower], page: Page) -> None:
        self._source, self._followers, self._page = source, followers, page
        self._motions = [_from_first(source.cameras, view) for view in range(len(source.cameras))]
        self._rate, self._drawing_ms = FrameRate(), 0.0
        self._last: tuple[SourceFrame, list[AlbumView], list[HandPose]] | None = None
        self._pace = Pace()
        self.paused, self.ended, self.points, self.extent = False, False, True, EXTENTS[0]
        self._begin()

    def play(self) -> None:
        """Pause, or go on; at the end from the beginning, and where the source failed by another attempt."""
        self.paused = not self.paused and not self.ended
        self._pace.begin_anew()
        if self.ended:
            self._begin()

    def step(self) -> None:
        """Take one frame and pause."""
        self.paused = True
        self._take()

    def tick(self) -> float | None:
        """Take the next frame if it is due, and draw it if it is time; returns when to be called again."""
        if self.paused or self.ended:
            return None
        frame = self._next()
        if frame is not None and not self._source.live and (wait := self._pace.wait_s(frame.time_s)) > 0:
            return wait
        self._take()
        if self.ended or time.monotonic() - self._drawn_at >= 1 / SHOWN_PER_SECOND:
            self.draw()
        return 0.0

    def _begin(self) -> None:
        self._frames: Iterator[SourceFrame] = iter(self._source)
        self._waiting: SourceFrame | None = None
        self._failure: str | None = None
        self._dropped, self.ended, self._drawn_at = 0, False, 0.0
        for follower in self._followers:
            follower.begin_anew()

    def _next(self) -> SourceFrame | None:
        """The frame that is taken next; None if there is none any more."""
        if self._waiting is None and not self.ended:
            try:
                self._waiting = next(self._frames, None)
            except UserError as error:  # the device is gone, or a message is damaged
                self._failure = str(error)
            self.ended = self._waiting is None
        return self._waiting

    def _take(self) -> None:
        frame = self._next()
        if frame is None:
            return
        self._waiting = None
        views = [
            AlbumView(each.name, undistort(depth, each.camera, each.distortion), each.camera, motion)
            for each, depth, motion in zip(self._source.cameras, frame.depths, self._motions, strict=True)
        ]
        poses = [follower(frame.time_s, views[0].depth) for follower in self._followers]
        self._rate.count()
        self._dropped += frame.dropped
        self._last = frame, views, poses

    def draw(self) -> None:
        """Show the last frame: all of it is made before any of it is shown, and it is shown at once."""
        if self._last is None:
            self._page.show_status(f"**{self._state()}**")
            return
        start = self._drawn_at = time.monotonic()
        frame, views, poses = self._last
        joints = poses[0].joints_xyz if poses[0] else None
        middle = None if joints is None else joints[poses[0].skeleton.centre]
        points = clouds(views if self.points else (), None, middle)
        if len(poses) > 1:
            titles = [f"{letter}: {each.name}" for letter, each in zip("AB", self._followers, strict=False)]
            shown = [(title, views[0], pose) for title, pose in zip(titles, poses, strict=True)]
        else:
            shown = [(view.name, view, poses[0]) for view in views[:MOST_PICTURES]]
        pictures = [
            (title, picture(view, middle, pose.joints_xyz if pose else None, pose.skeleton, self.extent))
            for title, view, pose in shown
        ]
        errors = [
            (letter, _error(frame, pose, self._source, self._followers[0].skeleton))
            for letter, pose in zip("AB", poses, strict=False)
        ]
        table = joint_table(self._followers[0].skeleton, joints, errors, None)
        with self._page.at_once():
            if middle is not None:
                self._page.keep_in_view(middle)
            show_clouds(self._page, points)
            for number, (follower, pose) in enumerate(zip(self._followers, poses, strict=True)):
                colour = None if number == 0 else MODEL_COLOURS[number]
                node = self._page.skeleton(f"model {number + 1}", follower.skeleton, colour)
                node.show(pose.joints_xyz if pose else None)
            self._page.show_pictures(pictures)
            self._page.show_table(table)
            self._page.show_status(self._status(frame, poses))
        self._drawing_ms = 1e3 * (time.monotonic() - start)

    def _state(self) -> str:
        if self._failure is not None:
            return f"ended: {literal(self._failure)}"
        if self.ended:
            return "ended"
        return "paused" if self.paused else f"{self._rate.per_second:.1f} frames/s"

    def _status(self, frame: SourceFrame, poses: Sequence[HandPose]) -> str:
        lines = [
            f"**{self._state()}**, {frame.time_s:.2f} s, {self._dropped} dropped",
            f"Drawing: {self._drawing_ms:.0f} ms, at most {SHOWN_PER_SECOND} a second",
        ]
        for letter, follower, pose in zip("AB", self._followers, poses, strict=False):
            lines.append(f"{letter} {literal(follower.name)}: {facts_of(pose)}")
        return "  \n".join(lines)


def run_live(
    server: "ViserServer",
    source: Source,
    models: Sequence[tuple[str, Estimator]],
    handedness: GivenHandedness,
    worker: Worker | None = None,
) -> None:
    """Show a source on a page; returns when the worker is stopped, or at Ctrl-C.

    Args:
        server: Guarded, see `guard.serve`.
        source: Source of the frames.
        models: One, or two to compare, with their names.
        handedness: Which hand it is.
        worker: Does everything.
    """
    worker = worker or Worker()
    page = Page(server)
    followers = [Follower(name, estimator, source, handedness) for name, estimator in models]
    live = Live(source, followers, page)
    actions = Actions(server, worker, live.draw)
    with server.gui.add_folder("Show"):
        actions.buttons("Space, N", {"Play, pause": ("space", live.play), "Next": ("N", live.step)})
        points = server.gui.add_checkbox("Points", live.points)
        actions.value(points, lambda on: setattr(live, "points", on))
        extent = server.gui.add_dropdown("Pictures show", EXTENTS, initial_value=live.extent)
        actions.value(extent, lambda chosen: setattr(live, "extent", chosen))
    with suppress(KeyboardInterrupt):
        worker.run(live.tick)


def _from_first(cameras: Sequence[CaptureCamera], view: int) -> NDArray[np.float64] | None:
    """Motion (4, 4) from the first camera's coordinates to those of another; None if it is not known."""
    first, other = cameras[0].camera_from_world, cameras[view].camera_from_world
    if view == 0:
        return np.eye(4)
    return None if first is None or other is None else other @ np.linalg.inv(first)


def _error(frame: SourceFrame, pose: HandPose, source: Source, skeleton: Skeleton) -> Floats | None:
    """Distance of each joint of a skeleton in mm, where the source knows where the joints are."""
    if frame.joints is None or source.skeleton is None or not pose:
        return None
    try:
        true = convert(frame.joints, source.skeleton.name, skeleton.name)
        return np.linalg.norm(convert(pose.joints_xyz, pose.skeleton.name, skeleton.name) - true, axis=-1)
    except UserError:  # no conversion is known
        return None
