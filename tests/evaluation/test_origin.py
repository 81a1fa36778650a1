"""`murauer info PATH`: every kind of file says where it comes from, or that it does not say."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import save_file

from murauer.cli.main import main
from murauer.nets.model_file import read_tensors
from murauer.provenance import PROVENANCE
from murauer.store.store import Store
from murauer.training.checkpoint import CHECKPOINT_FILE
from murauer.training.train import PRETRAINED_FILE, RUN_FILE

Place = Callable[[Path], Path]


@pytest.fixture
def place(trained: Path, tiny_store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A folder with a file of each kind."""
    shutil.copytree(trained, tmp_path / "run")
    shutil.copytree(tiny_store.folder, tmp_path / "store")
    stopped = tmp_path / "stopped"
    stopped.mkdir()
    for name in (RUN_FILE, PRETRAINED_FILE, CHECKPOINT_FILE):
        shutil.copy(trained / name, stopped)
    assert main(["evaluate", str(trained), "--json"]) == 0
    (tmp_path / "result.json").write_text(capsys.readouterr().out)
    result = json.loads((tmp_path / "result.json").read_text())
    (tmp_path / "metrics.json").write_text(json.dumps({"variant": "full", "test": result}))
    return tmp_path


def info(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[dict, str]:
    """What the command tells, as JSON and as text."""
    assert main(["info", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert main(["info", str(path)]) == 0
    return told, capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "kind", "seed"),
    [
        ("run", "model", 5),
        ("run/model.safetensors", "model", 5),
        ("run/pretrained.safetensors", "model", 5),
        ("run/checkpoint.safetensors", "checkpoint", 5),
        ("run/pretraining_checkpoint.safetensors", "checkpoint", 5),
        ("stopped", "checkpoint", 5),
        ("result.json", "result", {"model": 5}),
    ],
)
def test_what_a_training_leaves(
    name: str, kind: str, seed: object, place: Path, tiny_store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    told, text = info(place / name, capsys)
    made = told["provenance"]
    assert (told["kind"], made["seed"], made["device"], made["processes"]) == (kind, seed, "cpu", 1)
    assert made["threads"] >= 1 and made["processor"] and made["instructions"]
    assert made["libraries"].keys() >= {"torch", "numpy"}
    config = made["config"]["model"] if kind == "result" else made["config"]
    assert config["training"]["joint_iterations"] == 4
    assert main(["info", str(tiny_store.folder), "--json"]) == 0
    store = json.loads(capsys.readouterr().out)
    assert made["data"] == store["digest"] and store["provenance"]["murauer"] == made["murauer"]
    for part in (f"murauer {made['murauer']}", made["processor"], made["data"], "configuration: {"):
        assert part in text


def test_the_parts_of_a_result(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told, text = info(place / "metrics.json", capsys)
    assert told["provenance"]["test"]["seed"] == {"model": 5} and "\n test\n" in text


def test_an_exported_model(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed: pip install 'murauer[export]'")
    pytest.importorskip("onnxscript", reason="ONNX Script is not installed: pip install 'murauer[export]'")
    for options in ([], ["--int8"]):
        assert main(["export", str(place / "run"), "--out", str(place / "m.onnx"), *options]) == 0
        capsys.readouterr()
        told, text = info(place / "m.onnx", capsys)
        assert told["provenance"]["seed"] == 5 and told["facts"]["skeleton"] == "nyu14"
        assert "made from:     model " in text


def old_tensors(place: Path) -> Path:
    with safe_open(place / "run" / "model.safetensors", framework="pt") as file:
        told = {"config": file.metadata()["config"]}
    path = place / "old.safetensors"
    save_file(read_tensors(place / "run" / "model.safetensors")[0], path, told)
    return path


def old_result(place: Path) -> Path:
    document = json.loads((place / "result.json").read_text())
    del document[PROVENANCE]
    (place / "old.json").write_text(json.dumps(document))
    return place / "old.json"


def old_store(place: Path) -> Path:
    path = place / "store" / "recording.json"
    document = json.loads(path.read_text())
    del document[PROVENANCE], document["digest"]
    path.write_text(json.dumps(document))
    return path.parent


@pytest.mark.parametrize("make", [old_tensors, old_result, old_store, lambda _: Path("default")])
def test_files_from_before_say_that_they_do_not_say(
    make: Place, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told, text = info(make(place), capsys)
    assert told["provenance"] is None and "  provenance: none; it was made before" in text


def damaged(place: Path) -> Path:
    (place / "damaged.json").write_text('{"provenance": {"threads": "many"}}')
    return place / "damaged.json"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda place: place / "none.safetensors",
            "does not exist or is nothing that says where it comes from",
        ),
        (lambda place: place, "is nothing that says where it comes from"),
        (lambda place: place / "run" / "log", "is nothing that says where it comes from"),
        (damaged, "the provenance in"),
    ],
)
def test_what_says_nothing_is_named(
    make: Place, said: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", str(make(place))]) == 2
    assert said in capsys.readouterr().err
