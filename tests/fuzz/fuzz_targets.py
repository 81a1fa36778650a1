"""What is fuzzed: every reader of bytes from outside, as a function of these bytes, with seeds to begin from.

A target may raise a `UserError`, which is the right answer to bad bytes. All else is a finding.
"""

import io
import json
import struct
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from PIL import Image

from murauer.capture.camera_file import (
    CaptureCamera,
    find_camera,
    make_rig,
    read_camera_file,
    write_camera_file,
)
from murauer.capture.depth import read_depth
from murauer.capture.keypoint_file import Keypoints, format_keypoints, read_keypoint_file
from murauer.capture.named_frames import NamedFrames
from murauer.capture.sources import open_source
from murauer.capture.sources.folder import read_times
from murauer.capture.sources.network import decode, encode
from murauer.datasets.joint_files import read_joint_file
from murauer.datasets.msra15 import _read_joints, read_box
from murauer.datasets.text_labels import read_named_joints
from murauer.evaluation.origin import read_origin
from murauer.geometry.camera import CAMERAS, Camera
from murauer.geometry.skeletons import SKELETONS
from murauer.inference.backends.onnx import decode_facts, encode_facts
from murauer.inference.pose_files import read_centres
from murauer.nets.model_facts import ModelFacts
from murauer.provenance import Provenance, decode_provenance, encode_provenance, provenance
from murauer.store.frame_set import create_frame_set, open_frame_set
from murauer.store.manifest import MANIFEST_FILE, Manifest, read_manifest
from murauer.store.row_file import read_rows
from murauer.studio.labels.label_log import LABEL_LOG_FILE, LabelLog
from murauer.studio.page.guard import Guard
from murauer.training.config import encode_config, load_config, read_config

SMALL = Camera(fx=30.0, fy=30.0, u0=15.5, v0=11.5, width=32, height=24)
SKELETON = SKELETONS["nyu14"]
SHARED_MEMORY = Path("/dev/shm")

JOINTS = 3


@dataclass(frozen=True)
class Target:
    """One reader.

    Attributes:
        read: Feeds it.
        seeds: Makes sound inputs, from which others are made.
    """

    read: Callable[[bytes], object]
    seeds: Callable[[], Iterable[bytes]]


@cache
def place() -> Path:
    """A folder in memory, where inputs are put as files."""
    memory = str(SHARED_MEMORY) if SHARED_MEMORY.is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix="fuzz-", dir=memory))
    write_camera_file(folder / "small.json", [CaptureCamera("small", SMALL)])
    return folder


def from_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    """A reader of a file as one of bytes."""

    def feed(data: bytes) -> None:
        path = place() / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        read(path)

    return feed


def text(*texts: str) -> Callable[[], list[bytes]]:
    return lambda: [each.encode() for each in texts]


def depth() -> np.ndarray:
    """A wall with a hole, in tenths of mm."""
    image = np.full((SMALL.height, SMALL.width), 7000, np.uint16)
    image[5:9, 5:9] = 0
    return image


def saved(write: Callable[[io.BytesIO], object]) -> bytes:
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def arrays() -> list[bytes]:
    return [
        saved(lambda file: np.save(file, depth())),
        saved(lambda file: np.save(file, depth().astype(np.float32) / 10)),
        saved(lambda file: np.save(file, np.asfortranarray(depth()))),
    ]


def archives() -> list[bytes]:
    return [
        saved(lambda file: np.savez(file, depth=depth())),
        saved(lambda file: np.savez_compressed(file, depth=depth())),
    ]


def pictures() -> list[bytes]:
    image = Image.fromarray(depth())
    packed = np.zeros((SMALL.height, SMALL.width, 3), np.uint8)
    packed[..., 1] = 3
    return [
        saved(lambda file: image.save(file, "PNG")),
        saved(lambda file: image.save(file, "TIFF")),
        saved(lambda file: image.save(file, "TIFF", compression="tiff_lzw")),
        saved(lambda file: Image.fromarray(packed).save(file, "PNG")),
        saved(lambda file: Image.fromarray(depth().astype(np.float32)).save(file, "TIFF")),
    ]


def stacks() -> list[bytes]:
    return [saved(lambda file: np.save(file, np.stack([depth()] * 2)))]


def stack_archives() -> list[bytes]:
    frames = np.stack([depth()] * 2)
    return [
        saved(lambda file: np.savez(file, small=frames, time_s=np.arange(2.0))),
        saved(lambda file: np.savez_compressed(file, small=frames)),
    ]


def videos() -> list[bytes]:
    """FFV1 in Matroska, two frames."""
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as file:
        stream = file.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = SMALL.width, SMALL.height, "gray16le"
        for _ in range(2):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(depth(), format="gray16le")))
        file.mux(stream.encode())
    return [buffer.getvalue()]


def read_source(path: Path) -> None:
    with open_source(f"{path}?camera={place() / 'small.json'}") as source:
        for number, _ in enumerate(source):
            if number == 3:
                break


