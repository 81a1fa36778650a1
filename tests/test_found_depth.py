"""What people brought and what was wrong with it: each now gives the right sentence, or the right result.

The small inputs and programs are in shared/found; what they are made of is recorded here.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from murauer.capture.recorder import record
from murauer.capture.sources import open_source
from murauer.cli.main import main


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short recording of the simulated camera, in tenths of a millimetre."""
    folder = tmp_path_factory.mktemp("found") / "rec"
    with open_source("simulated:?cameras=1&paced=false") as source:
        record(source, folder, frames=6)
    return folder


@pytest.fixture(scope="session")
def found(shared_dir: Path) -> Path:
    return shared_dir / "found"


def millimetres(base: Path) -> np.ndarray:
    """One frame in whole millimetres."""
    stored = np.asarray(Image.open(base / "front" / "000005.png")).astype(np.float64)
    return np.round(0.1 * stored).astype(np.uint16)


def saved(array: np.ndarray, path: Path) -> str:
    Image.fromarray(array).save(path)
    return str(path)


def camera_file(path: Path, **values: float) -> str:
    path.write_text(json.dumps({"fx": 588.03, "fy": 587.07, "cx": 320, "cy": 240} | values))
    return str(path)


Words = Callable[[Path, Path, Path], list[str]]

SENTENCES: dict[str, tuple[Words, str]] = {
    "01: a preview in colours": (
        lambda found, base, tmp: [str(found / "01-colourised" / "colourised.png"), "--camera", "nyu"],
        "is a colour image, a preview of depth for eyes",
    ),
    "02: swapped bytes": (
        lambda found, base, tmp: [saved(millimetres(base).byteswap(), tmp / "a.png"), "--camera", "nyu"],
        "has its bytes in the wrong order",
    ),
    "15: half an image": (
        lambda found, base, tmp: [
            str(found / "15-cropped" / "half.png"), "--camera", str(found / "15-cropped" / "cam.json"),
        ],
        "the principal point 320, 240 is far from the middle of the image of 320 x 240",
    ),
    "15: a crop": (
        lambda found, base, tmp: [
            saved(millimetres(base)[100:400, 120:420], tmp / "a.png"),
            "--camera", camera_file(tmp / "c.json", width=300, height=300),
        ],
        "say is_crop for a part that was cut out of a larger image",
    ),
    "16: a focal length in mm": (
        lambda found, base, tmp: [
            str(found / "16-focal-mm" / "frame.png"), "--camera", str(found / "16-focal-mm" / "cam.json"),
        ],
        "mean that the image of 640 x 480 shows 179 x 179 degrees; give them in pixels (not mm)",
    ),
    "16: a focal length of 20": (
        lambda found, base, tmp: [
            str(found / "16-focal-mm" / "frame.png"), "--camera", str(found / "16-focal-mm" / "cam20.json"),
        ],
        "no camera is like this",
    ),
    "16: a focal length of 100": (
        lambda found, base, tmp: [
            str(found / "16-focal-mm" / "frame.png"), "--camera", str(found / "16-focal-mm" / "cam100.json"),
        ],
        "no camera is like this",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("words", "sentence"), SENTENCES.values(), ids=SENTENCES)
def test_sentences(
    words: Words, sentence: str, found: Path, base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", *words(found, base, tmp_path)]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("scale", [0.1, 0.125, 0.25])
def test_03_depth_in_a_wrong_unit(scale: float, base: Path, tmp_path: Path, capsys) -> None:
    """It has no hand, and the sentence says what to look at."""
    image = saved(millimetres(base), tmp_path / "a.png")
    assert main(["predict", image, "--camera", "nyu", "--depth-scale", str(scale)]) == 1
    assert "depth scale" in capsys.readouterr().err


def test_03_images_in_units_of_their_own(base: Path, tmp_path: Path, capsys) -> None:
    """0.1 mm, metres and TUM's 1/5000 m are one hand, when the unit is told or can be seen."""
    depth, joints = millimetres(base).astype(np.float64), []
    cases = {"a.png": (10 * depth, "0.1"), "b.png": (5 * depth, "0.2"), "c.npy": (depth / 1000, None)}
    for name, (stored, scale) in cases.items():
        path = tmp_path / name
        if path.suffix == ".npy":
            np.save(path, stored.astype(np.float32))
        else:
            saved(stored.astype(np.uint16), path)
        options = [] if scale is None else ["--depth-scale", scale]
        assert main(["predict", str(path), "--camera", "nyu", *options]) == 0
        joints.append(json.loads(capsys.readouterr().out)["frames"][0]["joints_xyz_mm"])
    assert np.ptp(np.array(joints), axis=0).max() < 0.1
