"""A source on the page: every frame is followed, and the page says what is going on."""

from pathlib import Path

import numpy as np
import pytest

from murauer.inference.estimator import Estimator
from murauer.sources import open_source
from murauer.studio.live import Follower
from studio.browser import browser, open_page, serving

pytest.importorskip("viser", reason="viser is not installed: pip install 'murauer[studio]'")


def test_a_follower_says_what_track_says(recording: Path) -> None:
    estimator = Estimator.load("default")
    with open_source(recording) as source:
        moments = list(source)
        camera = source.cameras[0].camera
        frames = [(each.time_s, each.depths[0]) for each in moments]
        expected = list(estimator.track(frames, camera, "right"))
        follower = Follower("A", estimator, source, "right")
        found = [follower(each.time_s, each.depths[0]) for each in moments]
    assert len(found) == 6 and sum(map(bool, found)) >= 4
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.joints_xyz, other.joints_xyz)


def test_in_a_browser(recording: Path) -> None:
    with browser() as chromium, serving("live", f"{recording}?rate=10", "--compare", "default") as server:
        page = open_page(chromium, server.address)
        page.get_by_text("ended").first.wait_for()
        text = page.inner_text("body")
        assert "A packaged model: latency" in text and "B packaged model: latency" in text
        assert "0 dropped" in text and "PALM_3" in text
