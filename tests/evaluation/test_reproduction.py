"""`murauer reproduce`: equal work agrees to the bit, other results and other conditions are told."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from murauer.cli.main import main
from murauer.nets.model_file import MODEL_FILE, read_tensors, write_tensors
from murauer.provenance import PROVENANCE
from murauer.store.store import Store
from murauer.training.train import PRETRAINED_FILE, RUN_FILE

Change = Callable[[dict[str, Any]], object]


def reproduce(
    path: Path, capsys: pytest.CaptureFixture[str], *options: str
) -> tuple[int, dict[str, Any], str]:
    """Exit code, and what the command tells, as JSON and as text."""
    code = main(["reproduce", str(path), *options, "--json"])
    told = json.loads(capsys.readouterr().out)
    assert main(["reproduce", str(path), *options]) == code
    return code, told, capsys.readouterr().out


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of the run, to be changed."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.fixture
def result(run: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert main(["evaluate", str(run), "--json"]) == 0
    path = run.parent / "result.json"
    path.write_text(capsys.readouterr().out)
    return path


def change(path: Path, how: Change) -> None:
    document = json.loads(path.read_text())
    how(document)
    path.write_text(json.dumps(document))


def change_model(run: Path, tensors: Callable[[torch.Tensor], torch.Tensor], **texts: str | None) -> None:
    """Write the model with changed weights and texts, as if it had been made so."""
    own, told = read_tensors(run / MODEL_FILE)
    told = {name: text for name, text in (told | texts).items() if text is not None}
    write_tensors(run / MODEL_FILE, {name: tensors(value) for name, value in own.items()}, told)


def test_a_training_agrees_to_the_bit_whatever_the_threads_now(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    try:
        code, told, text = reproduce(run, capsys)
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)
    assert code == 0 and told["equal"] and told["agrees"] and told["differences"] == []
    assert {"validation frames", "test frames"} == told["errors_mm"].keys()
    assert "conditions: the same" in text and text.endswith("agrees, to the bit\n")


def test_a_training_from_a_network_elsewhere_is_made_again_from_it(
    run: Path, tiny_store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    start = run.parent / "start.safetensors"
    shutil.move(run / PRETRAINED_FILE, start)
    shutil.rmtree(run)
    words = ["train", "--data", str(tiny_store.folder), "--config", "smoke", "--variant", "full"]
    assert main([*words, "--labels", "8", "--pretrained", str(start), "--out", str(run)]) == 0
    capsys.readouterr()
    assert main(["reproduce", str(run), "--out", str(run.parent / "again")]) == 0
    assert "agrees, to the bit" in capsys.readouterr().out
    assert not (run.parent / "again" / PRETRAINED_FILE).exists()
    change_text = read_tensors(start)[1] | {"other": "text"}
    write_tensors(start, read_tensors(start)[0], change_text)
    assert main(["reproduce", str(run)]) == 2
    assert "start.safetensors has changed since the result was made" in capsys.readouterr().err


def test_changed_weights_disagree(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change_model(run, lambda value: value * 1.0001 if value.is_floating_point() else value)
    code, told, text = reproduce(run, capsys)
    assert code == 1 and told["exact"] and not told["equal"]
    assert "disagrees: under the same conditions it must be equal to the bit" in text


def test_an_evaluation_agrees_to_the_bit(result: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told, text = reproduce(result, capsys)
    assert code == 0 and told["equal"] and told["differences"] == [] and "test frames" in text


def other_commit(document: dict[str, Any]) -> None:
    document[PROVENANCE]["commit"] = "f" * 40


def nothing_said(document: dict[str, Any]) -> None:
    del document[PROVENANCE]


def more_error(mm: float) -> Change:
    def change(document: dict[str, Any]) -> None:
        document["mean_error_mm"] += mm

    return change


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ([more_error(1.0)], 1, "disagrees: under the same conditions"),
        ([more_error(1e-6)], 1, "disagrees: under the same conditions"),
        ([lambda document: document["per_joint_mm"].clear()], 1, "disagrees: under the same conditions"),
        ([other_commit], 0, "agrees, to the bit"),
        ([other_commit, more_error(1e-6)], 0, "agrees within 0.01 mm"),
        ([other_commit, more_error(1.0)], 1, "disagrees by more than 0.01 mm"),
        ([nothing_said, more_error(1e-6)], 0, "agrees within 0.01 mm"),
        ([nothing_said, more_error(1.0)], 1, "disagrees by more than 0.01 mm"),
    ],
)
def test_a_tampered_evaluation_disagrees(
    changes: list[Change], code: int, said: str, result: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for how in changes:
        change(result, how)
    found, _, text = reproduce(result, capsys)
    assert found == code and said in text
    if other_commit in changes:
        assert f"commit {'f' * 40}, now" in text
    if nothing_said in changes:
        assert "conditions: not known" in text


def test_the_metrics_of_a_sweep(runs: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    path = runs["full"] / "metrics.json"
    code, told, _ = reproduce(path, capsys)
    assert code == 0 and told["equal"] and told["errors_mm"].keys() == {"test"}


def other_model(run: Path, result: Path) -> Path:
    change_model(run, lambda value: value, facts="{}")
    return result


def other_store(run: Path, result: Path) -> Path:
    change(result, lambda document: document[PROVENANCE].update(data="0" * 16))
    return result


def no_places(run: Path, result: Path) -> Path:
    change(result, lambda document: document.pop("store"))
    change(run / RUN_FILE, lambda document: document.pop("store"))
    return result


def no_result(run: Path, result: Path) -> Path:
    return run / RUN_FILE


def no_run(run: Path, result: Path) -> Path:
    (run / MODEL_FILE).unlink()
    return run


def damaged(run: Path, result: Path) -> Path:
    change(result, lambda document: document.update(mean_error_mm="small"))
    return result


def many_threads(run: Path, result: Path) -> Path:
    change(result, lambda document: document[PROVENANCE].update(threads=10**6))
    return result


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (other_model, "has changed since the result was made"),
        (other_store, "is not the store that"),
        (no_places, "does not say on which store; name it with --data"),
        (no_result, "is no result that can be made again"),
        (no_run, "is no finished run"),
        (damaged, "is damaged"),
        (many_threads, "is damaged"),
    ],
)
def test_what_cannot_be_made_again_is_named(
    make: Callable[[Path, Path], Path], said: str, run: Path, result: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reproduce", str(make(run, result))]) == 2
    assert said in capsys.readouterr().err
