"""Every command that computes takes --device, and says so before it works if there is no such device."""

import argparse
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from inline_runner import Inline
from murauer.cli import train_finder
from murauer.cli.main import main
from murauer.evaluation.split import evaluate_split
from murauer.experiments import EXPERIMENTS, figure4, sweeping
from murauer.store.store import Store
from murauer.training.device import open_device, workers_for

MISSING = "there is no device cuda:99"
TRAINING_EXPERIMENTS = {"figure4", "ablation", "selection"}


def murauer(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    code = main([*map(str, words), "--device", "cuda:99"])
    return code, capsys.readouterr().err


def test_commands_ask_for_the_device(
    store: Store, runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    full, out = runs["full"], tmp_path / "out"
    for words in (
        ("train", "--data", store.folder, "--out", out),
        ("evaluate", full),
        ("evaluate", full, "--report", out / "report.html"),
        ("predict", store.folder, "--split", "test", "--model", full, "--out", out / "joints.npy"),
        ("select", store.folder, "-n", 2, "--model", full),
        *(
            ("experiment", name, *[full] * (1 + (name == "figure1")), "--out", out)
            for name in EXPERIMENTS
            if name not in TRAINING_EXPERIMENTS
        ),
    ):
        code, message = murauer(capsys, *words)
        assert (code, MISSING in message) == (2, True), (words, message)
    assert not out.exists()


def test_a_model_for_frames_is_put_on_the_device(runs: dict[str, Path], capsys: Any, tmp_path: Path) -> None:
    (tmp_path / "frame.npy").write_bytes(b"")
    for model in ("default", runs["full"]):
        code, message = murauer(
            capsys, "predict", tmp_path / "frame.npy", "--camera", "nyu", "--model", model
        )
        assert code == 2 and "cannot run on cuda:99" in message


def test_sweeps_hand_the_device_to_their_trainings(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figure4, "sweep_runner", lambda args: Inline())
    words = (
        "--data",
        store.folder,
        "--out",
        tmp_path,
        "--variants",
        "real_only",
        "--labels",
        4,
        "--seeds",
        0,
    )
    code, message = murauer(capsys, "experiment", "figure4", *words, "--config", "smoke")
    assert code == 2 and f"real_only, n = 4, seed 0: {MISSING}" in message


def test_a_gpu_has_one_training_at_a_time(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=tmp_path)
    sweeping.add_sweep(parser)
    for words, workers in (([], 1), (["--workers", "3"], 3)):
        assert sweeping.sweep_runner(parser.parse_args(["--device", "cuda", *words])).workers == workers
    assert workers_for("cpu") is None


def test_the_training_of_the_hand_finder_asks_for_it(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert train_finder.main(["--out", str(tmp_path), "--device", "cuda:99"]) == 2
    assert re.search(MISSING, capsys.readouterr().err)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU with CUDA")
def test_a_gpu_predicts_what_the_processor_predicts(store: Store, runs: dict[str, Path]) -> None:
    errors = [
        evaluate_split(runs["full"], store, "test", device=open_device(name)).metrics.mean_error_mm
        for name in ("cpu", "cuda")
    ]
    assert errors[1] == pytest.approx(errors[0], rel=1e-3)
