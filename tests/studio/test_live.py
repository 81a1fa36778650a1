"""A source on the page: every frame is followed, and the page says what is going on."""

from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dataset_folders.own import Recorded
from murauer.capture.camera_file import CaptureCamera
from murauer.capture.sources import open_source
from murauer.capture.sources.source import Source, SourceFrame
from murauer.errors import UserError
from murauer.geometry.camera import CAMERAS, xyz_to_uvd
from murauer.geometry.overlay import FINGER_COLOURS, draw_frame
from murauer.geometry.skeletons import SKELETONS
from murauer.inference.estimator import Estimator
from murauer.inference.pose import HandPose, Timings, no_pose
from murauer.studio.albums.album import AlbumView
from murauer.studio.albums.open import open_album
from murauer.studio.live import Follower, Live
from murauer.studio.page.page import UNIT_MM, Page
from murauer.studio.page.pictures import WHOLE_SIZE, picture
from studio.browser import browser, open_page, serving
from studio.notes import Notes

pytest.importorskip("viser", reason="viser is not installed: pip install 'murauer[studio]'")


def test_a_follower_says_what_track_says(capture: Path) -> None:
    estimator = Estimator.load("default")
    with open_source(capture) as source:
        moments = list(source)
        camera = source.cameras[0].camera
        frames = [(each.time_s, each.depths[0]) for each in moments]
        expected = list(estimator.track(frames, camera, "right"))
        follower = Follower("A", estimator, source, "right")
        follower.begin_anew()
        found = [follower(each.time_s, each.depths[0]) for each in moments]
    assert len(found) == 6 and sum(map(bool, found)) >= 4
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.joints_xyz, other.joints_xyz)


class Blind:
    """Follows nothing, and keeps the times of what it was shown."""

    name, skeleton = "blind", SKELETONS["nyu14"]

    def __init__(self) -> None:
        self.times: list[float] = []

    def begin_anew(self) -> None:
        self.times = []

    def __call__(self, time_s: float, depth: np.ndarray) -> HandPose:
        self.times.append(time_s)
        return no_pose("sees nothing", self.skeleton, Timings(1.0, 0.0, 0.0))


def live_of(source: Source) -> tuple[Live, Any, Blind]:
    page, follower = Notes(), Blind()
    followers: Any = [follower]
    return Live(source, followers, page), page, follower


def test_what_is_stored_plays_as_it_passed_and_again(capture: Path, monkeypatch: Any) -> None:
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr("time.monotonic", lambda: clock.now)
    with open_source(f"{capture}?rate=10") as source:
        live, page, follower = live_of(source)

        def play() -> float:
            began = clock.now
            while (wait := live.tick()) is not None:
                clock.now += wait
            return clock.now - began

        assert play() == pytest.approx(0.5) and live.ended and "**ended**" in page.status
        assert follower.times == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])
        clock.now += 60
        live.play()
        assert not live.ended and not live.paused and follower.times == []
        live.tick()
        live.play()
        assert live.paused and live.tick() is None
        live.step()
        clock.now += 60  # a pause is not caught up on
        live.play()
        assert play() == pytest.approx(0.3) and len(follower.times) == 6


class Unplugged(Source):
    """Fails after some moments."""

    cameras = (CaptureCamera("front", CAMERAS["nyu"]),)
    live = True

    def __init__(self, moments: int) -> None:
        self.moments = moments

    def __iter__(self) -> Iterator[SourceFrame]:
        for index in range(self.moments):
            yield SourceFrame(index / 30, (np.full((480, 640), 700, np.float32),))
        raise UserError("the camera gave nothing for 5 s; is it plugged in?")


@pytest.mark.parametrize("moments", [0, 2])
def test_a_source_that_fails_is_told_and_tried_again(moments: int) -> None:
    source = Unplugged(moments)
    live, page, follower = live_of(source)
    while live.tick() is not None:
        pass
    assert "**ended: the camera gave nothing for 5 s; is it plugged in?**" in unescape(page.status)
    assert len(follower.times) == moments
    source.moments = 3
    live.play()
    live.tick()
    assert not live.ended and "ended" not in page.status and len(follower.times) == 1


def test_a_whole_image_and_the_hand_in_it(capture: Path, recorded: Recorded) -> None:
    view, skeleton = open_album(capture).frame("real", 0).views[0], SKELETONS["nyu14"]
    joints = recorded.joints[0, 0].numpy()
    image = picture(view, joints[skeleton.centre], joints, skeleton, "the whole image")
    assert image.size == WHOLE_SIZE
    scale = WHOLE_SIZE[0] / view.camera.width
    for u, v, _ in xyz_to_uvd(joints, view.camera.intrinsics_array()):
        place = round(float(u + 0.5) * scale - 0.5), round(float(v + 0.5) * scale - 0.5)
        distance = [
            np.abs(np.subtract(image.getpixel(place), each)).max() for each in FINGER_COLOURS.values()
        ]
        assert min(distance) < 60


