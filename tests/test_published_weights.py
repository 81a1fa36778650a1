"""Weights in the published layout go through every command that takes a model."""

import io
import json
import pickle
import pickletools
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from murauer.capture.depth import DEPTH_UNIT_MM
from murauer.cli.main import main
from murauer.geometry.crop import crop_hand
from murauer.inference.export import onnx
from murauer.nets.compatibility import PUBLISHED
from murauer.nets.model_file import load_model, read_tensors
from murauer.nets.network import HandPoseNetwork, make_discriminator
from murauer.nets.published_weights import COUNTER, PUBLISHED_NAMES, UNUSED_LAYER, read_published
from murauer.store.store import Store
from untrained_runs import store  # noqa: F401

State = dict[str, torch.Tensor]


def published_state(module: torch.nn.Module) -> State:
    """The state of a network under the published names."""
    state = {}
    for ours, value in module.state_dict().items():
        layer = next((layer for layer in PUBLISHED_NAMES if ours.startswith(f"{layer}.")), "")
        state[PUBLISHED_NAMES.get(layer, layer) + ours[len(layer) :]] = value
    return state


@pytest.fixture(scope="module")
def states() -> tuple[State, State]:
    """States of a network and of a discriminator, whose m and h do something."""
    torch.manual_seed(0)
    network, h = HandPoseNetwork(PUBLISHED), make_discriminator(PUBLISHED)
    for module in (network.mapping, h.blocks):
        for weights in module.parameters():
            torch.nn.init.normal_(weights, std=0.01)
    state = published_state(network)
    unused = {f"{UNUSED_LAYER}.{name}": state[f"fc3_h0.{name}"].clone() for name in ("weight", "bias")}
    return state | unused, published_state(h)


def as_python2(path: Path) -> None:
    """Rewrite a legacy file with the texts that Python 2 pickles: bytes of up to 255 letters."""
    file, out = io.BytesIO(path.read_bytes()), io.BytesIO()
    for _ in range(5):  # magic number, version, system, content, keys; then the numbers
        start = file.tell()
        codes = list(pickletools.genops(file))
        end = file.tell()
        data = file.getvalue()
        bounds = [place for _, _, place in codes] + [end]
        for (code, argument, place), stop in zip(codes, bounds[1:], strict=True):
            if code.name == "BINUNICODE":
                text = argument.encode()
                out.write(pickle.SHORT_BINSTRING + struct.pack("B", len(text)) + text)
            else:
                out.write(data[place:stop])
        assert bounds[0] == start
    path.write_bytes(out.getvalue() + file.read())


@pytest.mark.parametrize("kind", ["zip", "legacy", "python2", "safetensors", "without counters"])
def test_files_of_all_times_are_read(tmp_path: Path, states: tuple[State, State], kind: str) -> None:
    _, state = states
    path = tmp_path / "weights.pth"
    if kind == "without counters":
        state = {name: value for name, value in states[0].items() if not name.endswith(COUNTER)}
        assert len(state) < len(states[0])
    if kind == "safetensors":
        save_file(state, path := path.with_suffix(".safetensors"))
    else:
        torch.save(state, path, _use_new_zipfile_serialization=kind not in {"legacy", "python2"})
    if kind == "python2":
        before = path.read_bytes()
        as_python2(path)
        assert path.read_bytes() != before and b"U\x06fc.bias" not in before
    read = read_published(path)
    assert read.keys() == state.keys() and all(torch.equal(read[name], state[name]) for name in state)
    if kind == "without counters":
        assert main(["import", "weights", str(path), "--out", str(tmp_path / "model.safetensors")]) == 0


