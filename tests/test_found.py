"""Inputs that people met faults with, in one table: each is read rightly, or refused with the right reason.

Names are those of the collection that they come from (`found/` of the reference data, see its README). The
inputs are made here, small; where the collection has a file of its own, that is read as well.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from changed_model import save_changed
from murauer.capture.camera_file import CaptureCamera
from murauer.capture.sources import open_source
from murauer.capture.writer import CaptureWriter
from murauer.cli.main import main
from murauer.datasets.captured import CaptureDataset
from murauer.errors import UserError
from murauer.geometry.camera import Camera
from murauer.geometry.skeletons import SKELETONS
from murauer.nets.model_facts import packaged_model
from murauer.store.row_file import read_rows

CAMERA = Camera(fx=80.0, fy=80.0, u0=39.5, v0=29.5, width=80, height=60)
SKELETON = SKELETONS["nyu14"]
FRAMES = 12
BOM = b"\xef\xbb\xbf"


def depth_of(index: int) -> np.ndarray:
    """A wall whose distance tells the frame."""
    return np.full((CAMERA.height, CAMERA.width), 700 + index, np.float32)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture of two cameras beside each other, all of its frames labelled for the first."""
    folder = tmp_path_factory.mktemp("found") / "rec"
    beside = np.eye(4)
    beside[0, 3] = -20.0
    poses = {"front": np.eye(4), "side": beside}
    cameras = [CaptureCamera(name, CAMERA, camera_from_world=pose) for name, pose in poses.items()]
    place = np.random.default_rng(0).uniform(-60, 60, (len(SKELETON), 3)).astype(np.float32)
    with CaptureWriter(folder, cameras, SKELETON) as writer:
        for index in range(FRAMES):
            joints = place * (1, 1, 0) + np.array([0, 0, 705 + index], np.float32)
            writer.write([depth_of(index), depth_of(index)], joints={0: joints.astype(np.float32)})
    (folder / "times.csv").write_text(
        "frame,time_s,dropped\n" + "".join(f"{index:06d},{index / 10},0\n" for index in range(FRAMES))
    )
    return folder


Change = Callable[[Path], object]


def written(name: str, content: bytes) -> Change:
    return lambda folder: (folder / name).write_bytes(content)


def encoded(name: str, encoding: str) -> Change:
    return lambda folder: (folder / name).write_bytes((folder / name).read_text().encode(encoding))


def labels(change: Callable[[dict[str, Any]], object]) -> Change:
    def edit(folder: Path) -> None:
        values = json.loads((folder / "labels.json").read_text())
        change(values)
        (folder / "labels.json").write_text(json.dumps(values))  # NaN as Python writes it

    return edit


def each_annotation(change: Callable[[dict[str, Any]], object]) -> Change:
    return labels(lambda values: [change(annotation) for annotation in values["annotations"]])


def each_image(change: Callable[[str], str]) -> Change:
    return labels(
        lambda values: [image.update(file_name=change(image["file_name"])) for image in values["images"]]
    )


def renamed(name: Callable[[int], str], cameras: tuple[str, ...] = ("front",)) -> Change:
    """Frames of other names, without labels; of the first camera alone by default."""

    def rename(folder: Path) -> None:
        (folder / "labels.json").unlink()
        (folder / "times.csv").unlink()
        if cameras == ("front",):
            shutil.rmtree(folder / "side")
            camera_file = json.loads((folder / "camera.json").read_text())
            (folder / "camera.json").write_text(json.dumps({"front": camera_file["front"]}))
        for camera in cameras:
            for index in range(FRAMES):
                (folder / camera / f"{index:06d}.png").rename(folder / camera / name(index))

    return rename


def both(*changes: Change) -> Change:
    return lambda folder: [change(folder) for change in changes]


def facts(folder: Path) -> dict[str, Any]:
    """What a capture is read as: the numbers of its frames in order, persons, times, labels, what is not."""
    dataset = CaptureDataset(folder)
    frames = {
        name: [dataset.view(name, index, 0) for index in range(info.frames)]
        for name, info in dataset.sets.items()
    }
    every = [frame for some in frames.values() for frame in some]
    known = [frame.joints.isfinite().all(-1) for frame in every if frame.joints is not None]
    return {
        "order": [round(float(frame.depth.max())) - 700 for frame in every],
        "sets": {name: len(some) for name, some in frames.items()},
        "persons": sorted({int(frame.person) for frame in every}),
        "labelled": len(known),
        "joints": sorted({int(joints.sum()) for joints in known}),
        "without_hand": sum(not frame.shows_hand for frame in every),
        "times": [frame.time_s for frame in open_source(folder)],
        "left_out": len(dataset.left_out),
    }


