"""A hundred bad inputs, in one table: each ends in one sentence that names the file and what is wrong."""

import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from murauer.capture.camera_file import CaptureCamera, read_camera_file
from murauer.capture.depth import read_depth
from murauer.capture.keypoint_file import Keypoints, format_keypoints, read_keypoint_file
from murauer.capture.sources import open_source
from murauer.capture.sources.folder import read_times
from murauer.capture.sources.network import decode, encode
from murauer.datasets.joint_files import read_joint_file
from murauer.datasets.msra15 import _read_joints, read_box
from murauer.datasets.text_labels import read_named_joints
from murauer.errors import LONGEST, UserError
from murauer.geometry.camera import CAMERAS, Camera
from murauer.geometry.skeletons import SKELETONS
from murauer.inference.backends.onnx import decode_facts, encode_facts
from murauer.inference.pose_files import read_centres
from murauer.nets.model_facts import ModelFacts
from murauer.nets.model_file import load_model
from murauer.store.manifest import MANIFEST_FILE, read_manifest
from murauer.store.row_file import read_rows
from murauer.studio.labels.label_log import LABEL_LOG_FILE, LabelLog
from murauer.text_files import read_table
from murauer.training.config import read_config

SMALL = Camera(fx=30.0, fy=30.0, u0=15.5, v0=11.5, width=32, height=24)
SKELETON = SKELETONS["nyu14"]
DEPTH = np.full((24, 32), 700, np.uint16)


def read_source(path: Path) -> None:
    with open_source(f"{path}?camera=nyu") as source:
        next(iter(source))


def read_log(path: Path) -> None:
    path.rename(path.with_name(LABEL_LOG_FILE))
    with LabelLog(path.parent, SKELETON):
        pass


def read_store(path: Path) -> None:
    path.rename(path.with_name(MANIFEST_FILE))
    read_manifest(path.parent)


def read_message(path: Path) -> None:
    data, parts = path.read_bytes(), []
    while data:
        (length,) = struct.unpack_from("<I", data)
        parts.append(data[4 : 4 + length])
        data = data[4 + length :]
    decode(parts, str(path))


READERS: dict[str, Callable[[Path], object]] = {
    "image.png": read_depth,
    "image.npy": read_depth,
    "image.npz": read_depth,
    "stack.npy": read_source,
    "stack.npz": read_source,
    "video.mkv": read_source,
    "camera.json": lambda path: read_camera_file(path, ["only"]),
    "camera.yaml": lambda path: read_camera_file(path, ["only"]),
    "labels.json": read_keypoint_file,
    "times.csv": read_times,
    "centres.csv": read_centres,
    "table.csv": lambda path: read_table(path, ("frame",)),
    "rows.txt": read_rows,
    "joints.txt": lambda path: read_joint_file(path, "uvd", CAMERAS["nyu"]),
    "named.txt": lambda path: read_named_joints(path, 1),
    "joint.txt": lambda path: _read_joints(path, 1),
    "box.bin": read_box,
    "log.jsonl": read_log,
    "store.json": read_store,
    "config.json": lambda path: read_config(str(path)),
    "facts.json": lambda path: decode_facts(path.read_text(), path),
    "model.safetensors": load_model,
    "message.bin": read_message,
}


def saved(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def header(described: str, rest: bytes = bytes(64), version: bytes = b"\x01\x00") -> bytes:
    """An .npy file of any header."""
    text = described.encode("latin-1").ljust(117) + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text + rest


def shaped(shape: str, kind: str = "<u2") -> bytes:
    return header(f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}}}")


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return buffer.getvalue()


def declared(archive: bytes, size: int) -> bytes:
    """An archive whose members say that they unpack to so much."""
    first, *members = archive.split(b"PK\x01\x02")
    changed = (member[:20] + struct.pack("<I", size) + member[24:] for member in members)
    return b"PK\x01\x02".join((first, *changed))


