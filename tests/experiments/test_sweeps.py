"""The experiments that train: Figure 4 on any store, and the ablation's page."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import murauer.sweeps.sweep
from changed_store import described, resealed
from inline_runner import Inline
from murauer.cli.main import main
from murauer.errors import UserError
from murauer.experiments import ablation, figure4
from murauer.provenance import Provenance
from murauer.store.store import Store
from murauer.training.config import load_config
from murauer.training.loop import Training
from untrained_runs import NETWORK

FILES = {"figure4.svg", "figure4.png", "figure4.csv", "figure4.json"}


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Inline:
    inline = Inline()
    for module in (ablation, figure4):
        monkeypatch.setattr(module, "sweep_runner", lambda args: inline)
    monkeypatch.setattr(murauer.sweeps.sweep, "POLL_S", 0.01)
    return inline


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    """Two steps of the smallest network."""
    smoke = load_config("smoke")
    training = msgspec.structs.replace(smoke.training, pretraining_iterations=2, joint_iterations=2)
    path = tmp_path / "two_steps.json"
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(smoke, network=NETWORK, training=training)))
    return path


@pytest.fixture
def store_folder(store: Store, tmp_path: Path) -> Path:
    """A copy that tests may change."""
    shutil.copytree(store.folder, tmp_path / "store")
    return tmp_path / "store"


def rows_of(out: Path) -> list[dict[str, str]]:
    with open(out / "figure4.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def sweep(store_folder: Path, out: Path, config_file: Path, *words: object) -> int:
    given = ["experiment", "figure4", "--data", store_folder, "--out", out, "--config", config_file, *words]
    return main([str(word) for word in given])


def test_a_sweep_leaves_its_figure_and_what_is_missing_is_trained(
    store_folder: Path, config_file: Path, tmp_path: Path, runner: Inline
) -> None:
    out = tmp_path / "out"
    words = ["--variants", "synth_only", "real_only", "--labels", "4", "all"]
    assert sweep(store_folder, out, config_file, *words, "--seeds", "0") == 0
    assert {path.name for path in out.iterdir()} == FILES | {"runs"}
    assert [(row["variant"], row["n_labelled"]) for row in rows_of(out) if row["kind"] == "run"] == [
        ("synth_only", "0"), ("real_only", "4"), ("real_only", "12"),
    ]  # fmt: skip
    before, known = rows_of(out), set(runner.folders)

    assert sweep(store_folder, out, config_file, *words, "--seeds", "0", "1") == 0
    assert not known & set(runner.folders[len(known) :])
    rows = rows_of(out)
    first = [row["mean_error_mm"] for row in before if row["kind"] == "run"]
    assert [row["mean_error_mm"] for row in rows if row["seed"] == "0"] == first
    errors = [
        float(row["mean_error_mm"]) for row in rows if row["kind"] == "run" and row["n_labelled"] == "4"
    ]
    (mean,) = [row for row in rows if row["kind"] == "mean" and row["n_labelled"] == "4"]
    assert len(errors) == 2 and mean["seeds"] == "2" and "published_mm" not in mean
    assert float(mean["mean_error_mm"]) == pytest.approx(np.mean(errors), abs=1e-4)
    assert float(mean["std_mean_error_mm"]) == pytest.approx(np.std(errors, ddof=1), abs=1e-4)
    values = json.loads((out / "figure4.json").read_text())
    assert values["centres"] == "annotated joint" and values["failures"] == {}
    assert len(values["results"]) == 6 and len(values["summaries"]) == 3


def test_the_small_cube_is_another_result_of_the_same_trainings(
    store_folder: Path, config_file: Path, tmp_path: Path, runner: Inline
) -> None:
    words = ["--variants", "real_only", "--labels", "4", "--seeds", "0"]
    errors = []
    for more in ([], ["--small-cube", "1"]):
        assert sweep(store_folder, tmp_path / "out", config_file, *words, *more) == 0
        errors += [float(row["mean_error_mm"]) for row in rows_of(tmp_path / "out") if row["kind"] == "run"]
    assert len(errors) == 2 and abs(errors[0] - errors[1]) > 1e-3
    stored = json.loads((tmp_path / "out/runs/real_only_n4_seed0/metrics.json").read_text())
    assert {"test", "test@1"} <= stored.keys() and stored["test@1"]["small_cube"]["person"] == 1


def test_published_errors_stand_beside_those_of_the_published_test_set(
    store_folder: Path, config_file: Path, tmp_path: Path, runner: Inline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figure4, "is_published_test_set", lambda store: True)
    words = ["--variants", "real_and_synth", "--labels", "10", "--seeds", "0"]
    assert sweep(store_folder, tmp_path / "out", config_file, *words) == 0
    rows = rows_of(tmp_path / "out")
    assert [row["published_mm"] for row in rows if row["kind"] == "mean"] == ["20.7"]
    assert {row["variant"] for row in rows if row["kind"] == "published"} == set(figure4.PAPER_VARIANTS)
    assert sweep(store_folder, tmp_path / "other", config_file, *words, "--split", "validation") == 0
    assert not any(row["kind"] == "published" for row in rows_of(tmp_path / "other"))


def test_by_default_a_store_gives_what_it_can(
    store_folder: Path, config_file: Path, tmp_path: Path, runner: Inline, capsys: pytest.CaptureFixture[str]
) -> None:
    described(store_folder, view_pair=None)
    assert sweep(store_folder, tmp_path / "out", config_file, "--seeds", "0") == 0
    rows = [row for row in rows_of(tmp_path / "out") if row["kind"] == "run"]
    expected = [("synth_only", "0")]
    expected += [(name, n) for name in ("real_only", "real_and_synth", "distr_match") for n in ("10", "12")]
    assert [(row["variant"], row["n_labelled"]) for row in rows] == expected
    assert "left out: Real&Synth | View Pred.: " in capsys.readouterr().out
    assert sweep(store_folder, tmp_path / "out", config_file, "--variants", "full") == 2
    assert "second camera" in capsys.readouterr().err


def test_what_cannot_be_measured_is_told_before_anything_is_trained(
    store_folder: Path, config_file: Path, tmp_path: Path, runner: Inline, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*words: object) -> str:
        assert sweep(store_folder, tmp_path / "out", config_file, *words) == 2
        return capsys.readouterr().err

    assert "13 labelled frames asked for" in told("--labels", "13")
    assert "unknown variant 'best'" in told("--variants", "best")
    assert "at least 1" in told("--labels", "0") and "at least 1" in told("--labels", "most")
    assert "expected KEY=VALUE" in told("--runner-option", "long")
    np.lib.format.open_memmap(store_folder / "test" / "labelled.npy", "r+")[:] = False
    resealed(store_folder)
    assert "have no labels to measure errors with" in told()
    assert runner.folders == [] and not (tmp_path / "out").exists()


def test_a_failed_training_is_told_after_the_figure_of_the_others(
    store_folder: Path,
    config_file: Path,
    tmp_path: Path,
    runner: Inline,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = Training.run

    def diverging(self: Training, name: str, *arguments: Any) -> Provenance:
        if name == "real_only":
            raise UserError("the loss 'pose' is nan")
        return run(self, name, *arguments)

    monkeypatch.setattr(Training, "run", diverging)
    words = ["--variants", "synth_only", "real_only", "--labels", "4", "--seeds", "0"]
    assert sweep(store_folder, tmp_path / "out", config_file, *words) == 2
    error = capsys.readouterr().err
    assert "real_only, n = 4, seed 0: the loss 'pose' is nan" in error and "1 of 2 trainings failed" in error
    assert [row["variant"] for row in rows_of(tmp_path / "out")] == ["synth_only"] * 2
    assert "nan" in json.loads((tmp_path / "out" / "figure4.json").read_text())["failures"].popitem()[1]


def test_the_ablation_writes_how_its_page_was_made(
    store_folder: Path, config_file: Path, tmp_path: Path, runner: Inline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ablation, "ablation_cells", lambda store: [("real_only", 4), ("real_only", 9)])
    out, results = tmp_path / "runs", tmp_path / "results"
    out.mkdir()
    store_folder.rename(out / "recording")
    words = ["--out", out, "--results", results, "--config", config_file, "--seeds", "0"]
    assert main(["experiment", "ablation", *map(str, words)]) == 0
    page = (results / "ablation.md").read_text()
    command = f"    murauer experiment ablation --out {out} --results {results} --config {config_file} "
    assert command + "--work equal --seeds 0\n" in page and "12 real frames" in page
    assert "| Real only |" in page and "n = 9" in page and "of one seed" in page
    assert "Relative to" not in page  # there is nothing to compare with


def test_the_ablation_has_a_floor_with_every_label(store: Store) -> None:
    cells = ablation.ablation_cells(store)
    assert cells[-1] == ("real_and_synth", 12) and len(cells) == len(set(cells)) == 11