def test_a_whole_image_of_another_shape_without_a_hand() -> None:
    depth = np.full((90, 240), 700, np.float32)
    depth[:, 120:] = 1500
    camera, skeleton = CAMERAS["nyu"], SKELETONS["nyu14"]
    image = picture(AlbumView("front", depth, camera, np.eye(4)), None, None, skeleton, "the whole image")
    plain = np.asarray(draw_frame(depth, camera, None, None, skeleton))
    assert image.size == WHOLE_SIZE  # 240 x 90 in the middle, twice as large, and nothing above and below
    shown = np.asarray(image)
    assert np.array_equal(shown[180, [100, 380]], plain[45, [50, 190]])
    assert (shown[[40, 320]] == shown[0, 0]).all()


def test_in_a_browser(capture: Path) -> None:
    with (
        browser() as chromium,
        serving("studio", "--live", f"{capture}?rate=10", "--compare", "default") as server,
    ):
        page = open_page(chromium, server.address)
        page.get_by_text("ended").first.wait_for()
        text = page.inner_text("body")
        assert "A packaged model: latency" in text and "B packaged model: latency" in text
        assert "0 dropped" in text and Estimator.load("default").skeleton.joints[0] in text


class Receding(Source):
    """A wall that is a millimetre farther in every frame."""

    cameras = (CaptureCamera("front", CAMERAS["nyu"]),)
    live = True

    def __iter__(self) -> Iterator[SourceFrame]:
        for index in range(12):
            yield SourceFrame(index / 30, (np.full((480, 640), 700 + index, np.float32),))


class OnTheWall(Blind):
    """Follows a hand that is as far as the wall."""

    def __call__(self, time_s: float, depth: np.ndarray) -> HandPose:
        joints = np.full((len(self.skeleton), 3), depth.max(), np.float32)
        took = Timings(1.0, 0.0, 0.0)
        return HandPose(joints, joints, joints[0], 0.9, "right", self.skeleton, took)


class KnowingWall(Receding):
    """Knows where the joints of a hand on the wall are: 7 mm nearer than a model has them."""

    skeleton = SKELETONS["hand21"]

    def __iter__(self) -> Iterator[SourceFrame]:
        for frame in super().__iter__():
            far = frame.depths[0].max()
            yield replace(frame, joints=np.full((21, 3), [far, far, far - 7], np.float32))


def test_errors_are_those_of_the_first_models_joints_whatever_the_source_knows() -> None:
    source: Any = KnowingWall()
    followers: Any = [OnTheWall(), OnTheWall()]
    followers[1].skeleton = SKELETONS["anny21"]
    page = Notes()
    Live(source, followers, page).tick()
    assert "A off" in page.table and "B off" in page.table
    assert page.table.count("7.0") == 2 * (14 + 1)  # and the means


def test_what_is_sent_together_is_of_one_frame_however_slow_drawing_is(monkeypatch: Any) -> None:
    """Windows are what a page gets at a time: each has both the points and the skeleton, or neither."""
    import asyncio
    import time

    import viser

    import murauer.studio.live
    import murauer.studio.page.display

    def slowly(function: Any) -> Any:
        def slow(*args: Any) -> Any:
            time.sleep(0.04)
            return function(*args)

        return slow

    monkeypatch.setattr(murauer.studio.page.display, "cloud", slowly(murauer.studio.page.display.cloud))
    monkeypatch.setattr(murauer.studio.live, "picture", slowly(murauer.studio.live.picture))
    server = viser.ViserServer(host="127.0.0.1", port=0, verbose=False)
    windows: list[dict[str, float]] = []

    async def receive(messages: Any) -> None:
        async for window in messages:
            far = {}
            for message in window:
                updates = getattr(message, "updates", {})
                for points in (updates.get("points"), updates.get("batched_positions")):
                    if points is not None:
                        far[message.name] = float(np.asarray(points)[..., 2].max()) * UNIT_MM
            windows.append(far)

    try:
        followers: Any = [OnTheWall()]
        live = Live(Receding(), followers, Page(server))
        live.step()
        live.draw()
        buffer = server._websock_server.get_message_buffer()
        loop = buffer.event_loop
        receiving = asyncio.run_coroutine_threadsafe(receive(buffer.window_generator(1000)), loop)
        for _ in range(10):
            live.step()
            live.draw()
        time.sleep(0.3)
        receiving.cancel()
    finally:
        server.stop()
    drawn = [far for far in windows if far]
    assert len(drawn) >= 6
    for far in drawn[1:]:  # the first holds what was there before
        assert far.keys() == {"/world/points/front", "/world/model 1/bones", "/world/model 1/joints"}
        assert max(far.values()) - min(far.values()) < 0.01
