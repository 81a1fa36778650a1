"""Which hand a capture shows: said in its files or on the command line, or seen by the hand finder."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from murauer.cli import main as cli
from murauer.datasets.captured import CaptureDataset
from murauer.errors import UserError
from murauer.evaluation.split import evaluate_split
from murauer.store.makers import HandFacts
from murauer.store.store import Store, open_store
from murauer.store.summary import doubt_about

FRAMES = 12


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short capture of a right hand, labelled."""
    folder = tmp_path_factory.mktemp("captures") / "right"
    source = "simulated:?cameras=1&paced=false&seed=11"
    assert cli.main(["record", source, "--out", str(folder), "--frames", str(FRAMES)]) == 0
    (folder / "truth.json").rename(folder / "labels.json")
    return folder


@pytest.fixture(scope="module")
def mixed(right: Path) -> Path:
    """The same, the second half mirrored: a left hand, with the camera and the labels that it would have."""
    folder = right.with_name("mixed")
    shutil.copytree(right, folder)
    camera = json.loads((folder / "camera.json").read_text())["front"]
    labels = json.loads((folder / "labels.json").read_text())
    for label in labels["annotations"]:
        name = next(image["file_name"] for image in labels["images"] if image["id"] == label["image_id"])
        if int(Path(name).stem) >= FRAMES // 2:
            image = np.roll(np.asarray(Image.open(folder / name))[:, ::-1], 1, axis=1)
            Image.fromarray(image).save(folder / name)  # about the principal point, in the middle of a pixel
            label["keypoints_3d"][0::3] = [-x for x in label["keypoints_3d"][0::3]]
            label["keypoints"][0::3] = [2 * camera["cx"] - u for u in label["keypoints"][0::3]]
    (folder / "labels.json").write_text(json.dumps(labels))
    return folder


def imported(capture: Path, out: Path, *options: str) -> Store:
    arguments = ["import", "recording", str(capture), "--out", str(out), "--workers", "1", *options]
    assert cli.main(arguments) == 0
    return open_store(out)


def persons(capture: Path, text: str) -> None:
    (capture / "persons.csv").write_text(text)


def test_hands_are_told_apart_and_predicted_as_well(right: Path, mixed: Path, tmp_path: Path) -> None:
    (right / "test.txt").write_text("\n".join(f"{n:06d}" for n in range(1, FRAMES)))
    shutil.copy(right / "test.txt", mixed)
    rows = [f"{n:06d},{int(n >= FRAMES // 2)}" for n in range(FRAMES)]
    persons(mixed, "\n".join(["frame,person", *rows]))
    stores = imported(right, tmp_path / "right"), imported(mixed, tmp_path / "mixed")
    assert not stores[0].require("test").left.any()
    assert stores[1].require("test").left.tolist() == [False] * 5 + [True] * 6
    assert [(hand.handedness, hand.given) for hand in stores[1].manifest.hands] == [
        ("right", False), ("left", False)
    ]  # fmt: skip
    model = Path(cli.__file__).parents[1] / "models" / "default.safetensors"
    before, after = (evaluate_split(model, store, "test").metrics.mean_error_mm for store in stores)
    assert before < 25 and after == pytest.approx(before, rel=0.03)


def test_what_is_said_counts_and_is_doubted_where_images_show_the_other_hand(
    right: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = imported(right, tmp_path / "store", "--handedness", "left")
    assert store.require("real").left.all()
    said = f"said to be left hands, but {FRAMES} of {FRAMES} frames that were looked at show right ones"
    assert said in capsys.readouterr().out
    assert cli.main(["import", "recording", str(right), "--out", str(tmp_path / "store")]) == 2
    assert "holds another store" in capsys.readouterr().err


def test_a_capture_says_it_of_all_frames_or_of_each(right: Path, tmp_path: Path) -> None:
    folder = tmp_path / "capture"
    shutil.copytree(right, folder)

    def hands() -> list[str]:
        return CaptureDataset(folder).sets["real"].handedness.tolist()

    (folder / "test.txt").unlink(missing_ok=True)
    assert hands() == ["auto"] * FRAMES
    persons(folder, "frame,hand\n*,left\n")
    assert hands() == ["left"] * FRAMES
    persons(folder, "frame,person,hand\n*,2,left\n000003,,Right\n")
    assert hands() == ["left"] * 3 + ["right"] + ["left"] * (FRAMES - 4)
    assert CaptureDataset(folder).sets["real"].person.tolist() == [2] * FRAMES
    for text, message in (
        ("frame,hand\n*,both\n", r"hand of frame \* must be right or left"),
        ("frame,hand\n000001,\n", "neither a person nor a hand"),
    ):
        persons(folder, text)
        with pytest.raises(UserError, match=message):
            CaptureDataset(folder)


def test_doubts() -> None:
    assert doubt_about(HandFacts(-1, "right", True, 48, 20, 40.0)) is None
    assert doubt_about(HandFacts(3, "left", False, 48, 40, -60.0)) is None
    both = doubt_about(HandFacts(3, "left", False, 48, 30, -30.0))
    assert both is not None and "person 3: taken for left hands, but 18 of 48 frames" in both
