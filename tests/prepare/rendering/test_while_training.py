"""Synthetic frames rendered while training: those of a stored set, for ever on, the same in every run."""

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from murauer.cli.main import main
from murauer.errors import UserError
from murauer.nets.model_file import read_tensors
from murauer.prepare.rendering import synthetic as synthesised
from murauer.prepare.rendering.synthetic import SynthesisConfig, synthesise
from murauer.prepare.rendering.while_training import EndlessConfig, EndlessFrames, render_while_training
from murauer.store.store import Store, open_store
from murauer.store.summary import summary
from murauer.training.batch_source import BatchSource
from murauer.training.config import Config, load_config
from murauer.training.train import pretrain
from murauer.training.variants import VARIANTS

CONFIG = EndlessConfig(SynthesisConfig(frames=8, seed=5), steps=3)


@pytest.fixture
def copy(tiny_store: Store, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_store.folder, tmp_path / "store"))


@pytest.fixture
def endless(copy: Path) -> Store:
    return render_while_training(copy, CONFIG, replace=True)


def test_the_stored_set_is_the_beginning(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthesised, "RENDER_CHUNK", 8)
    other = Path(shutil.copytree(copy, tmp_path / "other"))
    stored = synthesise(other, SynthesisConfig(frames=24, seed=5), replace=True, workers=1).require(
        "synthetic"
    )
    frames = EndlessFrames(render_while_training(copy, CONFIG, replace=True), workers=1)
    for step in (8, 0, 3, 1):  # those of a resumed training too
        chunk = slice(step // 3 * 8, step // 3 * 8 + 8)
        for name, values in vars(frames.at(step)).items():
            np.testing.assert_array_equal(values, getattr(stored, name)[chunk], name)


def test_batches_are_those_of_the_step(endless: Store) -> None:
    smoke = load_config("smoke")
    rows = endless.labelled_rows(10, 0)
    source, resumed = (BatchSource(endless, smoke, VARIANTS["full"], rows, 0) for _ in range(2))
    patches = []
    for step in range(5):
        batch = source.joint(step)
        assert batch.rows.keys() >= {"synthetic", "unlabelled_synthetic", "views_synthetic"}
        patches.append(batch.patch)
    assert torch.equal(resumed.joint(4).patch, patches[4])
    assert torch.equal(resumed.joint(1).patch, patches[1])


def test_pretraining_without_a_set(endless: Store, tmp_path: Path) -> None:
    smoke = load_config("smoke")
    training = msgspec.structs.replace(smoke.training, pretraining_iterations=4)
    config: Config = msgspec.structs.replace(smoke, training=training)
    first, second = (read_tensors(pretrain(endless, config, 0, tmp_path / name))[0] for name in "ab")
    assert all(torch.equal(values, second[name]) for name, values in first.items())


def test_the_command_and_the_way_back(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["render", "frames", str(copy), "--while-training", "20"]
    assert main(command) == 2 and "--replace" in capsys.readouterr().err
    assert main([*command, "--replace", "--shard", "1/2"]) == 2 and "--shard" in capsys.readouterr().err
    assert main([*command, "--replace"]) == 0
    store = open_store(copy)
    assert store.synthetic is None and not (copy / "synthetic").exists()
    assert "rendered while training, others every 20 steps" in summary(store)
    with pytest.raises(UserError, match="no synthetic frames"):
        store.require("synthetic")
    stored = synthesise(copy, SynthesisConfig(frames=5), workers=1)
    assert stored.manifest.endless is None and len(stored.require("synthetic")) == 5
