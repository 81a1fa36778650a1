"""What is wrong is said in one sentence before anything is started; labels are exported without a page."""

import socket
import sys
from pathlib import Path

import numpy as np
import pytest

from murauer.cli.main import main
from murauer.geometry.skeletons import SKELETONS
from murauer.store.store import open_store
from murauer.studio.labels.label_log import LabelLog


def refusal(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main([str(word) for word in words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("murauer: ") and error.count("\n") == 1
    return error


def test_export_without_a_page(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no accepted label" in refusal(capsys, "studio", store, "--export")
    label = np.arange(42, dtype=np.float32).reshape(14, 3) + 600
    with LabelLog(store, SKELETONS["nyu14"]) as label_log:
        label_log.change("real/4", label, "move")
        label_log.change("real/3", label, "accept", accepted=True)
    assert main(["studio", str(store), "--export"]) == 0
    assert "1 labels written" in capsys.readouterr().out
    real = open_store(store).require("real")
    assert np.flatnonzero(real.labelled).tolist() == [0, 1, 3]
    np.testing.assert_allclose(real.joints[3, 0], label, atol=1e-3)


def test_wrong_input(capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("viser", reason="viser is not installed: pip install 'murauer[studio]'")
    frames = tmp_path / "frames.txt"
    frames.write_text("2 # near\n6 # none of the six\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for words, said in (
            ((tmp_path / "nowhere",), "no folder"),
            ((capture, "--frames", frames), "from 0 to 5"),
            ((capture, "--port", "80x"), "port from 0 to 65535"),
            ((capture, "--token", "short"), "--token"),
            ((capture, "--model", tmp_path / "none.onnx"), "none.onnx"),
            ((capture, "--model", "none", "--port", port), f"127.0.0.1:{port}"),
        ):
            assert said in refusal(capsys, "studio", *words), words
        assert "no source" in refusal(capsys, "studio", "--live", tmp_path / "nowhere")


def test_without_viser(
    capture: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "viser", None)
    assert "pip install 'murauer[studio]'" in refusal(capsys, "studio", capture, "--model", "none")
