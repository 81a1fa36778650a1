"""From somebody's folder to a report without a manual step, by the commands that a user types."""

import csv
import html
import json
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from PIL import Image

from dataset_folders.hands17 import write_hands17
from dataset_folders.icvl import write_icvl
from dataset_folders.msra15 import write_msra15
from dataset_folders.nyu import WALL_MM, save_packed, write_nyu
from murauer.cli.main import main
from murauer.training.config import load_config
from murauer.training.variants import VARIANTS

PAPERS_VARIANTS = ("synth_only", "real_only", "real_and_synth", "distr_match", "view_pred", "full")


class Commands:
    """Runs commands in this process; the folders of a test lie in one place."""

    def __init__(self, folder: Path, config: str, capsys: pytest.CaptureFixture[str]):
        self.folder, self.config, self.capsys = folder, config, capsys

    def __call__(self, *words: str | Path) -> str:
        """Run `murauer WORDS`, expect success, and return what it prints."""
        self.capsys.readouterr()
        code = main([str(word) for word in words])
        printed = self.capsys.readouterr()
        assert code == 0, printed.err
        return printed.out

    def train(self, store: Path, variant: str, labels: int) -> Path:
        """Train a variant; the run lies beside the store."""
        run = self.folder / f"{store.name}_{variant}"
        self(
            "train", "--data", store, "--config", self.config, "--variant", variant,
            "--labels", str(labels), "--out", run,
        )  # fmt: skip
        return run

    def evaluate(self, run: Path, store: Path) -> dict[str, Any]:
        """Errors on the test set."""
        result: dict[str, Any] = json.loads(
            self("evaluate", run, "--data", store, "--split", "test", "--json")
        )
        return result

    def report(self, runs: list[Path]) -> str:
        """Text of the page about some runs."""
        page = self.folder / "report.html"
        self("evaluate", *runs, "--report", page)
        return html.unescape(page.read_text())


@pytest.fixture
def few_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    """Trainings by the smoke config with two steps of each phase."""
    config = load_config("smoke")
    training = msgspec.structs.replace(config.training, pretraining_iterations=2, joint_iterations=2)
    path = tmp_path / "few_steps.json"
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(config, training=training)))
    return Commands(tmp_path, str(path), capsys)


def assert_plausible(result: dict[str, Any], frames: int, joints: int) -> None:
    assert result["frames"] == frames
    assert len(result["per_joint_mm"]) == joints
    assert 0 < result["mean_error_mm"] < 200 and math.isfinite(result["mean_error_mm"])


def nyu_to_report(commands: Commands, train: int, test: int, labels: int) -> dict[str, float]:
    """Import, train all six variants, evaluate, report; return the mean errors."""
    folder, store = write_nyu(commands.folder / "nyu", train, test).path, commands.folder / "store"
    commands("import", "nyu", folder, "--out", store, "--workers", "1")
    assert len((store / "problems.csv").read_text().splitlines()) == 1  # the header
    runs = [commands.train(store, variant, labels) for variant in PAPERS_VARIANTS]
    errors = {}
    for variant, run in zip(PAPERS_VARIANTS, runs, strict=True):
        result = commands.evaluate(run, store)
        assert_plausible(result, test, 14)
        errors[variant] = result["mean_error_mm"]
    page = commands.report(runs)
    assert all(VARIANTS[variant].title.split(" | ")[-1] in page for variant in PAPERS_VARIANTS)
    assert [error for error in errors.values() if f"{error:.2f}" not in page] == []
    return errors


def test_nyu(few_steps):
    errors = nyu_to_report(few_steps, train=10, test=6, labels=4)
    assert len(set(errors.values())) == 6  # each variant is another training


@pytest.mark.slow
def test_nyu_of_several_hundred_frames(tmp_path, capsys):
    errors = nyu_to_report(Commands(tmp_path, "smoke", capsys), train=240, test=60, labels=40)
    assert max(errors.values()) < 60