def read_named(path: Path) -> None:
    frames = NamedFrames([str(path)], str(place() / "small.json"))
    frames.complete()
    for number, frame in enumerate(frames):
        frame.read()
        if number == 3:
            break


def cameras() -> list[bytes]:
    rig = [
        CaptureCamera(name, SMALL, depth_scale=0.1, camera_from_world=pose)
        for name, pose in (("a", np.eye(4)), ("b", np.eye(4) + np.eye(4, k=3) * 200))
    ]
    write_camera_file(place() / "rig.json", rig)
    ros = {"K": [30.0, 0, 16, 0, 30, 12, 0, 0, 1], "D": [0.1, 0, 0, 0, 0], "distortion_model": "plumb_bob",
           "width": 32, "height": 24, "roi": {"x_offset": 0, "width": 0}, "binning_x": 0}  # fmt: skip
    return [(place() / "rig.json").read_bytes(), json.dumps(ros).encode(), json.dumps({"a": ros}).encode()]


YAML = """cam0:
  camera_model: pinhole
  intrinsics: [30.0, 30.0, 16.0, 12.0]
  distortion_model: radtan
  distortion_coeffs: [0.01, 0.0, 0.0, 0.0]
  resolution: [32, 24]
cam1:
  T_cn_cnm1:
  - [1.0, 0.0, 0.0, 0.2]
  - [0.0, 1.0, 0.0, 0.0]
  - [0.0, 0.0, 1.0, 0.0]
  - [0.0, 0.0, 0.0, 1.0]
  intrinsics: [30.0, 30.0, 16.0, 12.0]
  resolution: [32, 24]
"""
ONE_YAML = YAML[: YAML.index("cam1")]


def read_cameras(path: Path) -> None:
    found = read_camera_file(path, ["only"])
    make_rig(found)
    for each in found:
        if each.camera.width * each.camera.height < 10**5:
            each.for_image(each.camera.width, each.camera.height)
            each.distortion.largest_radius  # noqa: B018


def keypoints() -> list[bytes]:
    xyz = np.random.default_rng(0).uniform(300, 320, (len(SKELETON), 3)).astype(np.float32)
    labels = [Keypoints("a/000001.png", xyz[:, :2], xyz, 32, 24), Keypoints.of_no_hand("a/000002.png")]
    return [format_keypoints(SKELETON, labels).encode()]


def messages() -> list[bytes]:
    cameras = [CaptureCamera("front", SMALL), CaptureCamera("side", SMALL)]
    images = [depth(), depth()]
    return [
        b"".join(struct.pack("<I", len(part)) + part for part in encode(cameras, 3, 1.5, images, encoding))
        for encoding in ("raw", "png")
    ]


def read_message(data: bytes) -> None:
    parts, start = [], 0
    while start + 4 <= len(data) and len(parts) < 8:
        (length,) = struct.unpack_from("<I", data, start)
        parts.append(data[start + 4 : start + 4 + length])
        start += 4 + length
    decode(parts, "tcp://here:1")


def read_log(path: Path) -> None:
    with LabelLog(path.parent, SKELETON):
        pass


def logs() -> list[bytes]:
    """Lines without checksums, as older versions wrote them: changed ones would only disagree with theirs."""
    joints = np.full((len(SKELETON), 3), 500).tolist()
    lines = [
        {"format": 1, "skeleton": SKELETON.name, "joints": SKELETON.joints},
        {"frame": "a", "action": "moved", "accepted": True, "joints_mm": joints},
        {"frame": "a", "action": "no hand", "accepted": False, "joints_mm": []},
        {"frame": "a", "action": "undo"},
        {"frame": "a", "action": "redo"},
        {"frame": "b", "action": "deleted", "accepted": False, "joints_mm": None},
    ]
    return ["".join(json.dumps(line) + "\n" for line in lines).encode()]


def manifests() -> list[bytes]:
    import msgspec

    rig = {"cameras": [SMALL.to_dict()], "camera_from_world": [np.eye(4).tolist()]}
    whole = Manifest(
        skeleton="nyu14", rig=rig, cube_mm=300.0, view_pair=None, unseen_persons=(), sets=("real",)
    )
    return [msgspec.json.encode(whole)]


def read_store(path: Path) -> None:
    from murauer.store.store import open_store

    read_manifest(path.parent)
    if not (path.parent / "real").is_dir():
        create_frame_set(path.parent / "real", 2, 1, 4, len(SKELETON))
    open_store(path.parent)


def set_array(name: str) -> Callable[[bytes], object]:
    def feed(data: bytes) -> None:
        folder = place() / f"set-{name}"
        if not folder.is_dir():
            create_frame_set(folder, 2, 1, 4, JOINTS)
        (folder / f"{name}.npy").write_bytes(data)
        open_frame_set(folder)

    return feed


def set_arrays(name: str) -> Callable[[], list[bytes]]:
    def make() -> list[bytes]:
        folder = place() / f"seed-{name}"
        create_frame_set(folder, 2, 1, 4, JOINTS)
        return [(folder / f"{name}.npy").read_bytes()]

    return make


