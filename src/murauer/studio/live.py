"""A live source: what the cameras see, and where the model finds the hand, as it happens."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from murauer.data.camera_file import RecordingCamera
from murauer.distortion import undistort_depth, undistortion_pixels
from murauer.inference.estimator import Estimator
from murauer.inference.pose import Handedness, HandPose
from murauer.sources.source import Moment, Source
from murauer.studio.actions import Actions
from murauer.studio.album import Floats, View
from murauer.studio.display import show_views
from murauer.studio.frame_rate import FrameRate
from murauer.studio.page import MODEL_COLOURS, Page
from murauer.studio.pictures import MOST_PICTURES, picture
from murauer.studio.table import joint_table
from murauer.studio.worker import Worker

if TYPE_CHECKING:
    from viser import ViserServer

SHOWN_PER_SECOND = 20
"""Frames that are drawn at most: all are tracked, but drawing takes longer than tracking."""


class Follower:
    """One model that follows the hand through the frames.

    Args:
        name: shown on the page.
        estimator: the model.
        source: of the frames.
        handedness: of the hand.
    """

    def __init__(self, name: str, estimator: Estimator, source: Source, handedness: Handedness) -> None:
        self.name, self.skeleton = name, estimator.skeleton
        self._inbox: deque[tuple[float, Floats]] = deque()
        frames = iter(self._inbox.popleft, None)
        self._poses = estimator.track(frames, source.cameras[0].camera, handedness)

    def __call__(self, time_s: float, depth: Floats) -> HandPose:
        """Find the hand in the next frame."""
        self._inbox.append((time_s, depth))
        return next(self._poses)


class Live:
    """Takes frames from a source, has them followed, and shows them.

    Args:
        source: of the frames.
        followers: one model, or two to compare.
        page: where it is shown.

    Attributes:
        paused: whether no frame is taken.
        points, wide: as in `Studio`.
    """

    def __init__(self, source: Source, followers: Sequence[Follower], page: Page) -> None:
        self._source, self._followers, self._page = source, followers, page
        self._moments: Iterator[Moment] = iter(source)
        self._pixels = [undistortion_pixels(each.camera, each.distortion) for each in source.cameras]
        self._motions = [_from_first(source.cameras, view) for view in range(len(source.cameras))]
        self._rate, self._drawn_at, self._drawing_ms, self._dropped = FrameRate(), 0.0, 0.0, 0
        self._last: tuple[Moment, list[View], list[HandPose]] | None = None
        self.paused, self.ended, self.points, self.wide = False, False, True, False

    def pause(self) -> None:
        """Stop taking frames, or go on."""
        self.paused = not self.paused

    def step(self) -> None:
        """Take one frame and pause."""
        self.paused = True
        self._take()

    def tick(self) -> float | None:
        """Take the next frame, and draw it if it is time; returns when to be called again."""
        if self.paused or self.ended:
            return None
        self._take()
        if self.ended or time.monotonic() - self._drawn_at >= 1 / SHOWN_PER_SECOND:
            with self._page.at_once():
                self.draw()
        return 0.0

    def _take(self) -> None:
        moment = next(self._moments, None)
        if moment is None:
            self.ended = True
            return
        views = [
            View(each.name, _pinhole(depth, pixels), each.camera, motion)
            for each, depth, pixels, motion in zip(
                self._source.cameras, moment.depths, self._pixels, self._motions, strict=True
            )
        ]
        poses = [follower(moment.time_s, views[0].depth) for follower in self._followers]
        self._rate.count()
        self._dropped += moment.dropped
        self._last = moment, views, poses

    def draw(self) -> None:
        """Show the last frame."""
        if self._last is None:
            return
        start = self._drawn_at = time.monotonic()
        moment, views, poses = self._last
        joints = poses[0].joints_xyz if poses[0] else None
        middle = None if joints is None else joints[poses[0].skeleton.centre]
        if middle is not None:
            self._page.keep_in_view(middle)
        show_views(self._page, views if self.points else (), None, middle)
        for number, (follower, pose) in enumerate(zip(self._followers, poses, strict=True)):
            colour = None if number == 0 else MODEL_COLOURS[number]
            node = self._page.skeleton(f"model {number + 1}", follower.skeleton, colour)
            node.show(pose.joints_xyz if pose else None)
        if len(poses) > 1:
            titles = [f"{letter}: {each.name}" for letter, each in zip("AB", self._followers, strict=False)]
            shown = [(title, views[0], pose) for title, pose in zip(titles, poses, strict=True)]
        else:
            shown = [(view.name, view, poses[0]) for view in views[:MOST_PICTURES]]
        self._page.show_pictures(
            [
                (title, picture(view, middle, pose.joints_xyz if pose else None, pose.skeleton, self.wide))
                for title, view, pose in shown
            ]
        )
        errors = [
            (letter, _error(moment, pose, self._source)) for letter, pose in zip("AB", poses, strict=False)
        ]
        self._page.show_table(joint_table(self._followers[0].skeleton, joints, errors, None))
        self._page.show_status(self._status(moment, poses))
        self._drawing_ms = 1e3 * (time.monotonic() - start)

    def _status(self, moment: Moment, poses: Sequence[HandPose]) -> str:
        state = (
            "ended" if self.ended else "paused" if self.paused else f"{self._rate.per_second:.1f} frames/s"
        )
        lines = [
            f"**{state}**, {moment.time_s:.2f} s, {self._dropped} dropped",
            f"Drawing: {self._drawing_ms:.0f} ms, at most {SHOWN_PER_SECOND} a second",
        ]
        for letter, follower, pose in zip("AB", self._followers, poses, strict=False):
            took = pose.timings
            lines.append(
                f"{letter} {follower.name}: "
                + (
                    pose.problem
                    or f"latency **{took.total:.1f} ms** (hand found in {took.localisation:.1f}, network "
                    f"{took.network:.1f}), {pose.handedness} hand, confidence {pose.confidence:.2f}"
                )
            )
        return "  \n".join(lines)


def run_live(
    server: "ViserServer",
    source: Source,
    models: Sequence[tuple[str, Estimator]],
    handedness: Handedness,
    worker: Worker | None = None,
) -> None:
    """Show a source on a page; returns when the worker is stopped, or at Ctrl-C.

    Args:
        server: guarded, see `guard.serve`.
        source: of the frames.
        models: one, or two to compare, with their names.
        handedness: of the hand.
        worker: does everything.
    """
    worker = worker or Worker()
    page = Page(server)
    followers = [Follower(name, estimator, source, handedness) for name, estimator in models]
    live = Live(source, followers, page)
    actions = Actions(server, worker, live.draw)
    with server.gui.add_folder("Show"):
        actions.buttons("Space, N", {"Pause": ("space", live.pause), "Next": ("N", live.step)})
        points = server.gui.add_checkbox("Points", live.points)
        actions.value(points, lambda on: setattr(live, "points", on))
        wide = server.gui.add_checkbox("Around the hand", live.wide)
        actions.value(wide, lambda on: setattr(live, "wide", on))
    with suppress(KeyboardInterrupt):
        worker.run(live.tick)


def _from_first(cameras: Sequence[RecordingCamera], view: int) -> NDArray[np.float64] | None:
    """Motion (4, 4) from the first camera's coordinates to those of another; None if it is not known."""
    first, other = cameras[0].camera_from_world, cameras[view].camera_from_world
    if view == 0:
        return np.eye(4)
    return None if first is None or other is None else other @ np.linalg.inv(first)


def _pinhole(depth: Floats, pixels: NDArray[np.int64]) -> Floats:
    image: NDArray[np.float32] = undistort_depth(depth, pixels)
    return image


def _error(moment: Moment, pose: HandPose, source: Source) -> Floats | None:
    """Distance of each joint in mm, where the source knows where the joints are."""
    if moment.joints is None or source.skeleton != pose.skeleton or not pose:
        return None
    return np.linalg.norm(pose.joints_xyz - moment.joints, axis=-1)