USUAL = {
    "order": list(range(FRAMES)),
    "sets": {"real": FRAMES},
    "persons": [-1],
    "labelled": FRAMES,
    "joints": [14],
    "without_hand": 0,
    "times": [index / 10 for index in range(FRAMES)],
    "left_out": 0,
}
"""`facts` of the capture as it is."""

UNLABELLED = {"labelled": 0, "joints": [], "times": [index / 30 for index in range(FRAMES)]}
"""`facts` of frames of other names, that differ."""

HELD_OUT = {"sets": {"real": FRAMES - 2, "test": 2}}
"""`facts` with the last two frames in test.txt, that differ."""

TWO_PERSONS = {"persons": [-1, 1, 2]}


@dataclass(frozen=True)
class Entry:
    """A capture that is read.

    Attributes:
        change: of the capture, to make it.
        differs: `facts` that are not `USUAL`.
    """

    change: Change
    differs: dict[str, Any]


def without_last(camera: str, number: int) -> Change:
    return lambda folder: (folder / camera / f"{number:06d}.png").unlink()


def no_hand(values: dict[str, Any]) -> None:
    values["categories"].append({"id": 9, "name": "no hand"})
    values["annotations"][0] |= {"category_id": 9, "keypoints": []}
    values["annotations"][0].pop("keypoints_3d")


def no_hand_beside(values: dict[str, Any]) -> None:
    """The second camera's image of the first moment shows none, either."""
    values["images"].append({"id": 999, "file_name": "side/000000.png"})
    values["annotations"].append({"id": 999, "image_id": 999, "category_id": 9})


READ = {
    "06 plain": Entry(lambda folder: None, {}),
    "06 nan": Entry(
        labels(lambda v: v["annotations"][0]["keypoints_3d"].__setitem__(slice(0, 3), [float("nan")] * 3)),
        {"joints": [13, 14]},
    ),
    "06 one_joint_occluded_everywhere": Entry(
        each_annotation(lambda a: a["keypoints"].__setitem__(slice(0, 3), [0, 0, 0])), {"joints": [13]}
    ),
    "06 all_visibility_1": Entry(
        each_annotation(lambda a: a["keypoints"].__setitem__(slice(2, None, 3), [1] * len(SKELETON))), {}
    ),
    "06 backslash": Entry(each_image(lambda name: name.replace("/", "\\")), {}),
    "06 cvat_extra_category": Entry(
        labels(lambda v: v["categories"].append({"id": 2, "name": "background", "keypoints": []})), {}
    ),
    "06 empty_annotation": Entry(
        labels(
            lambda v: v["annotations"][0].update(
                keypoints=[0] * 3 * len(SKELETON), keypoints_3d=[None] * 3 * len(SKELETON)
            )
        ),
        {"labelled": FRAMES - 1},
    ),
    "06 string_ids": Entry(each_annotation(lambda a: a.update(id=str(a["id"]))), {}),
    "06 bom": Entry(encoded("labels.json", "utf-8-sig"), {}),
    "06 labels_utf16": Entry(encoded("labels.json", "utf-16"), {}),
    "06 no_hand": Entry(labels(no_hand), {"labelled": FRAMES - 1, "without_hand": 1}),
    "07 camera_bom": Entry(encoded("camera.json", "utf-8-sig"), {}),
    "07 camera_utf16": Entry(encoded("camera.json", "utf-16"), {}),
    "07 persons_bom": Entry(
        written("persons.csv", BOM + b"frame,person\r\n000000,1\r\n000001,2\r\n"), TWO_PERSONS
    ),
    "07 persons_semicolon": Entry(
        written("persons.csv", b"frame;person\r\n000000;1\r\n000001;2\r\n;\r\n"), TWO_PERSONS
    ),
    "07 persons_excel_zero": Entry(written("persons.csv", b"frame,person\r\n0,1\r\n1,2\r\n"), TWO_PERSONS),
    "07 persons_sep": Entry(
        written("persons.csv", b'sep=;\r\n"Frame";"Person"\r\n"000000";"1"\r\n"000001";"2"\r\n'), TWO_PERSONS
    ),
    "07 persons_utf16": Entry(
        written("persons.csv", "frame\tperson\r\n000000\t1\r\n1\t2\r\n".encode("utf-16")), TWO_PERSONS
    ),
    "07 test_bom": Entry(written("test.txt", BOM + b"000010\r\n000011\r\n"), HELD_OUT),
    "07 test_utf16": Entry(written("test.txt", "000010\r\n000011\r\n".encode("utf-16")), HELD_OUT),
    "07 test_utf16_without_mark": Entry(
        written("test.txt", "000010\r\n000011\r\n".encode("utf-16-le")), HELD_OUT
    ),
    "07 test_latin1": Entry(
        written("test.txt", "# für Test\n000010.png\n000011  # Köln\n".encode("latin-1")), HELD_OUT
    ),
    "07 times_bom": Entry(encoded("times.csv", "utf-8-sig"), {}),
    "07 times_utf16": Entry(encoded("times.csv", "utf-16"), {}),
    "07 times_excel": Entry(
        written(
            "times.csv",
            b"frame;time_s;dropped\r\n"
            + b"".join(f"{i};{i // 10},{i % 10};0\r\n".encode() for i in range(FRAMES)),
        ),
        {},
    ),
    "08 unpadded": Entry(renamed(lambda i: f"{i}.png"), UNLABELLED),
    "08 upper": Entry(renamed(lambda i: f"{i:06d}.PNG"), UNLABELLED),
    "08 mixed_upper": Entry(renamed(lambda i: f"{i:06d}.{'PNG' if i % 2 else 'png'}"), UNLABELLED),
    "08 dots": Entry(renamed(lambda i: f"frame_0.{i:06d}.png"), UNLABELLED),
    "08 spaces": Entry(
        both(
            renamed(lambda i: f"my frame {i:06d}.png"),
            written("test.txt", b"my frame 000010\nmy frame 000011\n"),
        ),
        UNLABELLED | HELD_OUT,
    ),
    "08 apple": Entry(
        both(
            renamed(lambda i: f"{i:06d}.png"),
            written("front/._000000.png", b"\0\5\x16\7"),
            written("front/Thumbs.db", b"x"),
            written(".DS_Store", b"x"),
        ),
        UNLABELLED,
    ),
    "08 other_files": Entry(
        both(renamed(lambda i: f"{i:06d}.png"), written("front/colour.jpg", b"x")),
        UNLABELLED | {"left_out": 1},
    ),
}


