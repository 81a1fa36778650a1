"""Selected frames against random ones, in two steps of the smallest network."""

import csv
import json
from pathlib import Path

import msgspec
import pytest

import murauer.sweeps.sweep
from inline_runner import Inline
from murauer.cli.main import main
from murauer.experiments import selection
from murauer.store.row_file import read_rows
from murauer.store.store import Store
from murauer.training.config import load_config
from untrained_runs import NETWORK


@pytest.fixture
def config_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    runner = Inline()
    monkeypatch.setattr(selection, "sweep_runner", lambda args: runner)
    monkeypatch.setattr(murauer.sweeps.sweep, "POLL_S", 0.01)
    smoke = load_config("smoke")
    training = msgspec.structs.replace(smoke.training, pretraining_iterations=2, joint_iterations=2)
    path = tmp_path / "two_steps.json"
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(smoke, network=NETWORK, training=training)))
    return path


def test_trains_on_both_and_writes_the_page(tiny_store: Store, config_file: Path, tmp_path: Path) -> None:
    runs, results = tmp_path / "runs", tmp_path / "results"
    words = ["--out", str(runs), "--results", str(results), "--config", str(config_file), "--seeds", "0", "1"]
    command = ["experiment", "selection", *words, "--labels", "2", "5", "--data", str(tiny_store.folder)]
    assert main(command) == 0
    with open(results / "selection.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8 and {row["frames"] for row in rows} == {"random", "selected"}
    for n in (2, 5):
        for seed in (0, 1):
            trained = json.loads((runs / f"selected_n{n}_seed{seed}" / "config.json").read_text())
            chosen = read_rows(runs / f"selected_n{n}_seed{seed}.txt")
            assert trained["label_rows"] == sorted(chosen) and len(chosen) == n
            assert "label_rows" not in json.loads(
                (runs / f"random_n{n}_seed{seed}" / "config.json").read_text()
            )
    page = (results / "selection.md").read_text()
    (line,) = [line for line in page.splitlines() if line.startswith("| 5 | test |")]
    by_key = {(row["frames"], row["n_labelled"], row["seed"]): float(row["test_mm"]) for row in rows}
    differences = [by_key["selected", "5", seed] - by_key["random", "5", seed] for seed in "01"]
    assert [float(word) for word in line.split("|")[5].split(",")] == pytest.approx(differences, abs=0.006)
    assert (results / "selection.svg").is_file()

    before = (runs / "selected_n5_seed1" / "metrics.json").stat().st_mtime_ns
    assert main(command) == 0  # nothing is trained again
    assert (runs / "selected_n5_seed1" / "metrics.json").stat().st_mtime_ns == before
