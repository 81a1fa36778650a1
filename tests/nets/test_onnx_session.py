"""What is said of a network's file that ONNX Runtime does not open."""

from pathlib import Path

import pytest

from changed_model import save_changed
from murauer.errors import UserError
from murauer.nets.model_facts import packaged_model
from murauer.nets.onnx_session import open_session

onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install 'murauer[export]'")


def newer_format(path: Path) -> None:
    model = onnx.load(packaged_model("onnx"))
    model.ir_version = 99
    save_changed(model, path)


def newer_operators(path: Path) -> None:
    model = onnx.load(packaged_model("onnx"))
    model.opset_import[0].version = 99
    save_changed(model, path)


def unknown_operator(path: Path) -> None:
    model = onnx.load(packaged_model("onnx"))
    model.graph.node[0].op_type = "Frobnicate"
    save_changed(model, path)


def half(path: Path) -> None:
    content = packaged_model("onnx").read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (newer_format, ("newer ONNX version", "IR version: 99, max supported IR version", "pip install -U")),
        (newer_operators, ("newer ONNX version", "Opset 99", "support for domain ai.onnx is till opset")),
        (unknown_operator, ("no complete ONNX model; export it again", "No Op registered for Frobnicate")),
        (half, ("no complete ONNX model; export it again", "Protobuf parsing failed")),
    ],
)
def test_the_true_reason_whole(write, says: tuple[str, ...], tmp_path: Path) -> None:
    write(tmp_path / "m.onnx")
    with pytest.raises(UserError) as error:
        open_session(tmp_path / "m.onnx", made_by="murauer export", mend="export it again")
    message = str(error.value)
    assert all(part in message for part in says), message
    assert "onnxruntime_src" not in message and "\n" not in message
