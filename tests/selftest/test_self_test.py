"""The self-test passes here, fails where something is wrong, and is carried out once before trainings."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import murauer.provenance
from murauer.cli.main import main
from murauer.errors import UserError
from murauer.hand.model import HandGeometry, HandModel
from murauer.nets.model_facts import packaged_model
from murauer.nets.model_file import read_tensors, write_tensors
from murauer.nets.projection import Projection
from murauer.selftest.known_hand import check_prediction
from murauer.selftest.layers import check_layers
from murauer.selftest.outcome import Outcome
from murauer.selftest.rendering import check_rendering
from murauer.selftest.self_test import Check, self_test_once
from murauer.store.store import Store

RIGHT, WRONG = Outcome("a differs from b", 0.1, 1.0, "mm"), Outcome("a differs from b", 2.0, 1.0, "mm")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_it_passes_here_and_is_remembered(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--self-test", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"layers", "rendering", "prediction by ONNX Runtime", "prediction by PyTorch"}
    # If the packaged model or the renderer has changed: python tools/keep_known_hand.py
    assert all(each["difference"] < each["most"] / 4 for each in told.values()), told
    assert len(list((cache / "murauer").iterdir())) == 1


@pytest.fixture
def wrong_projection(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a library whose code for this processor is wrong."""
    right = Projection.forward

    def forward(layer: Projection, maps: Tensor) -> Tensor:
        result = right(layer, maps)
        return result * 1.01 if maps.dtype == torch.float32 else result

    monkeypatch.setattr(Projection, "forward", forward)


def test_a_wrong_layer_is_a_sentence(wrong_projection: None, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--self-test"]) == 2
    said = capfd.readouterr().err
    assert said.count("\n") == 1 and said.startswith("murauer: the self-test failed in layers: of ")
    assert "Projection(" in said and "differs most from float64, by 0.01 of the largest value" in said
    assert "a training would learn the wrong thing; set ONEDNN_MAX_CPU_ISA=AVX2" in said


def test_no_training_begins_with_a_wrong_layer(
    tiny_store: Store, tmp_path: Path, cache: Path, wrong_projection: None, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert main(["train", "--data", str(tiny_store.folder), "--config", "smoke", "--out", str(out)]) == 2
    assert "the self-test failed in layers" in capfd.readouterr().err
    assert not out.exists() and not cache.exists()


class NotANumber(nn.Linear):
    def forward(self, values: Tensor) -> Tensor:
        return super().forward(values) * (float("nan") if values.dtype == torch.float32 else 1.0)


def test_what_is_not_a_number_fails() -> None:
    def networks() -> Iterator[tuple[nn.Module, Callable[[], object]]]:
        right, wrong = nn.Linear(4, 4), NotANumber(3, 3)
        yield right, lambda: right(torch.randn(2, 4))
        yield wrong, lambda: wrong(torch.randn(2, 3))

    outcome = check_layers(networks())
    assert not outcome.passed and outcome.what.startswith("of 2 layers, NotANumber(")


class GrownHand(HandModel):
    def forward(self, angles: Tensor, shape: Tensor) -> HandGeometry:
        return super().forward(angles, shape + 0.3)


def test_another_hand_fails() -> None:
    assert not check_rendering(GrownHand()).passed


def test_another_model_fails(tmp_path: Path) -> None:
    tensors, metadata = read_tensors(packaged_model("torch"))
    for values in tensors.values():
        if values.is_floating_point():
            values.mul_(1.01)
    write_tensors(tmp_path / "model.safetensors", tensors, metadata)
    outcome = check_prediction("torch", tmp_path / "model.safetensors")
    assert not outcome.passed and outcome.unit == "mm"


class Counted(list[str]):
    """Checks that note how often they run."""

    def checks(self, outcome: Outcome = RIGHT) -> dict[str, Check]:
        def run() -> Outcome:
            self.append("run")
            return outcome

        return {"one": Check(run, "all is lost", "pray", small=True)}


def test_what_passed_is_not_tested_again(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted()
    for _ in range(2):
        self_test_once(counted.checks())
    assert len(counted) == 1
    murauer.provenance._instructions.cache_clear()
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "SSE41")  # other code of the libraries
    self_test_once(counted.checks())
    murauer.provenance._instructions.cache_clear()
    assert len(counted) == 2


def test_what_failed_is_tested_again(cache: Path) -> None:
    for _ in range(2):
        with pytest.raises(UserError, match=r"in one: a differs from b by 2 mm .* all is lost; pray"):
            self_test_once(Counted().checks(WRONG))
    assert not cache.exists()


@pytest.mark.parametrize("folder", ["in a file", "relative", "/proc/none"])
def test_a_cache_folder_that_cannot_be_used_does_no_harm(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file" / "cache") if "file" in folder else folder)
    counted = Counted()
    for _ in range(2):
        self_test_once(counted.checks())
    assert len(counted) == 2 and [path.name for path in tmp_path.iterdir()] == ["file"]