def png(width: int, height: int) -> bytes:
    """The beginning of a PNG of a size."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(100))
    parts = (
        struct.pack(">I", len(each) - 4) + each + struct.pack(">I", zlib.crc32(each))
        for each in (chunk, data)
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def picture(image: Image.Image, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


GOOD_PNG = picture(Image.fromarray(DEPTH))


def nested(depth: int, opening: str = "[", closing: str = "]") -> bytes:
    return (opening * depth + closing * depth).encode()


def camera(**changes: Any) -> bytes:
    values = {"fx": 30.0, "fy": 30.0, "cx": 15.5, "cy": 11.5, "width": 32, "height": 24}
    return json.dumps({"a": values | changes}).encode()


def labels(change: Callable[[dict[str, Any]], object]) -> bytes:
    xyz = np.full((len(SKELETON), 3), 500, np.float32)
    document = json.loads(format_keypoints(SKELETON, [Keypoints("a/0.png", xyz[:, :2], xyz, 32, 24)]))
    change(document)
    return json.dumps(document).encode()


def annotated(**changes: Any) -> bytes:
    return labels(lambda document: document["annotations"][0].update(changes))


def log(*lines: Any) -> bytes:
    head = {"format": 1, "skeleton": "nyu14", "joints": []}
    return b"".join(json.dumps(line).encode() + b"\n" for line in (head, *lines))


def label(values: Any, frame: Any = "a") -> dict[str, Any]:
    return {"frame": frame, "action": "moved", "accepted": True, "joints_mm": values}


def manifest(**changes: Any) -> bytes:
    values = {"format_version": 3, "skeleton": "nyu14", "rig": None, "cube_mm": 300.0, "view_pair": None,
              "unseen_persons": []}  # fmt: skip
    return json.dumps(values | changes).encode()


def facts(**changes: Any) -> bytes:
    return json.dumps(json.loads(encode_facts(ModelFacts(SKELETON, 300.0, 64))) | changes).encode()


def skeleton(**changes: Any) -> bytes:
    told = json.loads(encode_facts(ModelFacts(SKELETON, 300.0, 64)))["skeleton"]
    return facts(skeleton=told | changes)


def training(**changes: Any) -> bytes:
    return json.dumps({"extends": "smoke", "training": changes}).encode()


def network(**changes: Any) -> bytes:
    return json.dumps({"extends": "smoke", "network": changes}).encode()


def weights(config: str | None, tensors: bytes = b"") -> bytes:
    metadata = {} if config is None else {"__metadata__": {"config": config}}
    text = json.dumps(metadata).encode()
    return struct.pack("<Q", len(text)) + text + tensors


def message(change: Callable[[dict[str, Any]], object] = lambda header: None, *images: bytes) -> bytes:
    first, *rest = encode([CaptureCamera("front", SMALL)], 3, 1.5, [DEPTH])
    values = json.loads(first)
    change(values)
    parts = [json.dumps(values).encode(), *(images or rest)]
    return b"".join(struct.pack("<I", len(part)) + part for part in parts)


def sent(**changes: Any) -> bytes:
    return message(lambda header: header.update(changes))


def camera_sent(**changes: Any) -> bytes:
    return message(lambda header: header["cameras"]["front"].update(changes))


BAD: list[tuple[str, bytes, str]] = [
    # Images
    ("image.png", b"", "is empty"),
    ("image.png", b"no image", "is no PNG image"),
    ("image.png", GOOD_PNG[:60], r"is damaged \(.*truncated"),
    ("image.png", GOOD_PNG[:-20] + bytes(20), "is damaged"),
    ("image.png", png(100_000, 100_000), "10000000000 pixels. exceeds limit"),
    ("image.png", png(2**31 - 1, 1), "2147483647 pixels. exceeds limit"),
    ("image.png", png(0, 5), "is damaged|is no PNG image"),
    ("image.png", picture(Image.new("L", (8, 8))), "is an 8-bit image"),
    ("image.png", picture(Image.new("I;16", (8, 8))), "holds no measurement"),
    ("image.png", picture(Image.fromarray(DEPTH), "TIFF")[:60], "is damaged|is no PNG image"),
    ("image.png", b"II*\0\x08\0\0\0\xff\xff" + bytes(90), "is damaged|is no PNG image"),
    ("image.png", b"\xff\xd8\xff\xe0" + bytes(20), "is no PNG image but JPEG"),
    # Arrays
    ("image.npy", b"\x93NUMPY", "is no complete .npy array"),
    ("image.npy", shaped("(200000, 200000)", "<f4"), "is incomplete: shape .* would be 149 GiB"),
    ("image.npy", shaped("(4611686018427387904, 16)"), "is incomplete"),
    ("image.npy", shaped("(-1, 4)"), r"its shape is \(-1, 4\)"),
    ("image.npy", shaped("(True, 4)"), "is no complete .npy array"),
    ("image.npy", shaped("(" + "1, " * 20 + ")"), "its shape is"),
    ("image.npy", shaped("(4, 4)", "<U9999999"), "is no complete .npy array"),
    ("image.npy", shaped("(4, 4)", "O"), "it holds object, no numbers"),
    ("image.npy", shaped("(4, 4)", ",u2"), "is no complete .npy array"),
    (
        "image.npy",
        header("{'descr': '<u2', 'fortran_order': False, 'shape': (4, 4)"),
        "is no complete .npy array",
    ),
    ("image.npy", header("((((" * 25), "is no complete .npy array"),
    ("image.npy", header("__import__('os').system('true')"), "is no complete .npy array"),
    ("image.npy", header("{}", version=b"\x03\x00"), "its format version is 3.0"),
    ("image.npy", saved(DEPTH)[:-1], "is incomplete"),
    ("image.npy", saved(np.zeros((3, 4, 5), np.uint16)), r"has shape \(3, 4, 5\)"),
    ("image.npy", saved(np.array(["text"])), "it holds <U4, no numbers"),
    ("image.npy", saved(np.full((4, 4), np.nan, np.float32)), "every pixel is NaN or infinite"),
    ("image.npy", saved(np.full((4, 4), -700, np.int16)), "negative depth"),
    ("image.npy", saved(np.zeros((2, 20_000), np.uint16)), "is 20000 x 2 pixels"),
    ("image.npz", b"PK\x03\x04" + bytes(50), "is no complete .npz file"),
    ("image.npz", zipped(depth_npy=saved(DEPTH))[:-9], "is no complete .npz file"),
    ("image.npz", zipped(depth_npy=b"no array"), "is no complete .npz file"),
    ("image.npz", zipped(a_npy=saved(DEPTH), b_npy=saved(DEPTH)), "holds the arrays a, b"),
    (
        "image.npz",
        declared(zipped(a_npy=saved(DEPTH), b_npy=saved(DEPTH)), 2**32 - 2),
        "holds 8 GiB of numbers",
    ),
    ("image.npz", zipped(depth_npy=shaped("(100000, 100000)")), "is incomplete"),
    ("image.npz", zipped(a_npy=saved(DEPTH)).replace(b"\x08\x00", b"\x63\x00"), "is no complete .npz file"),
    # Stacks and videos
    ("stack.npy", saved(DEPTH), "expected depth, frames x height x width"),
    ("stack.npy", shaped("(2, 480, 640)"), "is incomplete"),
    ("stack.npz", zipped(**{f"a{i}_npy": saved(DEPTH) for i in range(1001)}), "holds 1001 files"),
    (
        "stack.npz",
        zipped(time_s_npy=saved(np.arange(3.0))),
        "is no camera|describes|holds no depth|expected depth",
    ),
    ("video.mkv", b"no video", "is no video"),
    ("video.mkv", b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", "is no video"),
    ("video.mkv", b"\x1a\x45\xdf\xa3" + bytes(60), "is no video|is damaged"),
    # Cameras
    ("camera.json", b"", "is not valid JSON"),
    ("camera.json", b"[1]", "must hold an object with a camera"),
    ("camera.json", nested(100_000), "it is nested too deeply"),
    ("camera.json", nested(100), "it is nested too deeply"),
    ("camera.json", b"\x00\x01\x02 binary", "is not a text file"),
    ("camera.json", camera(fx=-1), "focal lengths and image sides must be positive"),
    ("camera.json", b'{"a": {"fx": ' + b"9" * 6000 + b', "fy": 1}}', "must be finite|lacks"),
    ("camera.json", camera(fx="wide"), "fx must be a number, got 'wide'"),
    ("camera.json", camera(width=10**6, height=10**6), "1000000 x 1000000 pixels"),
    ("camera.json", camera(width=1.5), "whole numbers of pixels"),
    ("camera.json", camera(k1=1e30), "k1 must be finite, at most"),
    ("camera.json", camera(depth_scale=2**70), "depth_scale must be positive"),
    ("camera.json", camera(depth_scale=0), "depth_scale must be positive"),
    ("camera.json", camera(depth_scale=float("nan")), "depth_scale must be"),
    ("camera.json", camera(cam_R_w2c=[1] * 9, cam_t_w2c=[0, 0, 0]), "cam_R_w2c is no rotation"),
    ("camera.json", camera(cam_R_w2c=np.eye(3).tolist(), cam_t_w2c=[2**400, 0, 0]), "must be 3 numbers"),
    ("camera.json", camera(extra="\x1b[31mred"), r"has unknown extra"),
    ("camera.json", json.dumps({f"c{i}": {} for i in range(99)}).encode(), "describes 99 cameras"),
    ("camera.json", camera(roi={"width": 1e308, "height": 1e308}), "roi is beyond 16384 pixels"),
    ("camera.json", b'{"' + b"x" * 5000 + b'": {"fx": 1}}', "lacks"),
    ("camera.yaml", b"fx: [", "is not valid YAML"),
    ("camera.yaml", b"a: &a {fx: 1}\nb: *a\n", "it uses anchors"),
    ("camera.yaml", nested(3000), "is not valid YAML"),
    ("camera.yaml", b"a: " + b"[" * 90 + b"]" * 90, "it is nested too deeply"),
    ("camera.yaml", b"a: !!python/object/apply:os.system [x]", "is not valid YAML"),
    ("camera.yaml", b"? [1]\n: 2\n", "is not valid YAML"),
    ("camera.yaml", b"a: 2001-99-99\n", "is not valid YAML|must hold an object|describes"),
    # Labels
    ("labels.json", b"{}", "is no COCO keypoint file"),
    ("labels.json", nested(5000), "is no COCO keypoint file"),
    (
        "labels.json",
        labels(lambda document: document.update(categories=[])),
        "has 0 categories with keypoints",
    ),
    ("labels.json", annotated(keypoints_3d=None), "has no keypoints_3d"),
    ("labels.json", annotated(keypoints_3d=[1.0]), "has 1 numbers as keypoints_3d"),
    ("labels.json", annotated(keypoints_3d=[1e300] * 42), "holds 1e.300, which is no coordinate"),
    ("labels.json", annotated(image_id=7), "is of image 7, which images does not list"),
    ("labels.json", annotated(id=[1]), "is no COCO keypoint file"),
    ("log.jsonl", b"[]\n", "line 1 is damaged"),
    ("log.jsonl", log([1]), "line 2 is damaged"),
    ("log.jsonl", log(label([[1, 2]])), "line 2 is damaged"),
    ("log.jsonl", log(label([[1e30] * 3] * 14)), "line 2 is damaged .*no coordinates"),
    ("log.jsonl", log(label([[10**400] * 3] * 14)), "line 2 is damaged"),
    ("log.jsonl", log(label(None, frame={"a": 1})), "line 2 is damaged"),
    ("log.jsonl", log({"frame": "a", "action": "undo"}), "line 2 is damaged .*nothing to undo"),
    ("log.jsonl", b'{"format": 1, "skeleton": "hand21"}\n', "has labels of hand21, not of nyu14"),
    ("log.jsonl", nested(20_000) + b"\n", "line 1 is damaged"),
    # Tables and lines
    ("times.csv", b"frame,time_s\n1,2\n", "it has no dropped"),
    ("times.csv", b"frame,time_s,dropped\n1,2," + b"9" * 5000 + b"\n", "is damaged .*too large"),
    ("times.csv", b"frame,time_s,dropped\n1,x,0\n", "is damaged"),
    ("centres.csv", b"frame,u,v,d\n", "has no centres"),
    ("centres.csv", b"frame,u,v,d\na,1,2,z\n", "must be three numbers"),
    ("table.csv", b"PK\x03\x04 workbook", "is a workbook of a spreadsheet"),
    ("table.csv", b"frame\n" + b"x" * 200_000 + b"\n", "is no table .*field larger than"),
    ("table.csv", "frame\nä".encode("utf-16")[:-1], "is not a text file"),
    ("rows.txt", b"# nothing\n", "names no frame"),
    ("rows.txt", b"9" * 30 + b"\n", "is too large"),
    ("rows.txt", b"1.5\n", "one index a line"),
    ("joints.txt", b"", "is empty"),
    ("joints.txt", b"1 2\n", "line 1 has 2 numbers"),
    ("joints.txt", b"1 2 inf\n", "line 1 holds NaN or infinity"),
    ("joints.txt", b"1 2 1e300\n", "1e300 is no coordinate"),
    ("joints.txt", b"1 2 3\n4 5 6 7 8 9\n", "line 2 has 6 numbers but the first line has 3"),
    ("named.txt", b"a.png 1 2\n", "line 1 has 2 numbers after the image's name"),
    ("named.txt", b"a.png 1 2 x\n", "line 1: could not convert"),
    ("named.txt", b"a.png " + b"1 " * 2**20, "line 1 has more than 1048576 characters"),
    ("joint.txt", b"9" * 5000 + b"\n1 2 3\n", "announces 9"),
    ("joint.txt", b"two\n1 2 3\n", "does not begin with the number of its frames"),
    ("box.bin", b"@\0t\x08\1\0\0\xf0\0", "is damaged .*9 bytes"),
    ("box.bin", struct.pack("<6i", 320, 240, 0, 0, 320, 240), "a box of 320 x 240 pixels in 24 bytes"),
    ("box.bin", struct.pack("<6i", 320, 240, 5, 5, -1, 9), "box 5, 5, -1, 9"),
    ("box.bin", bytes(4 * (6 + 320 * 240) + 1), "is larger than"),
    # Stores, configurations, models
    ("store.json", b"[]", "must be an object in braces"),
    ("store.json", manifest(format_version=99), "it has format version 99"),
    ("store.json", manifest(cube_mm=0), "cube_mm"),
    ("store.json", manifest(sets=["../../etc"]), "names the set '../../etc'"),
    ("store.json", manifest(checksums={"../../dev/zero": "0"}), "names the file '../../dev/zero'"),
    ("store.json", manifest(view_pair=[0, -1]), r"view_pair is \(0, -1\)"),
    ("store.json", nested(9000, '{"a":', "}"), "is damaged or no store's|nested too deeply|is not valid"),
    ("config.json", training(joint_iterations=0), "Expected `int` >= 1 - at `\\$.training.joint_iterations`"),
    ("config.json", training(learning_rate=-1.0), "Expected `float` > 0.0"),
    ("config.json", training(ema_decay=1.0), "Expected `float` < 1.0"),
    ("config.json", training(set_size=10**9), "Expected `int` <= 16384"),
    ("config.json", training(momentum=0.9), "unknown field `momentum`"),
    ("config.json", network(features=1_000_000), "Expected `int` <= 16384"),
    ("config.json", network(features=16384, mapping_blocks=9), "million weights"),
    ("config.json", network(stage_widths=[]), "length >= 1"),
    ("config.json", b'{"extends": "nowhere"}', "unknown config 'nowhere'"),
    ("facts.json", b"{}", "is damaged .*format_version"),
    ("facts.json", facts(patch_size=float("inf")), "is damaged .*infinity"),
    ("facts.json", facts(format_version=9), "is of format 9"),
    ("facts.json", skeleton(centre=[1, [2]]), "its skeleton nyu14 is none"),
    ("facts.json", skeleton(centre=14), "its skeleton nyu14 is none"),
    ("facts.json", skeleton(parents=[99] * 14), "its skeleton nyu14 is none"),
    ("model.safetensors", b"\xff" * 10, "is no complete safetensors file"),
    ("model.safetensors", struct.pack("<Q", 2**40) + b"{}", "is no complete safetensors file"),
    ("model.safetensors", weights(None), "it holds no configuration"),
    ("model.safetensors", weights('{"cube_mm": -1}'), "is not valid: Expected `float` > 0.0"),
    (
        "model.safetensors",
        weights('{"network": {"features": 16384, "mapping_blocks": 99}}'),
        "million weights",
    ),
    # Messages
    ("message.bin", b"", "sends something else than depth"),
    ("message.bin", sent(sequence=-1), "sequence"),
    ("message.bin", sent(time_s="now"), "time_s"),
    ("message.bin", sent(time_s=1e300), "time_s"),
    ("message.bin", sent(encoding="jpeg"), "sends version 1 in 'jpeg'"),
    ("message.bin", sent(cameras=[]), "must hold an object"),
    ("message.bin", sent(cameras={"a": "b"}), "describes one camera|must"),
    ("message.bin", camera_sent(width=64, height=48), "has 1536 bytes, not those of 16 bits"),
    (
        "message.bin",
        message(lambda header: header.update(encoding="png"), png(16384, 2048)),
        "16384 x 2048 pixels, not 32 x 24",
    ),
    ("message.bin", message(lambda header: header.update(encoding="png"), b"GIF89a"), "is no PNG image"),
    (
        "message.bin",
        message(lambda header: header["cameras"].update({"../x": header["cameras"]["front"]})),
        "a camera cannot be called",
    ),
]


def test_there_are_a_hundred() -> None:
    assert len({(name, content) for name, content, _ in BAD}) == len(BAD) >= 100


@pytest.mark.parametrize(
    ("name", "content", "sentence"), BAD, ids=[f"{i}-{each[0]}" for i, each in enumerate(BAD)]
)
def test_bad_input_ends_in_one_sentence(tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError) as refusal:
        READERS[name](path)
    told = str(refusal.value)
    assert re.search(sentence, told), told
    assert str(tmp_path) in told and len(told) < LONGEST + 10
    assert "\n" not in told.strip() and "\x1b" not in told
