"""A real browser, and the studio as a person starts it."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

SOFTWARE_WEBGL = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
VIEWPORT = {"width": 1200, "height": 700}
PATIENCE_MS = 90_000
"""WebGL without a graphics card on a busy machine takes its time."""


@contextmanager
def browser() -> Iterator[Any]:
    """Chromium, or a skipped test that says what is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("MURAUER_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip("no Chromium found; install it, or set MURAUER_CHROMIUM to its path")
    with playwright.sync_playwright() as library:
        chromium = library.chromium.launch(
            executable_path=found,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", *SOFTWARE_WEBGL],
        )
        yield chromium
        chromium.close()


class Server:
    """`murauer studio` or `murauer studio --live` in a process of its own."""

    def __init__(self, *words: object) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "murauer", *map(str, words), "--port", "0"],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("http"), line
        self.address = line.split()[0]

    def end(self, how: signal.Signals) -> int:
        """Send a signal; returns the exit code."""
        self._process.send_signal(how)
        return self._process.wait(180)


@contextmanager
def serving(*words: object) -> Iterator[Server]:
    """Start a server, and see to its end."""
    server = Server(*words)
    try:
        yield server
    finally:
        server.end(signal.SIGKILL)


def open_page(chromium: Any, address: str) -> Any:
    """Open the page and wait until it is there; requests to others than the studio fail the test."""
    page = chromium.new_page(viewport=VIEWPORT)
    page.set_default_timeout(PATIENCE_MS)
    site = address.split("?", maxsplit=1)[0].rstrip("/")

    def check(request: Any) -> None:
        assert request.url.startswith((site, f"blob:{site}", "data:")), request.url

    page.on("request", check)
    page.goto(address)
    page.get_by_text("joint", exact=True).wait_for()
    page.locator("canvas").first.wait_for()
    return page


def middle_of_view(page: Any) -> tuple[float, float, float]:
    """Where on the screen the page's camera looks: column, row, and pixels per unit of the image plane."""
    box = max(
        (canvas.bounding_box() for canvas in page.locator("canvas").all()), key=lambda box: box["width"]
    )
    focal = box["height"] / 2 / 0.7673  # tan of half of 75 degrees
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, focal


def written(folder: Path) -> list[str]:
    """The label log's lines."""
    return (folder / "labelling.jsonl").read_text().splitlines()
