"""Depth over the network."""

import json
import socket
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from murauer.capture.camera_file import CaptureCamera
from murauer.capture.sources import open_source
from murauer.capture.sources.network import Publisher, decode, encode
from murauer.errors import UserError
from murauer.geometry.camera import Camera
from murauer.geometry.distortion import Distortion

pytest.importorskip("zmq", reason="pyzmq, of the extra 'network', is not installed")

CAMERAS = (
    CaptureCamera("front", Camera(60.0, 60.0, 31.5, 23.5, 64, 48), Distortion(k1=0.1), 0.5),
    CaptureCamera("side", Camera(60.0, 60.0, 15.5, 11.5, 32, 24), depth_scale=1.0),
)


def images(number: int) -> list[np.ndarray]:
    return [np.full((48, 64), 1000 + number, np.uint16), np.full((24, 32), 700 + number, np.uint16)]


@pytest.fixture
def address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def sender(address: str) -> Iterator[None]:
    """Sends a frame every 20 ms."""
    stop = threading.Event()

    def work() -> None:
        with Publisher(CAMERAS, address, "png") as publisher:
            number = 0
            while not stop.wait(0.02):
                publisher.send(number / 50, images(number))
                number += 1

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stop.set()
    thread.join()


def test_receives_what_is_sent_and_counts_what_was_missed(address: str, sender: None) -> None:
    with open_source(f"{address}?timeout=20") as source:
        assert source.live and [each.name for each in source.cameras] == ["front", "side"]
        assert source.cameras[0].camera == CAMERAS[0].camera
        assert source.cameras[0].distortion == CAMERAS[0].distortion
        before, lost = None, 0
        for frame, _ in zip(source, range(30), strict=False):
            number = round(frame.time_s * 50)
            np.testing.assert_array_equal(frame.depths[0], (1000 + number) / 2)
            np.testing.assert_array_equal(frame.depths[1], np.full((24, 32), 700 + number, np.float32))
            assert before is None or number == before + 1 + frame.dropped
            before, lost = number, lost + frame.dropped
            if _ == 10:
                time.sleep(0.8)  # about 40 messages; the queue holds a few
        assert lost >= 10


def test_who_begins_anew_gets_nothing_old(address: str, sender: None) -> None:
    with open_source(f"{address}?timeout=20") as source:
        times = [frame.time_s for _ in range(2) for frame, _ in zip(source, range(3), strict=False)]
    assert times == sorted(times) and len(set(times)) == 6


def test_camera_whose_name_leads_elsewhere_is_refused() -> None:
    header, *parts = encode(CAMERAS, 0, 0.0, images(0))
    with pytest.raises(UserError, match=r"here, camera .*: a camera cannot be called '../../escaped'"):
        decode([header.replace(b'"front"', b'"../../escaped"'), *parts], "here")


@pytest.mark.parametrize("encoding", ["raw", "png"])
def test_message_is_as_documented(encoding: str) -> None:
    header, *parts = encode(CAMERAS, 7, 1.5, images(3), encoding)
    values = json.loads(header)
    assert {**values, "cameras": list(values["cameras"])} == {
        "murauer": 1, "sequence": 7, "time_s": 1.5, "encoding": encoding, "cameras": ["front", "side"],
    }  # fmt: skip
    assert values["cameras"]["side"] == {
        "fx": 60.0, "fy": 60.0, "cx": 15.5, "cy": 11.5, "width": 32, "height": 24, "depth_scale": 1.0,
    }  # fmt: skip
    if encoding == "raw":
        assert parts[1] == (703).to_bytes(2, "little") * 24 * 32
    cameras, sequence, frame = decode([header, *parts], "here")
    assert (len(cameras), sequence, frame.time_s) == (2, 7, 1.5)
    assert float(frame.depths[0].min()) == 501.5


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda parts: [b"hello"], "sends something else than depth"),
        (lambda parts: [], "sends something else than depth"),
        (lambda parts: parts[:2], "sends 1 images of 2 cameras"),
        (lambda parts: [parts[0], parts[1][:-2], parts[2]], "camera front: the image has 6142 bytes"),
        (lambda parts: [parts[0].replace(b'"raw"', b'"jpeg"'), *parts[1:]], "version 1 in 'jpeg'"),
        (lambda parts: [parts[0].replace(b'"murauer": 1', b'"murauer": 2'), *parts[1:]], "version 2"),
        (lambda parts: [parts[0].replace(b'"fx": 60.0', b'"fx": -1'), *parts[1:]], "must be positive"),
    ],
)
def test_other_messages_are_refused(change, sentence: str) -> None:
    with pytest.raises(UserError) as refusal:
        decode(change(encode(CAMERAS, 0, 0.0, images(0))), "tcp://here:1")
    assert sentence in str(refusal.value) and "tcp://here:1" in str(refusal.value)


def test_silence_and_impossible_addresses_are_told(address: str) -> None:
    with pytest.raises(UserError, match=r"sent nothing for 0.1 s; is the program there running\?"):
        open_source(f"{address}?timeout=0.1")
    with pytest.raises(UserError, match="cannot listen to tcp:nowhere"):
        open_source("tcp:nowhere")
    with pytest.raises(UserError, match="cannot send from tcp://nowhere"):
        Publisher(CAMERAS, "tcp://nowhere")