def provenances() -> list[bytes]:
    here = provenance(data="0" * 16, inputs={"model": "1" * 16}, seed={"a": 1}, config={"a": [1.5]})
    return [encode_provenance(made).encode() for made in (here, here.after(Provenance()))]


def results() -> list[bytes]:
    own = {"split": "test", "mean_error_mm": 1.5, "provenance": json.loads(provenances()[0])}
    return [json.dumps(own).encode(), json.dumps({"test": own, "config": "smoke"}).encode()]


def facts() -> list[bytes]:
    return [encode_facts(ModelFacts(SKELETON, 300.0, 64)).encode()]


def models() -> list[bytes]:
    import torch

    from murauer.nets.model_file import save_model

    torch.manual_seed(0)
    path = place() / "seed.safetensors"
    save_model(path, torch.nn.Linear(2, 2), load_config("smoke"), variant="x")  # type: ignore[arg-type]
    return [path.read_bytes()]


def read_model(path: Path) -> None:
    from murauer.nets.model_file import decode_model_config, read_tensors

    decode_model_config(read_tensors(path)[1], path)


def read_guard(data: bytes) -> None:
    from websockets import Headers

    head, *lines = data.decode("latin-1").split("\n")
    headers = Headers()
    for line in lines:
        name, _, value = line.partition(":")
        headers[name] = value
    for guard in (Guard(8080, None), Guard(8080, "correct-horse")):
        request = SimpleNamespace(path=head, headers=headers)
        guard.refusal(request)  # type: ignore[arg-type]


REQUESTS = text(
    "/?token=correct-horse\nHost:127.0.0.1:8080\nOrigin:http://127.0.0.1:8080",
    "/\nHost:[::1]:8080\nCookie:murauer_8080=correct-horse; a=b",
)

NUMBERS = "a.png 1.5 2 300 4,5 5 300 7 8 300\nb.png 1 2 300 4 5 300 7 8 300\n"

TARGETS: dict[str, Target] = {
    "array": Target(from_file("a.npy", read_depth), arrays),
    "archive": Target(from_file("a.npz", read_depth), archives),
    "picture": Target(from_file("a.png", lambda path: read_depth(path, packing="nyu")), pictures),
    "stack": Target(from_file("small.npy", read_source), stacks),
    "stack_archive": Target(from_file("s.npz", read_source), stack_archives),
    "named": Target(from_file("n.npz", read_named), lambda: [*archives(), *stack_archives()]),
    "video": Target(from_file("small.mkv", read_source), videos),
    "camera": Target(from_file("c.json", read_cameras), cameras),
    "camera_yaml": Target(from_file("c.yaml", read_cameras), text(YAML)),
    "one_camera": Target(from_file("d.yaml", lambda path: find_camera(str(path))), text(ONE_YAML)),
    "keypoints": Target(from_file("labels.json", read_keypoint_file), keypoints),
    "times": Target(
        from_file("times.csv", read_times), text("frame,time_s,dropped\n000001,0.5,0\n2,1,5,3\n")
    ),
    "centres": Target(from_file("centres.csv", read_centres), text("frame,u,v,d\na.png,1,2,3\n")),
    "rows": Target(from_file("rows.txt", read_rows), text("1\n2 # two\n30\n")),
    "joints": Target(
        from_file("j.txt", lambda path: read_joint_file(path, "uvd", CAMERAS["nyu"], incomplete=True)),
        text(NUMBERS, NUMBERS.replace("a.png ", "").replace("b.png ", "")),
    ),
    "named_joints": Target(from_file("l.txt", lambda path: read_named_joints(path, JOINTS)), text(NUMBERS)),
    "msra_joints": Target(
        from_file("joint.txt", lambda path: _read_joints(path, JOINTS)),
        text("2\n1 2 3 4 5 6 7 8 9\n1 2 3 4 5 6 7 8 9\n"),
    ),
    "msra_box": Target(
        from_file("m.bin", read_box),
        lambda: [struct.pack("<6i4f", 320, 240, 10, 10, 12, 12, 500, 510, 0, 520)],
    ),
    "message": Target(read_message, messages),
    "request": Target(read_guard, REQUESTS),
    "label_log": Target(from_file(f"log/{LABEL_LOG_FILE}", read_log), logs),
    "manifest": Target(from_file(f"store/{MANIFEST_FILE}", read_store), manifests),
    "set_depth": Target(set_array("depth"), set_arrays("depth")),
    "set_joints": Target(set_array("joints"), set_arrays("joints")),
    "provenance": Target(lambda data: decode_provenance(data, Path("m.onnx")), provenances),
    "result": Target(from_file("r.json", read_origin), results),
    "facts": Target(lambda data: decode_facts(data.decode("utf-8", "replace"), Path("m.onnx")), facts),
    "config": Target(
        from_file("p.json", lambda path: read_config(str(path))),
        lambda: [
            encode_config(load_config("smoke")).encode(),
            b'{"extends": "smoke", "training": {"set_size": 8}}',
        ],
    ),
    "model": Target(from_file("m.safetensors", read_model), models),
}