@pytest.fixture
def capture(base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(base, tmp_path / "rec"))


@pytest.mark.parametrize("name", READ)
def test_read(capture: Path, name: str) -> None:
    READ[name].change(capture)
    found = facts(capture)
    expected = USUAL | READ[name].differs
    assert found.pop("times") == pytest.approx(expected["times"])
    assert found == {key: value for key, value in expected.items() if key != "times"}


REFUSED: dict[str, tuple[Change, str]] = {
    "06 all_visibility_0": (
        each_annotation(lambda a: a["keypoints"].__setitem__(slice(2, None, 3), [0] * len(SKELETON))),
        "labels no joint: each has visibility 0",
    ),
    "06 bare_names": (
        each_image(lambda name: name.split("/")[-1]),
        "write the camera's folder and the frame",
    ),
    "06 two_hands": (
        labels(lambda v: v["annotations"].append(v["annotations"][0] | {"id": 999})),
        "is the second of front/000000.png; label one hand",
    ),
    "07 persons_workbook": (
        written("persons.csv", b"PK\x03\x04" + bytes(60)),
        "is a workbook of a spreadsheet",
    ),
    "07 test_picture": (written("test.txt", b"\x89PNG\r\n\x1a\n" + bytes(60)), "is not a text file"),
    "07 persons_without_head": (
        written("persons.csv", b"000000,1\n"),
        "must begin with the line frame,person",
    ),
    "08 unknown_frame": (written("test.txt", b"000010 000011\n"), "names frame '000010 000011'"),
    "08 many_lost": (
        both(*(without_last("side", i) for i in (3, 4))),
        "camera side lacks 2 of the 12 frames",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(capture: Path, name: str) -> None:
    change, words = REFUSED[name]
    change(capture)
    with pytest.raises(UserError) as error:
        CaptureDataset(capture)
    assert words in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("number", [0, 5, FRAMES - 1])
@pytest.mark.parametrize("camera", ["front", "side"])
def test_08_a_camera_may_lack_one_frame_wherever_it_is(capture: Path, camera: str, number: int) -> None:
    without_last(camera, number)(capture)
    dataset = CaptureDataset(capture)
    lost = [
        sentence for sentence in dataset.left_out if f"camera {camera} lacks 1 of the 12 frames" in sentence
    ]
    assert len(lost) == 1 and f"{number:06d}" in lost[0] and dataset.sets["real"].frames == FRAMES
    with pytest.raises(UserError, match=f"no image of frame {number:06d}"):
        dataset.view("real", number, ("front", "side").index(camera))
    source = open_source(capture)
    assert len(list(source)) == FRAMES - 1
    assert any(f"{number:06d}" in sentence for sentence in source.left_out)


def test_06_an_import_counts_the_joints_that_are_missing(
    capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both(READ["06 one_joint_occluded_everywhere"].change, labels(no_hand), labels(no_hand_beside))(capture)
    out = tmp_path / "store"
    assert main(["import", "recording", str(capture), "--out", str(out), "--workers", "1"]) == 0
    said = capsys.readouterr().out
    assert f"{FRAMES - 1} labelled" in said
    assert f"real frames whose label lacks a joint: {SKELETON.joints[0]} ({FRAMES - 1})" in said
    assert "it is labelled to show no hand" in said


def test_07_lists_of_frames(tmp_path: Path) -> None:
    for content in (BOM + b"3\r\n5\r\n", "3\r\n5\r\n".encode("utf-16"), b"3;\r\n5;\r\n", b"3 # d\xfcnn\n5\n"):
        (tmp_path / "rows.txt").write_bytes(content)
        assert read_rows(tmp_path / "rows.txt") == [3, 5]


def test_08_recorded_in_the_order_in_which_people_count(
    capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both(renamed(lambda i: f"{i}.png"), written("front/notes.doc", b"x"))(capture)
    assert main(["record", str(capture), "--out", str(tmp_path / "again")]) == 0
    assert "1 files that are no depth images: notes.doc" in capsys.readouterr().err
    images = sorted((tmp_path / "again/front").iterdir())
    assert [int(np.asarray(Image.open(path)).max()) for path in images] == [700 + i for i in range(FRAMES)]


def test_04_tracks_of_a_kinect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    av = pytest.importorskip("av", reason="PyAV, of the extra 'video', is not installed")
    tracks = {"COLOR": ("mjpeg", "yuvj420p"), "IR": ("ffv1", "gray16le"), "DEPTH": ("ffv1", "gray16le")}
    with av.open(str(tmp_path / "k4a.mkv"), "w") as file:
        streams = {}
        for title, (codec, pixels) in tracks.items():
            streams[title] = file.add_stream(codec, rate=30)
            streams[title].width, streams[title].height = CAMERA.width, CAMERA.height
            streams[title].pix_fmt, streams[title].metadata["title"] = pixels, title
        for index in range(3):
            for title, stream in streams.items():
                grey = depth_of(index if title == "DEPTH" else 2000).astype(np.uint16)
                frame = av.VideoFrame.from_ndarray(grey, format="gray16le")
                frame = frame.reformat(format=tracks[title][1])
                frame.pts = index
                file.mux(stream.encode(frame))
        for stream in streams.values():
            file.mux(stream.encode())
    values = {"fx": 80, "fy": 80, "cx": 39.5, "cy": 29.5, "width": 80, "height": 60}
    (tmp_path / "cam.json").write_text(json.dumps({"DEPTH": values}))
    address = f"{tmp_path}/k4a.mkv?camera={tmp_path}/cam.json"
    assert main(["record", address, "--out", str(tmp_path / "a")]) == 0
    assert "also has the tracks COLOR (yuvj420p), IR (gray16le)" in capsys.readouterr().err
    images = sorted((tmp_path / "a/DEPTH").iterdir())
    assert [int(np.asarray(Image.open(path)).max()) for path in images] == [700, 701, 702]
    for track in ("IR", "COLOR", "1"):
        assert main(["record", f"{address}&track={track}", "--out", str(tmp_path / "b")]) == 2
        assert "COLOR (yuvj420p), IR (gray16le), DEPTH (gray16le)" in capsys.readouterr().err


def newer_model(folder: Path) -> Path:
    onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install 'murauer[export]'")
    model = onnx.load(packaged_model("onnx"))
    model.ir_version = 99
    save_changed(model, folder / "newer_ir.onnx")
    return folder / "newer_ir.onnx"


@pytest.mark.parametrize("collected", [False, True])
def test_12_a_model_of_a_newer_onnx(
    request: pytest.FixtureRequest,
    base: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    collected: bool,
) -> None:
    if collected:
        model = request.getfixturevalue("shared_dir") / "found/12-onnx/newer_ir.onnx"
        if not model.is_file():
            pytest.skip(f"there is no {model}")
    else:
        model = newer_model(tmp_path)
    assert main(["predict", str(base / "front/000005.png"), "--camera", "nyu", "--model", str(model)]) == 2
    said = capsys.readouterr().err
    assert "newer ONNX version" in said and "max supported IR version" in said and "pip install -U" in said
