"""From somebody's folder to a report without a manual step, by the commands that a user types."""

import html
import json
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dataset_folders.hands17 import write_hands17
from dataset_folders.icvl import write_icvl
from dataset_folders.msra15 import write_msra15
from dataset_folders.nyu import write_nyu
from murauer.cli import main
from murauer.config import load_preset
from murauer.training.variants import VARIANTS

PAPERS_VARIANTS = ("synth_only", "real_only", "real_and_synth", "distr_match", "view_pred", "full")


class Commands:
    """Runs commands in this process; the folders of a test lie in one place."""

    def __init__(self, folder: Path, preset: str, capsys: pytest.CaptureFixture[str]):
        self.folder, self.preset, self.capsys = folder, preset, capsys

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
            "train", "--data", store, "--preset", self.preset, "--variant", variant,
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
        self("report", *runs, "--out", page)
        return html.unescape(page.read_text())


@pytest.fixture
def few_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    """Trainings by the smoke preset with two steps of each phase."""
    preset = load_preset("smoke")
    training = msgspec.structs.replace(preset.training, pretraining_iterations=2, joint_iterations=2)
    path = tmp_path / "few_steps.json"
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(preset, training=training)))
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
    assert all(f"{error:.1f}" in page for error in errors.values())
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
    """What comes with labels and one camera: real only, and with rendered hands real and synthetic."""
    folder, store = write(few_steps.folder / name).path, few_steps.folder / "store"
    few_steps("import", name, folder, "--out", store, "--workers", "1")
    runs = [few_steps.train(store, "real_only", 4)]
    few_steps("synthesise", store, "--frames", "12", "--workers", "1")
    runs.append(few_steps.train(store, "real_and_synth", 4))
    for run in runs:
        assert_plausible(few_steps.evaluate(run, store), 6, joints)
    page = few_steps.report(runs)
    assert all(VARIANTS[variant].title in page for variant in ("real_only", "real_and_synth"))
