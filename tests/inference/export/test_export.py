import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from murauer import Estimator, UserError
from murauer.cli.main import main
from murauer.inference.backends.load import load_backend
from murauer.nets.model_facts import PACKAGED
from murauer.nets.model_file import save_model
from murauer.nets.network import HandPoseNetwork
from murauer.training.config import load_config
from murauer.version import __version__

onnx = pytest.importorskip("onnx", reason="exporting is an extra: pip install 'murauer[export]'")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a random network, its joints spread and its mapping away from where it starts."""
    folder = tmp_path_factory.mktemp("run")
    config = load_config("smoke")
    torch.manual_seed(0)
    network = HandPoseNetwork(config.network)
    with torch.no_grad():
        for parameter in (*network.mapping.parameters(), *network.pose_head.joints.parameters()):
            parameter.normal_(0, 0.1)
    save_model(folder / "model.safetensors", network, config)
    return folder


@pytest.fixture(scope="module")
def exported(run_folder: Path) -> Path:
    path = run_folder / "model.onnx"
    assert main(["export", str(run_folder), "--format", "onnx", "--out", str(path)]) == 0
    return path


def test_it_predicts_what_pytorch_does_for_any_batch(run_folder: Path, exported: Path) -> None:
    there, here = load_backend(exported), load_backend(run_folder)
    assert there.facts == here.facts
    random = np.random.default_rng(0)
    for batch in (1, 2, 7):
        size = here.facts.patch_size
        patches = random.uniform(-1, 1, (batch, size, size)).astype(np.float32)
        expected = here(patches)
        assert expected.std() > 0.05
        np.testing.assert_allclose(there(patches), expected, atol=1e-5)


def test_the_file_says_what_it_is(exported: Path) -> None:
    model = onnx.load(exported)
    assert [each.version for each in model.opset_import if each.domain == ""] == [18]
    facts = json.loads({each.key: each.value for each in model.metadata_props}["murauer"])
    assert facts["skeleton"]["name"] == "nyu14" and len(facts["skeleton"]["joints"]) == 14
    assert (facts["cube_mm"], facts["precision"], facts["murauer"]) == (300.0, "float32", __version__)
    assert "(depth - centre) / (cube_mm / 2)" in facts["patch"]
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    assert str(exported.parent).encode() not in exported.read_bytes().replace(
        json.dumps(facts["source"]).encode(), b""
    )


def test_int8(run_folder: Path, tmp_path: Path, exported: Path, capsys) -> None:
    path = tmp_path / "int8.onnx"
    assert main(["export", str(run_folder), "--int8", "--out", str(path), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert 0 < report["int8_displacement_mm"] < 10
    assert report["largest_difference_mm"] < 0.01
    weights = [each for each in onnx.load(path).graph.initializer if len(each.dims) > 1]
    assert sum(each.data_type == onnx.TensorProto.INT8 for each in weights) >= len(weights) - 2
    assert path.stat().st_size < exported.stat().st_size
    exact, quantised = load_backend(exported), load_backend(path)
    assert quantised.facts == exact.facts
    size = exact.facts.patch_size
    patches = np.random.default_rng(0).uniform(-1, 1, (4, size, size)).astype(np.float32)
    assert not np.array_equal(quantised(patches), exact(patches))


@pytest.mark.parametrize("model", PACKAGED)
def test_packaged_models_are_the_same_in_both_formats(model: str) -> None:
    there, here = (load_backend(model, backend=name) for name in ("onnx", "torch"))
    assert there.facts == here.facts
    size = there.facts.patch_size
    patches = np.random.default_rng(0).uniform(-1, 1, (50, size, size)).astype(np.float32)
    assert np.abs(there(patches) - here(patches)).max() * 150 < 0.01, f"export {model}.safetensors again"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["default", "--out", "model.pt"], "let its name end in .onnx"),
        (["missing", "--out", "model.onnx"], "missing does not exist"),
    ],
)
def test_misuse_of_the_command(arguments: list[str], message: str, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", *arguments]) == 2
    assert message in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_models_that_cannot_be_loaded(run_folder: Path, exported: Path, tmp_path: Path) -> None:
    truncated, foreign = tmp_path / "truncated.onnx", tmp_path / "foreign.onnx"
    truncated.write_bytes(exported.read_bytes()[:2000])
    model = onnx.load(exported)
    del model.metadata_props[:]
    onnx.save(model, foreign)
    newer = tmp_path / "newer.onnx"
    onnx.helper.set_model_props(model, {"murauer": json.dumps({"format_version": 99})})
    onnx.save(model, newer)
    damaged = tmp_path / "damaged.onnx"
    onnx.helper.set_model_props(model, {"murauer": "{"})
    onnx.save(model, damaged)
    for source, options, message in (
        (tmp_path / "none.onnx", {}, "none.onnx does not exist; 'murauer export"),
        (truncated, {}, "truncated.onnx is no complete ONNX model"),
        (foreign, {}, "was not made by 'murauer export'"),
        (newer, {}, "of format 99"),
        (damaged, {}, "damaged"),
        (exported, {"backend": "torch"}, "use backend='onnx'"),
        (exported, {"device": "cuda"}, "runs on the CPU only"),
        (run_folder, {"backend": "onnx"}, "'murauer export' it"),
        (run_folder, {"threads": 1}, "torch.set_num_threads"),
        (run_folder, {"device": "nowhere"}, "cannot run on nowhere"),
        ("default", {"backend": "tensorrt"}, "unknown backend 'tensorrt'"),
        (tmp_path / "none", {}, "does not exist"),
    ):
        with pytest.raises(UserError, match=message):
            Estimator.load(source, **options)


def test_packages_that_are_missing_are_named(exported: Path, run_folder: Path, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match="pip install onnxruntime"):
        Estimator.load(exported)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    monkeypatch.delitem(sys.modules, "murauer.inference.export.onnx")
    assert main(["export", str(run_folder), "--out", str(tmp_path / "model.onnx")]) == 2
