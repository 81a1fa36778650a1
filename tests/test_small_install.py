"""What runs without PyTorch, and what those are told who ask for more."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from murauer.capture.sources.simulated import SimulatedSource
from murauer.cli.main import EXTRAS

RUN = f"""
import sys
for name in {tuple(EXTRAS["train"])}:
    sys.modules[name] = None  # any import of it fails, as if it were not installed
from murauer.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def murauer(*words: object) -> subprocess.CompletedProcess[str]:
    """Run a command in a Python that has no PyTorch."""
    command = [sys.executable, "-c", RUN, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_extra_is_what_the_command_line_takes_it_for(extra: str) -> None:
    text = (Path(__file__).resolve().parent.parent / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    modules = {"warp-lang": "warp", "scikit-learn": "sklearn", "pyzmq": "zmq"}
    base, added = (
        {modules.get(name, name) for name in (re.split("[<>=]", each)[0] for each in group)}
        for group in (project["dependencies"], project["optional-dependencies"][extra])
    )
    assert added - {"murauer[train]"} == set(EXTRAS[extra]) and not base & added


@pytest.fixture
def frame(tmp_path: Path) -> Path:
    """A rendered hand before a person, 80 cm from a camera as NYU has it."""
    (depth,) = SimulatedSource(paced=False).frame(0).depths
    path = tmp_path / "frame.png"
    Image.fromarray(depth.round().astype(np.uint16)).save(path)
    return path


def test_prediction_with_files_and_pictures(frame: Path, tmp_path: Path) -> None:
    names = ("joints.json", "joints.coco.json", "joints.csv")
    outs = [word for name in names for word in ("--out", tmp_path / name)]
    done = murauer("predict", frame, "--camera", "nyu", *outs, "--overlay", tmp_path / "picture.png")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    document = json.loads((tmp_path / "joints.json").read_text())
    (result,), made = document["frames"], document["provenance"]
    assert (made["threads"], made["device"]) == (1, "cpu") and made["inputs"].keys() == {"model"}
    assert np.isfinite(result["joints_xyz_mm"]).all()
    assert result["centre_xyz_mm"][2] == pytest.approx(800, abs=150)
    assert len((tmp_path / "joints.csv").read_text().splitlines()) == 1 + 21
    assert Image.open(tmp_path / "picture.png").size == (640 + 480, 480)


def test_recording_of_a_camera(frame: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "stack.npy", np.repeat(np.asarray(Image.open(frame))[None], 3, axis=0))
    done = murauer("record", f"{tmp_path / 'stack.npy'}?camera=nyu", "--out", tmp_path / "r", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["new"] == 3
    assert sorted(path.name for path in (tmp_path / "r").iterdir()) == ["camera.json", "stack", "times.csv"]


def test_info_says_what_is_missing() -> None:
    done = murauer("info", "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert "pip install 'murauer[train]'" in facts["training"] and facts["skeletons"]["nyu14"] == 14


def test_info_tells_where_a_model_comes_from() -> None:
    done = murauer("info", "default")
    assert done.returncode == 0, done.stderr
    assert "default.onnx: ONNX model" in done.stdout and "provenance: " in done.stdout


def test_the_self_test_has_the_parts_that_it_can_have() -> None:
    done = murauer("info", "--self-test", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    by_onnx = told.pop("prediction by ONNX Runtime")
    assert by_onnx["difference"] < by_onnx["most"] and list(told.values()) == [None] * 3


def test_a_live_page_is_made_of_what_there_is() -> None:
    pytest.importorskip("viser", reason="viser is not installed: pip install 'murauer[studio]'")
    code = RUN.replace("from murauer.cli.main", "import murauer.studio.live\nfrom murauer.cli.main")
    done = subprocess.run([sys.executable, "-c", code, "--version"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "command",
    [
        "train --data stores/a --variant full --out runs/a",
        "render session --out stores/a",
        "demo",
        "evaluate runs/a --data stores/a",
        "info --config paper",
        "info model.safetensors",
        "reproduce runs/a",
        "record simulated: --out captures/a --frames 1",
        "studio captures/a",
        "export default --out model.onnx",
        "predict stores/a --split test --out joints.npy",
    ],
)
def test_what_needs_more_says_so_in_a_sentence(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "captures" / "a").mkdir(parents=True)
    (tmp_path / "captures" / "a" / "camera.json").write_text("{}")
    (tmp_path / "model.safetensors").touch()
    done = murauer(*command.split())
    name = command.split(maxsplit=1)[0]
    told = f"murauer: murauer {name} needs PyTorch for this: pip install 'murauer[train]'\n"
    assert (done.returncode, done.stderr) == (2, told)


def test_a_trained_model_needs_pytorch_too(frame: Path, tmp_path: Path) -> None:
    done = murauer("predict", frame, "--camera", "nyu", "--model", tmp_path)
    assert done.returncode == 2 and "pip install 'murauer[train]'" in done.stderr
