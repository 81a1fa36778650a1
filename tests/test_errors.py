"""Bad input of every kind: one sentence on stderr, exit code 2, and every file as it was before."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from murauer.cli.main import main
from murauer.nets.model_file import save_model
from murauer.nets.network import HandPoseNetwork
from murauer.training.config import load_config

HEIGHT, WIDTH = 480, 640


def disc_frame() -> np.ndarray:
    """Something of a palm's size, 600 mm from the NYU camera."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.where((rows - 240) ** 2 + (columns - 320) ** 2 < 40**2, 600, 0).astype(np.uint16)


def slope() -> np.ndarray:
    """A wall behind it, that is not straight."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return (900 + rows + columns // 2).astype(np.uint16)


@pytest.fixture(scope="session")
def small_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made by the command itself."""
    folder = tmp_path_factory.mktemp("simulated") / "store"
    sizes = "--synthetic-frames 8 --real-frames 8 --validation-frames 4 --test-frames 4 --workers 1"
    assert main(["render", "session", "--out", str(folder), *sizes.split()]) == 0
    return folder


@pytest.fixture(scope="session")
def finished_run(small_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "run"
    assert (
        main(
            [
                "train",
                "--data",
                str(small_store),
                "--out",
                str(folder),
                "--config",
                "smoke",
                "--labels",
                "4",
            ]
        )
        == 0
    )
    return folder


@dataclass(frozen=True)
class World:
    """A folder with a good example of everything, in which a case spoils something."""

    folder: Path

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def write(self, name: str, content: str | bytes) -> str:
        data = content.encode() if isinstance(content, str) else content
        (self.folder / name).write_bytes(data)
        return self.path(name)

    def png(self, array: np.ndarray, name: str = "bad.png") -> str:
        Image.fromarray(array).save(self.folder / name)
        return self.path(name)

    def npy(self, array: np.ndarray) -> str:
        np.save(self.folder / "bad.npy", array, allow_pickle=True)
        return self.path("bad.npy")

    def truncate(self, name: str) -> str:
        data = (self.folder / name).read_bytes()
        (self.folder / name).write_bytes(data[: len(data) * 2 // 3])
        return self.path(name)

    def flip(self, name: str) -> str:
        data = bytearray((self.folder / name).read_bytes())
        data[-1] ^= 1
        return self.write(name, bytes(data))

    def camera(self, **changes: object) -> str:
        values = {"fx": 588.0, "fy": 587.0, "u0": 320, "v0": 240, "width": WIDTH, "height": HEIGHT} | changes
        return self.write("camera.json", json.dumps({k: v for k, v in values.items() if v is not None}))

    def folder_without_frames(self) -> str:
        (self.folder / "nothing").mkdir()
        return self.path("nothing")

    def cameras(self, *names: str) -> str:
        """A capture's camera file."""
        values = json.loads(Path(self.camera(depth_scale=0.1)).read_text())
        return self.write("cameras.json", json.dumps(dict.fromkeys(names, values)))

    def predict(
        self, *frames: str, camera: str = "nyu", model: str | None = None, more: str = ""
    ) -> list[str]:
        """Arguments of a prediction that would replace an older result."""
        out = [] if "--out" in more else ["--out", self.path("joints.json")]
        good = frames or (self.path("frame.png"),)
        centre = [] if frames or "--centre" in more else ["--centre", "320,240,610"]
        return [
            "predict",
            *good,
            "--camera",
            camera,
            "--model",
            model or self.path("model.safetensors"),
            *out,
            *centre,
        ] + [word.replace("@", str(self.folder)) for word in more.split()]

    def train(self, more: str = "", store: str = "store", out: str = "run") -> list[str]:
        words = [word.replace("@", str(self.folder)) for word in more.split()]
        config = [] if "--config" in words else ["--config", "smoke"]
        return ["train", "--data", self.path(store), "--out", self.path(out), *config, *words]

    def resume(self, spoilt: str) -> list[str]:
        """Give the command of the finished training again, after a file of it was truncated."""
        self.truncate(f"finished/{spoilt}")
        store = json.loads((self.folder / "finished" / "config.json").read_text())["store"]
        return [
            "train",
            "--data",
            store,
            "--out",
            self.path("finished"),
            "--config",
            "smoke",
            "--labels",
            "4",
        ]

    def evaluate(self, predictions: str, more: str = "--format xyz") -> list[str]:
        return ["evaluate", predictions, "--ground-truth", self.path("truth.txt"), *more.split()]

    def contents(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in sorted(self.folder.rglob("*")) if path.is_file()}


@pytest.fixture
def world(tmp_path: Path, small_model: Path) -> World:
    world = World(tmp_path)
    world.png(disc_frame(), "frame.png")
    world.write("joints.json", "an older result")
    world.write("picture.png", "an older picture")
    world.write("file", "in place of a folder")
    world.write("truth.txt", "1 2 600 3 4 600\n5 6 600 7 8 600\n")
    world.write("predicted.txt", "1 2 601 3 4 600\n5 6 600 7 8 600\n")
    shutil.copy(small_model, tmp_path / "model.safetensors")
    return world


@pytest.fixture
def recorded_world(world: World, small_store: Path, finished_run: Path) -> World:
    shutil.copytree(small_store, world.folder / "store")
    shutil.copytree(finished_run, world.folder / "finished")
    return world


def run(world: World, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that must fail, check the manner, and return the sentence."""
    before = world.contents()
    assert main(arguments) == 2
    captured = capsys.readouterr()
    said = [line for line in captured.err.splitlines() if line.startswith("murauer: ")]
    assert captured.err.splitlines()[-1:] == said and captured.out == ""
    assert "Traceback" not in captured.err
    after = world.contents()
    assert {path: after.get(path) for path in before} == before
    assert not [path for path in after if "partial" in path]
    return said[0]


def other_configuration(world: World) -> str:
    config = load_config("smoke")
    text = {"config": json.dumps({"network": {"patch_size": 64, "features": 16}}), "facts": "{}"}
    tensors = {
        f"network.{name}": value for name, value in HandPoseNetwork(config.network).state_dict().items()
    }
    save_file(tensors, world.folder / "other.safetensors", text)
    return world.path("other.safetensors")


def bare_tensors(world: World) -> str:
    save_file({"weight": torch.zeros(3)}, world.folder / "bare.safetensors")
    return world.path("bare.safetensors")


def other_shapes(world: World) -> str:
    """A network as its own configuration says, which is not the one that is trained."""
    config = load_config("small")
    save_model(world.folder / "small.safetensors", HandPoseNetwork(config.network), config)
    return world.path("small.safetensors")


def packed_nyu() -> np.ndarray:
    depth = disc_frame()
    return np.stack((np.zeros_like(depth), depth // 256, depth % 256), axis=-1).astype(np.uint8)


Case = tuple[Callable[[World], list[str]], str]

CASES: dict[str, Case] = {
    # frames
    "empty file": (lambda w: w.predict(w.write("bad.png", "")), "bad.png is empty"),
    "text named .png": (lambda w: w.predict(w.write("bad.png", "hello")), "is no PNG image"),
    "text named .npy": (lambda w: w.predict(w.write("bad.npy", "hello")), "no complete .npy array"),
    "truncated PNG": (lambda w: w.predict(w.truncate("frame.png")), "is damaged"),
    "8-bit image": (lambda w: w.predict(w.png(disc_frame().astype(np.uint8))), "8-bit image"),
    "colour image": (lambda w: w.predict(w.png(packed_nyu() + np.uint8(1))), "colour image"),
    "all zeros": (lambda w: w.predict(w.png(disc_frame() * 0)), "no measurement"),
    "all NaN": (lambda w: w.predict(w.npy(np.full((HEIGHT, WIDTH), np.nan))), "NaN"),
    "negative depth": (lambda w: w.predict(w.npy(-disc_frame().astype(float))), "negative"),
    "pickled array": (lambda w: w.predict(w.npy(np.array([{}], dtype=object))), "no complete .npy array"),
    "whole metres": (lambda w: w.predict(w.npy(np.minimum(disc_frame(), 1))), "depth scale"),
    "wrong size": (lambda w: w.predict(w.png(disc_frame()[:240])), "640 x 240 pixels but the camera"),
    "missing frame": (lambda w: w.predict(w.path("none.png")), "none.png: No such file"),
    "folder without frames": (lambda w: w.predict(w.folder_without_frames()), "holds no frames"),
    "bad frame after a good one": (
        lambda w: w.predict(
            w.path("frame.png"),
            w.write("bad.png", ""),
            more="--strict --centre 320,240,610 --overlay @/picture.png",
        ),
        "bad.png is empty",
    ),
    "focal length in mm": (lambda w: w.predict(camera=w.camera(fx=1.88, fy=1.88)), "no camera is like this"),
    "principal point of a larger image": (
        lambda w: w.predict(w.png(disc_frame()[:240, :320]), camera=w.camera(width=320, height=240)),
        "the principal point 320, 240 is far from the middle",
    ),
    "swapped bytes": (
        lambda w: w.predict(w.png((disc_frame() + slope()).byteswap())),
        "its bytes in the wrong order",
    ),
    "centres that are none": (
        lambda w: w.predict(w.path("frame.png"), more=f"--centres {w.write('c.csv', 'frame,u,v,d')}"),
        "has no centres",
    ),
    # the hand
    "neither hand": (lambda w: w.predict(more="--handedness both"), "invalid choice: 'both'"),
    "no ONNX model": (lambda w: w.predict(model=w.write("m.onnx", "hello")), "no complete ONNX model"),
    "export to nowhere": (lambda w: ["export", w.path("model.safetensors"), "--out", "m.pt"], "in .onnx"),
    "export of nothing": (lambda w: ["export", w.path("none"), "--out", w.path("m.onnx")], "does not exist"),
    "centre that is text": (lambda w: w.predict(more="--centre here"), "U,V,D"),
    "centre of two numbers": (lambda w: w.predict(more="--centre 320,240"), "U,V,D"),
    "centre outside": (lambda w: w.predict(more="--centre 900,240,600"), "outside the image of 640 x 480"),
    "centre at depth 0": (
        lambda w: w.predict(more="--centre 320,240,0"),
        "depth of the centre must be positive",
    ),
    "depth scale 0": (lambda w: w.predict(more="--depth-scale 0"), "expected a positive number, got '0'"),
    "depth scale that is text": (lambda w: w.predict(more="--depth-scale mm"), "got 'mm'"),
    "depth scale of NYU": (
        lambda w: w.predict(w.png(packed_nyu()), more="--depth-scale 0.125"),
        "in millimetres",
    ),
    # cameras
    "unknown camera": (lambda w: w.predict(camera="kinect7"), "unknown camera 'kinect7'"),
    "camera file missing": (lambda w: w.predict(camera=w.path("none.json")), "has no none.json"),
    "camera file of other folders": (
        lambda w: w.predict(camera=w.cameras("front", "side")),
        "describes the cameras front, side, but the frames are in",
    ),
    "camera without focal length": (lambda w: w.predict(camera=w.camera(fx=None)), "fx"),
    "camera with focal length 0": (lambda w: w.predict(camera=w.camera(fy=0)), "positive"),
    "camera with text": (lambda w: w.predict(camera=w.camera(u0="left")), "u0"),
    "camera file damaged": (lambda w: w.predict(camera=w.write("camera.json", '{"fx": ')), "not valid JSON"),
    "no camera": (lambda w: ["predict", w.path("frame.png")], "--camera"),
    # models
    "model missing": (lambda w: w.predict(model=w.path("none.safetensors")), "does not exist"),
    "model truncated": (
        lambda w: w.predict(model=w.truncate("model.safetensors")),
        "its digest does not agree",
    ),
    "model is text": (lambda w: w.predict(model=w.path("truth.txt")), "no complete safetensors"),
    "model of another configuration": (lambda w: w.predict(model=other_configuration(w)), "another"),
    "tensors without configuration": (lambda w: w.predict(model=bare_tensors(w)), "not a murauer model"),
    # results
    "full disk": (lambda w: w.predict(more="--out /dev/full"), "No space left"),
    "file in place of a folder": (lambda w: w.predict(more="--out @/file/joints.json"), "cannot write"),
    "unwritable folder": (
        lambda w: w.predict(more="--out /proc/joints.json"),
        "cannot write /proc/joints.json",
    ),
    "folder as result": (
        lambda w: w.predict(more="--out @"),
        "let its name end in .coco.json or .json or .csv",
    ),
    "unknown format": (
        lambda w: w.predict(more="--out @/joints.xml"),
        "let its name end in .coco.json or .json or .csv",
    ),
    "unknown picture format": (
        lambda w: w.predict(more="--overlay @/picture.tex"),
        "let its name end in .png",
    ),
    "picture in a file": (lambda w: w.predict(more="--out @/new.csv --overlay @/file/a.png"), "cannot write"),
    # info
    "unknown config": (lambda w: ["info", "--config", "huge"], "unknown config 'huge'"),
    "unknown command": (lambda w: ["dance"], "invalid choice: 'dance'"),
    "no command": (lambda w: [], "COMMAND"),
    # evaluate
    "predictions missing": (lambda w: w.evaluate(w.path("none.txt")), "none.txt: No such file"),
    "predictions empty": (lambda w: w.evaluate(w.write("bad.txt", "")), "is empty"),
    "predictions with NaN": (lambda w: w.evaluate(w.write("bad.txt", "nan 2 3 4 5 6\n")), "NaN"),
    "predictions of text": (
        lambda w: w.evaluate(w.write("bad.txt", "1 2 three\n")),
        "'three' is not a number",
    ),
    "predictions of other length": (
        lambda w: w.evaluate(w.write("bad.txt", "1 2 3 4 5 6\n" * 3)),
        "3 frames",
    ),
    "predictions of other joints": (lambda w: w.evaluate(w.write("bad.txt", "1 2 3\n" * 2)), "1 joints"),
    "predictions not text": (lambda w: w.evaluate(w.path("frame.png")), "not a text file"),
    "uvd without camera": (lambda w: w.evaluate(w.path("predicted.txt"), "--format uvd"), "needs a camera"),
    "unknown coordinates": (lambda w: w.evaluate(w.path("predicted.txt"), "--format polar"), "'polar'"),
    "nothing to compare with": (lambda w: ["evaluate", w.path("predicted.txt")], "--ground-truth"),
    "evaluation without a store": (
        lambda w: ["evaluate", w.path("model.safetensors"), "--data", w.path("none")],
        "is not a store",
    ),
    # simulate
    "simulated frames 0": (
        lambda w: ["render", "session", "--out", w.path("r"), "--real-frames", "0"],
        "at least 1",
    ),
    "unknown sensor": (
        lambda w: ["render", "session", "--out", w.path("r"), "--sensor", "lidar"],
        "unknown sensor",
    ),
    "simulation of an unknown sensor": (
        lambda w: [
            "render",
            "session",
            "--out",
            w.path("r"),
            "--config",
            w.write("s.json", '{"sensor": "lidar"}'),
        ],
        "unknown sensor 'lidar'",
    ),
    "simulation of an unknown skeleton": (
        lambda w: [
            "render",
            "session",
            "--out",
            w.path("r"),
            "--config",
            w.write("s.json", '{"skeleton": "claw"}'),
        ],
        "unknown skeleton 'claw'",
    ),
    "store over other files": (lambda w: ["render", "session", "--out", str(w.folder)], "is not a store"),
    "store into a file": (lambda w: ["render", "session", "--out", w.path("file/r")], "cannot write"),
    "demo into a file": (lambda w: ["demo", "--out", w.path("file")], "file"),
    # train
    "training without a store": (lambda w: w.train(store="none"), "is not a store"),
    "training with -1 labels": (lambda w: w.train("--labels -1"), "at least 0"),
}

RECORDED_CASES: dict[str, Case] = {
    "unknown variant": (lambda w: w.train("--variant best"), "unknown variant 'best'"),
    "unknown training config": (lambda w: w.train("--config huge"), "unknown config 'huge'"),
    "configuration file missing": (lambda w: w.train("--config @/none.json"), "No such file"),
    "configuration with an unknown field": (
        lambda w: w.train(f"--config {w.write('c.json', json.dumps({'speed': 9}))}"),
        "speed",
    ),
    "configuration of the wrong type": (
        lambda w: w.train(f"--config {w.write('c.json', json.dumps({'training': {'set_size': 'big'}}))}"),
        "set_size",
    ),
    "more labels than frames": (lambda w: w.train("--labels 9"), "has 8 real frames"),
    "no labels": (lambda w: w.train("--labels 0"), "needs labelled real frames"),
    "pre-trained by nobody": (
        lambda w: w.train("--labels 4 --pretrained @/none.safetensors"),
        "does not exist",
    ),
    "run folder in a file": (lambda w: w.train("--labels 4", out="file/run"), "cannot write"),
    "pre-trained with another configuration": (
        lambda w: w.train(f"--labels 4 --pretrained {other_shapes(w)}"),
        "another network configuration",
    ),
    "pre-trained network truncated": (
        lambda w: w.resume("pretrained.safetensors"),
        "pretrained.safetensors is damaged: its digest does not agree",
    ),
    "evaluation of a checkpoint": (
        lambda w: ["evaluate", w.path("finished/checkpoint.safetensors"), "--data", w.path("store")],
        "not a murauer model",
    ),
    "store of other bytes than were written": (
        lambda w: w.flip("store/real/depth.npy") and ["info", "--data", w.path("store"), "--verify"],
        "depth.npy is damaged in frames",
    ),
    "options of images for a set": (
        lambda w: w.predict(w.path("store"), more="--split test --overlay @/a.png --handedness left"),
        "with --split leave --camera, --overlay, --handedness away",
    ),
    "labels of frames that are not there": (
        lambda w: w.write("labels.txt", "3\n8\n") and w.train("--labels @/labels.txt"),
        "none of its 8 real frames",
    ),
    "labels that are neither a number nor a file": (
        lambda w: w.train("--labels most"),
        "cannot read most: No such file",
    ),
    "half a label": (lambda w: w.train("--labels 3.5"), "a whole number of at least 0, got '3.5'"),
    "resuming nothing": (lambda w: w.train("--labels 4 --resume"), "no run to resume"),
    "a smaller cube for nobody": (
        lambda w: ["evaluate", w.path("finished"), "--data", w.path("store"), "--small-cube", "77"],
        "person 77 is not in the test frames",
    ),
    "store damaged": (
        lambda w: w.train() if w.write("store/recording.json", '{"format_version": 1}') else [],
        "is damaged",
    ),
    "store truncated": (lambda w: w.train() if w.truncate("store/real/depth.npy") else [], "real"),
    "evaluation of a truncated model": (
        lambda w: ["evaluate", w.truncate("model.safetensors"), "--data", w.path("store")],
        "its digest does not agree",
    ),
}


@pytest.mark.parametrize(("make", "phrase"), CASES.values(), ids=CASES)
def test_bad_input(world: World, make, phrase: str, capsys: pytest.CaptureFixture[str]):
    assert phrase in run(world, make(world), capsys)


@pytest.mark.parametrize(("make", "phrase"), RECORDED_CASES.values(), ids=RECORDED_CASES)
def test_bad_input_with_a_store(recorded_world: World, make, phrase: str, capsys):
    assert phrase in run(recorded_world, make(recorded_world), capsys)


def test_the_world_is_good(world: World, capsys):
    """Otherwise every case could fail for another reason than its own."""
    assert main(world.predict(more="--overlay @/picture.png")) == 0
    assert main(world.predict(camera=world.camera(), more="--centre 320,240,610 --depth-scale 1")) == 0
    assert main(world.evaluate(world.path("predicted.txt"), "--format uvd --camera nyu")) == 0
