"""A model is adapted with labels, without, and to one camera; it learns, and does not forget."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Generator, nn

from murauer.cli.main import main
from murauer.errors import UserError
from murauer.nets.config import DenseConfig, ModelConfig
from murauer.nets.dense_network import DenseHandPoseNetwork
from murauer.nets.model_file import load_model, read_tensors, save_model
from murauer.store.store import Store
from murauer.training.adapt import like_sensors
from murauer.training.adapt.adapt import Adaptation, Trainer, adapt, load_dense
from murauer.training.adapt.held_out import HeldOut
from murauer.training.adapt.keep import between, keep_skill
from murauer.training.adapt.recorded import believed_frames, labelled_frames

SIZES = DenseConfig(
    patch_size=32, stride=4, widths=(8, 12), encoder_blocks=(0, 1), decoder_blocks=(1,), hidden=8,
    mapping_blocks=1, generator_channels=(8, 8),
)  # fmt: skip
FEW = Adaptation(steps=4, batch=8)


@pytest.fixture(autouse=True)
def few_sensors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trying a hundred takes half a minute."""
    monkeypatch.setattr(like_sensors, "TRIED", 7)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("start") / "start.safetensors"
    save_model(path, DenseHandPoseNetwork(SIZES), ModelConfig(skeleton="hand21", dense=SIZES))
    return path


def weights(network: nn.Module) -> torch.Tensor:
    return torch.cat([value.flatten().double() for value in network.state_dict().values()])


def test_the_same_seed_adapts_alike_and_another_does_not(tiny_store: Store, start: Path) -> None:
    rows = tiny_store.labelled_rows(6, 0)
    first, again = (adapt(tiny_store, start, rows, FEW) for _ in range(2))
    other = adapt(tiny_store, start, rows, dataclasses.replace(FEW, seed=1))
    assert weights(first.network).equal(weights(again.network)) and first.own_mm == again.own_mm
    assert not weights(first.network).equal(weights(other.network))
    assert len(first.apart_mm) == 2 and first.own_mm[1] <= 1.07 * first.own_mm[0]


def test_one_camera_is_enough(tiny_store: Store, start: Path) -> None:
    alone = dataclasses.replace(tiny_store, view_pair=None)
    network, _ = load_dense(start)
    believed, apart = believed_frames(network, alone, np.zeros(0, int), 50)
    assert apart is None and not believed.views.any()
    assert adapt(alone, start, np.zeros(0, int), FEW).apart_mm == ()


def test_two_cameras_learn_from_what_they_agree_on(tiny_store: Store, start: Path) -> None:
    network, _ = load_dense(start)
    without = np.arange(10)
    believed, apart = believed_frames(network, tiny_store, without, 500)
    assert apart is not None and apart > 0
    assert set(believed.views.tolist()) == {0, 1} and not np.isin(believed.rows, without).any()
    assert len(believed) == 2 * (len(tiny_store.require("real")) - 10)
    assert ((believed.weight > 0) & (believed.weight <= 1)).all()


def test_labels_are_learned_from_whatever_is_believed(tiny_store: Store, start: Path) -> None:
    """Only they say where the hands of these frames are: they are learned by heart."""
    network, _ = load_dense(start)
    rows = tiny_store.labelled_rows(8, 0)
    labelled = labelled_frames(network, tiny_store, rows)
    assert set(labelled.views.tolist()) == {0, 1}
    held = HeldOut(tiny_store, rows)
    held._regions = [tiny_store.require("real").regions(rows)]
    before = held.error(network)
    generator = Generator().manual_seed(0)
    settings = Adaptation(steps=150, batch=32, learning_rate=5e-3, average_decay=0.9)
    trainer = Trainer(network, settings, generator)
    trainer.train(150, [labelled])
    after = held.error(trainer.average.module)
    assert before is not None and after is not None and after < 0.7 * before


def test_left_hands_are_believed_where_the_camera_saw_them(tiny_store: Store, start: Path) -> None:
    """A set of left hands is the mirror image of one of right hands, and so is what is believed of it."""
    network, _ = load_dense(start)
    frames = tiny_store.require("real")
    flip = np.array([-1, 1, 1], np.float32)
    intrinsics = frames.intrinsics.copy()
    intrinsics[..., 2] = frames.depth.shape[-1] - 1 - intrinsics[..., 2]
    mirrored = dataclasses.replace(
        frames, depth=np.ascontiguousarray(frames.depth[..., ::-1]), intrinsics=intrinsics,
        centre=frames.centre * flip, joints=frames.joints * flip, left=~frames.left,
    )  # fmt: skip
    none = np.zeros(0, int)
    right, _ = believed_frames(network, tiny_store, none, 50)
    left, _ = believed_frames(network, dataclasses.replace(tiny_store, real=mirrored), none, 50)
    torch.testing.assert_close(left.joints, right.joints, atol=0.05, rtol=0)


def test_a_network_between_two(start: Path) -> None:
    first, last = load_dense(start)[0], load_dense(start)[0]
    with torch.no_grad():
        for value in last.parameters():
            value.add_(1.0)
    middle = between(first, last, 0.25)
    for name, value in middle.named_parameters():
        torch.testing.assert_close(value, first.get_parameter(name) + 0.25)
    assert weights(between(first, last, 1.0)).equal(weights(last))


@pytest.mark.parametrize(("unlearned", "share"), [(0.05, 1.0), (0.15, 0.4), (1.0, 0.0)])
def test_it_steps_back_from_what_unlearns_too_much(start: Path, unlearned: float, share: float) -> None:
    first, last = load_dense(start)[0], load_dense(start)[0]
    with torch.no_grad():
        last.pose_head.bias.add_(1.0)

    def error(network: DenseHandPoseNetwork) -> float:
        return 10 * (1 + unlearned * (network.pose_head.bias - first.pose_head.bias).mean().item())

    kept = keep_skill(first, last, error)
    torch.testing.assert_close(kept.pose_head.bias, first.pose_head.bias + share)


def test_labels_are_held_out_where_nothing_else_is_labelled(tiny_store: Store) -> None:
    rows = tiny_store.labelled_rows(10, 0)
    assert HeldOut(tiny_store, rows).rows.tolist() == rows.tolist()
    alone = dataclasses.replace(tiny_store, validation=None)
    held = HeldOut(alone, rows)
    assert len(held.rows) == 8 and held.name.startswith("2 labelled frames")
    assert HeldOut(alone, rows[:5]).error(None) is None  # type: ignore[arg-type]


def test_the_command_writes_a_model_for_all_others(
    tiny_store: Store, start: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "models" / "mine.safetensors"
    words = ["adapt", str(tiny_store.folder), "--out", str(out), "--start", str(start), "--labels", "5"]
    assert main([*words, "--steps", "2", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["labels"] == 5 and result["held_out"] == "the validation frames"
    network, config = load_model(out)
    assert config.dense == SIZES and not any("view_generator" in name for name in read_tensors(out)[0])
    assert isinstance(network, DenseHandPoseNetwork)
    assert main(["evaluate", str(out), "--data", str(tiny_store.folder), "--json"]) == 0
    again = tmp_path / "again"
    assert main([*words[:3], str(again), "--start", str(out), "--labels", "0", "--steps", "2"]) == 0
    printed = capsys.readouterr().out
    assert "adapted to" in printed and "with 0 labels" in printed and "mm before" in printed
    assert (again / "model.safetensors").exists()


def test_what_cannot_be_adapted_is_named(tiny_store: Store) -> None:
    with pytest.raises(UserError, match="small is no dense model of skeleton hand21"):
        adapt(tiny_store, "small", np.zeros(0, int), FEW)
