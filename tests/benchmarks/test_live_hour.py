"""The live page with a camera that fails: each client sees all of one frame, in order, and goes on."""

import asyncio
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("viser", reason="viser is not installed: pip install 'murauer[studio]'")
pytest.importorskip("zmq", reason="pyzmq is not installed: pip install 'murauer[network]'")

from murauer.geometry.camera import uvd_to_xyz
from murauer.geometry.overlay import draw_frame
from murauer.geometry.skeletons import SKELETONS

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from bad_sender import TROUBLES, BadSender
from live_hour import live
from live_watcher import Seen
from numbered_frames import CODES, NumberedFrames, code_in_points, number_in_picture


@pytest.mark.parametrize("number", [0, 5, 255, 256, 40000])
def test_frames_tell_their_number(number: int) -> None:
    frames = NumberedFrames()
    camera = frames.cameras[0].camera
    for image in (frames.image(number), frames.noise(number)):
        depth = image.astype(np.float32)
        drawn = draw_frame(depth, camera, None, None, SKELETONS["hand21"]).resize(
            (480, 360), Image.Resampling.NEAREST
        )
        assert number_in_picture(np.asarray(drawn)) == number
    rows, columns = np.mgrid[:480, :640].reshape(2, -1)
    uvd = np.stack((columns, rows, frames.image(number).ravel()), -1).astype(np.float32)
    assert code_in_points(uvd_to_xyz(uvd, camera.intrinsics_array())[::31]) == number % CODES


def test_no_frame_is_mixed_with_another_and_the_page_goes_on() -> None:
    async def script(sender: BadSender, seen: Seen) -> None:
        for trouble in ("noise", "wrong clock", "restart", "half of an image", "other camera"):
            await sender.trouble(trouble)
            sent = len(sender.times)
            async with asyncio.timeout(300):
                while len(seen.last) < 3 or min(seen.last.values()) < sent:  # all see frames sent after it
                    await sender.well(0.5)
                ends = len(seen.ends)
                while len(seen.ends) == ends:  # nothing comes until the source has ended
                    await asyncio.sleep(0.1)

    hour = asyncio.run(live(script, rate=4, stay_s=5))
    assert not hour.seen.faults
    assert hour.code == 0 and hour.seen.hands > 20
    assert hour.seen.opened[2] > 1
    assert all(name in TROUBLES for name in hour.incidents)