@pytest.mark.parametrize(
    ("name", "write", "joints"),
    [("icvl", write_icvl, 16), ("msra15", write_msra15, 21), ("hands17", write_hands17, 21)],
)
def test_real_frames_alone(few_steps, name, write, joints):
    """What comes with labels and one camera, and then gets rendered hands and synthetic pairs."""
    folder, store = write(few_steps.folder / name).path, few_steps.folder / "store"
    few_steps("import", name, folder, "--out", store, "--workers", "1")
    runs = [few_steps.train(store, "real_only", 4)]
    few_steps("render", "frames", store, "--frames", "12", "--workers", "1")
    runs.append(few_steps.train(store, "real_and_synth", 4))
    few_steps("render", "pairs", store, "--labels", "4")
    runs.append(few_steps.train(store, "distr_match", 4))
    for run in runs:
        assert_plausible(few_steps.evaluate(run, store), 6, joints)
    page = few_steps.report(runs)
    assert all(VARIANTS[variant].title in page for variant in ("real_only", "real_and_synth", "distr_match"))


def test_spoilt_images_are_listed_and_the_rest_is_used(few_steps):
    folder, store = write_nyu(few_steps.folder / "nyu", 12, 6).path, few_steps.folder / "store"
    truncated = folder / "train/depth_1_0000002.png"
    truncated.write_bytes(truncated.read_bytes()[:900])
    (folder / "train/depth_2_0000004.png").unlink()
    only_wall = torch.full((480, 640), WALL_MM)
    save_packed(folder / "train/depth_1_0000006.png", only_wall)
    few_steps("import", "nyu", folder, "--out", store, "--workers", "1")
    with open(store / "problems.csv", newline="") as file:
        problems = {(row["set"], row["index"], row["view"]): row["reason"] for row in csv.DictReader(file)}
    assert set(problems) == {("real", "1", "0"), ("real", "3", "1"), ("real", "5", "0")}
    assert "depth_1_0000002.png is damaged" in problems["real", "1", "0"]
    assert "depth_2_0000004.png" in problems["real", "3", "1"]
    assert "no hand" in problems["real", "5", "0"]
    run = few_steps.train(store, "full", 10)
    assert_plausible(few_steps.evaluate(run, store), 6, 14)


def shuffle_images(folder: Path) -> None:
    images = sorted((folder / "train").glob("depth_1_*.png"))
    for image in images:
        image.rename(image.with_suffix(".moved"))
    for image, other in zip(images, images[1:] + images[:1], strict=True):
        image.with_suffix(".moved").rename(other)


def mix_resolutions(folder: Path) -> None:
    for image in (folder / "train").glob("depth_[12]_*.png"):
        Image.open(image).resize((320, 240), Image.Resampling.NEAREST).save(image)


def lose_labels(folder: Path) -> None:
    (folder / "test/joint_data.mat").unlink()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (shuffle_images, ("real", "depth_1_")),
        (mix_resolutions, ("320 x 240", "640 x 480")),
        (lose_labels, ("test/joint_data.mat",)),
    ],
)
def test_folders_that_cannot_be_right_end_in_one_sentence(tmp_path, capfd, spoil, words):
    folder = write_nyu(tmp_path / "nyu", 12, 6).path
    spoil(folder)
    assert main(["import", "nyu", str(folder), "--out", str(tmp_path / "store"), "--workers", "1"]) == 2
    message = capfd.readouterr().err.strip().splitlines()[-1]
    assert message.startswith("murauer: ")
    assert all(word in message for word in words), message
    assert not (tmp_path / "store").exists()


def metres(*coordinates: str) -> tuple[str, ...]:
    return tuple(f"{float(number) / 1000}" for number in coordinates)


def other_principal_point(x: str, y: str, z: str) -> tuple[str, ...]:
    """As if labelled with (315.9 - 120) as column of the principal point."""
    return f"{float(x) + 120 / 475 * float(z)}", y, z


@pytest.mark.parametrize("change", [metres, other_principal_point])
def test_labels_of_another_unit_or_camera_end_in_one_sentence(tmp_path, capfd, change):
    folder = write_hands17(tmp_path / "hands17", 8, 4).path
    labels = folder / "training/Training_Annotation.txt"
    lines = []
    for line in labels.read_text().splitlines():
        name, *numbers = line.split()
        joints = [change(*numbers[start : start + 3]) for start in range(0, 63, 3)]
        lines.append(" ".join([name, *(word for joint in joints for word in joint)]))
    labels.write_text("\n".join(lines))
    store = tmp_path / "store"
    assert main(["import", "hands17", str(folder), "--out", str(store), "--workers", "1"]) == 2
    message = capfd.readouterr().err.strip().splitlines()[-1]
    assert message.startswith("murauer: ") and "image_D0000" in message, message
    assert not store.exists()
