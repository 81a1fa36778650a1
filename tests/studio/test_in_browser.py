"""The studio as a person uses it: in a browser, with the mouse and the keyboard, and after a power cut."""

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from murauer.capture.keypoint_file import read_keypoint_file
from murauer.geometry.skeletons import SKELETONS
from studio.browser import browser, middle_of_view, open_page, serving, written

pytest.importorskip("viser", reason="viser is not installed: pip install 'murauer[studio]'")

CENTRE = SKELETONS["nyu14"].centre


def wait_for(page: Any, text: str) -> None:
    page.get_by_text(text).first.wait_for()


def test_look_label_and_survive(capture: Path) -> None:
    with browser() as chromium:
        with serving("studio", capture) as server:
            page = open_page(chromium, server.address)
            wait_for(page, "frame 0 (1 of 6)")

            page.keyboard.press("n")
            wait_for(page, "frame 1 (2 of 6)")
            page.get_by_role("button", name="Back").click()
            wait_for(page, "frame 0 (1 of 6)")
            page.get_by_role("button", name="Play").click()
            wait_for(page, "frame 5 (6 of 6)")
            page.keyboard.press("Home")
            wait_for(page, "frame 0 (1 of 6)")
            wait_for(page, "label of the folder")

            # The gizmo is at the palm, which the page looks at; its red arrow points to the right.
            column, row, focal = middle_of_view(page)
            arrow = 0.22 * focal / 2.7
            page.mouse.move(column + arrow, row)
            page.mouse.down()
            page.mouse.move(column + arrow + 30, row, steps=6)
            page.mouse.move(column + arrow + 60, row, steps=6)
            page.mouse.up()
            wait_for(page, "not accepted yet")
            lines = [json.loads(line) for line in written(capture)]
            assert [line.get("action") for line in lines[1:]] == ["label of the folder", "move PALM_3"]
            before, after = (np.array(line["joints_mm"]) for line in lines[1:])
            np.testing.assert_allclose(np.delete(after, CENTRE, 0), np.delete(before, CENTRE, 0))
            shift = after[CENTRE] - before[CENTRE]
            assert 10 < shift[0] < 60 and abs(shift[1:]).max() < 0.01, shift

            page.keyboard.press("Enter")
            wait_for(page, "1 accepted, 0 not accepted yet")
            assert server.end(signal.SIGKILL) == -signal.SIGKILL

        with serving("studio", capture, "--model", "none") as server:
            page = open_page(chromium, server.address)
            wait_for(page, "1 accepted, 0 not accepted yet")
            wait_for(page, "Label: accepted")
            assert f"{after[CENTRE, 0]:.0f}" in page.locator("tr", has_text="PALM_3").inner_text().split()
            page.keyboard.press("Control+z")
            wait_for(page, "not accepted yet")
            page.keyboard.press("l")  # one millimetre to the right
            page.keyboard.press("Enter")
            wait_for(page, "1 accepted, 0 not accepted yet")
            page.keyboard.press("Control+s")
            wait_for(page, "1 labels written")

            page.keyboard.press("2")  # held bones; the page goes on while they are fitted
            wait_for(page, "the hand model is being fitted")
            page.keyboard.press("Home")
            wait_for(page, "frame 0 (1 of 6)")
            wait_for(page, "drags hold its bones now")
            assert server.end(signal.SIGINT) == 0
    labels = {label.image: label.xyz for label in read_keypoint_file(capture / "labels.json")[1]}
    np.testing.assert_allclose(labels["front/000000.png"][CENTRE], after[CENTRE] + [1, 0, 0], atol=0.01)


def test_nothing_is_shown_without_the_token(capture: Path) -> None:
    with (
        browser() as chromium,
        serving("studio", capture, "--model", "none", "--host", "0.0.0.0") as server,
    ):
        address, token = server.address.replace("0.0.0.0", "127.0.0.1").split("?token=")
        page = chromium.new_page()
        page.goto(address)
        assert "Token" in page.inner_text("body") and page.locator("canvas").count() == 0
        page.fill("input", "wrong")
        page.click("button")
        assert "Token" in page.inner_text("body")
        page.fill("input", token)
        page.click("button")
        page.get_by_text("frame 0 (1 of 6)").first.wait_for(timeout=90_000)
        assert "token" not in page.url


def test_names_of_files_are_shown_and_not_interpreted(
    capture: Path, small_model: Path, tmp_path: Path
) -> None:
    name = "{window.hit=1}<img src=x onerror=window.hit=2>**b**.safetensors"
    shutil.copy(small_model, tmp_path / name)
    with browser() as chromium, serving("studio", capture, "--model", tmp_path / name) as server:
        page = open_page(chromium, server.address)
        wait_for(page, name)
        assert page.evaluate("window.hit") is None and page.locator("img[src=x]").count() == 0