def test_published_weights_go_through_every_command(
    store: Store,  # noqa: F811
    states: tuple[State, State],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def murauer(*words: object) -> str:
        assert main([str(word) for word in words]) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    for state, name in zip(states, ("n100.pth", "h.pth"), strict=True):
        torch.save(state, tmp_path / name)
    model = tmp_path / "model.safetensors"
    told = murauer(
        "import", "weights", tmp_path / "n100.pth", "--discriminator", tmp_path / "h.pth", "--labels", 4,
        "--out", model,
    )  # fmt: skip
    assert "m 4,198,400, p 1,092,650, g 11,168,640, h 4,199,425" in told

    # Frames of a store, cut out in whole pixels.
    joints = tmp_path / "joints.npy"
    murauer("predict", store.folder, "--split", "test", "--model", model, "--out", joints, "--workers", 1)
    network, config = load_model(model)
    assert config.network.published_quirks and config.network.box == "published"
    region = store.require("test").regions(np.arange(3))
    patch, crop = crop_hand(
        region.depth, region.intrinsics, region.centre, cube_mm=store.cube_mm, box="published"
    )
    with torch.no_grad():
        expected = crop.denormalise_joints(network(patch[:, None], real=True))
    np.testing.assert_allclose(np.load(joints)[:3], expected.numpy(), atol=0.05)

    # A single frame.
    frame = tmp_path / "frame.npy"
    np.save(frame, (np.array(store.require("test").depth[0, 0]) * DEPTH_UNIT_MM).astype(np.float32))
    fx, fy, u0, v0 = map(float, store.require("test").intrinsics[0, 0])
    camera = {"fx": fx, "fy": fy, "u0": u0, "v0": v0, "width": 40, "height": 40, "is_crop": True}
    (tmp_path / "camera.json").write_text(json.dumps(camera))
    of_frame = ["predict", frame, "--camera", tmp_path / "camera.json", "--cropped", "--depth-scale", 1]
    document = json.loads(murauer(*of_frame, "--model", model))
    assert document["skeleton"] == "nyu14" and len(document["frames"][0]["joints_xyz_mm"]) == 14

    measured = json.loads(murauer("evaluate", model, "--data", store.folder, "--json"))["mean_error_mm"]
    truth = np.array(store.require("test").joints[:, 0])
    assert measured == pytest.approx(np.linalg.norm(np.load(joints) - truth, axis=-1).mean(), abs=1e-3)
    murauer("experiment", "table1", model, "--data", store.folder, "--out", tmp_path / "figures")
    (row,) = json.loads((tmp_path / "figures" / "table1.json").read_text())["measured"]
    assert row["metrics"]["mean_error_mm"] == pytest.approx(measured, abs=1e-3)

    # A training goes on with all five networks: at a rate of nearly zero they stay what they are.
    settings = {
        "network": {"published_quirks": True, "box": "published"},
        "training": {"joint_iterations": 1, "set_size": 2, "learning_rate": 1e-12, "weight_decay": 0.0},
    }
    (tmp_path / "config.json").write_text(json.dumps(settings))
    run = tmp_path / "run"
    training = ["train", "--data", store.folder, "--labels", 4, "--config", tmp_path / "config.json"]
    murauer(*training, "--pretrained", model, "--out", run)
    given, (trained, _) = read_tensors(model)[0], read_tensors(run / "checkpoint.safetensors")
    for name in ("network.mapping.blocks.1.second.weight", "network.extractor.stages.0.0.conv1.weight",
                 "network.pose_head.joints.bias", "network.view_generator.layers.0.weight",
                 "discriminator.blocks.0.second.weight", "discriminator.score.weight"):  # fmt: skip
        torch.testing.assert_close(trained[name], given[name], rtol=0, atol=1e-6, msg=name)
    other = ["train", "--data", store.folder, "--labels", 4, "--config", "paper", "--out", tmp_path / "other"]
    assert main([str(word) for word in [*other, "--pretrained", model]]) == 2
    assert "has published_quirks True, that of the configuration False" in capsys.readouterr().err

    # ONNX, which cuts out likewise.
    monkeypatch.setattr(onnx, "CHECKED_FRAMES", 4)
    exported = tmp_path / "model.onnx"
    murauer("export", model, "--out", exported)
    by_onnx = json.loads(murauer(*of_frame, "--model", exported))
    first, second = (np.array(one["frames"][0]["joints_xyz_mm"]) for one in (document, by_onnx))
    np.testing.assert_allclose(second, first, atol=0.1)


def test_weights_that_are_none_are_refused(
    tmp_path: Path, states: tuple[State, State], capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "weights.pth", tmp_path / "model.safetensors"
    torch.save(states[0] | {"fc3_h0.weight": torch.zeros(60, 1024)}, path)
    assert main(["import", "weights", str(path), "--out", str(out)]) == 2
    assert "predict 20 joints; published ones predict 14 or 36" in capsys.readouterr().err
    torch.save(torch.nn.Linear(2, 2), path)
    assert main(["import", "weights", str(path), "--out", str(out)]) == 2
    assert "holds an object of 'torch.nn.modules.linear.Linear': code" in capsys.readouterr().err
    assert main(["import", "weights", str(path), "--out", str(tmp_path / "model.pt")]) == 2
    assert "written as .safetensors" in capsys.readouterr().err
    assert not out.exists()
