"""Training keeps to its device and does not wait for it.

Where there is no GPU, PyTorch's fake tensors stand in for it: they know devices and shapes, but no values. An
operation on tensors of two devices fails, and so does one that asks for a value, which on a GPU is a wait.
"""

import re
import threading
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from fake_gpu import put_module
from murauer.errors import UserError
from murauer.nets.model_file import read_tensors
from murauer.nets.network import HandPoseNetwork, make_discriminator
from murauer.store.store import Store
from murauer.training import batch_source, loop
from murauer.training.batch import Batch
from murauer.training.batch_source import BatchSource
from murauer.training.checkpoint import CHECKPOINT_FILE
from murauer.training.config import Config, load_config
from murauer.training.device import CPU, open_device, prefetched, steps_ahead
from murauer.training.loop import Training
from murauer.training.plan import Plan, Stage
from murauer.training.train import train
from murauer.training.variants import VARIANTS, Variant

META = torch.device("meta")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU with CUDA")


@pytest.fixture(scope="module")
def config() -> Config:
    return load_config("smoke")


def sources(store: Store, config: Config, device: torch.device = CPU) -> dict[str, BatchSource]:
    rows = store.labelled_rows(10, 0)
    return {
        "joint": BatchSource(store, config, VARIANTS["full"], rows, 0, device),
        "pretraining": BatchSource(store, config, Variant("", real=False), rows[:0], 0, device),
    }


class OtherDevice:
    """PyTorch's "meta" device under a mode that refuses to mix it with the processor."""

    def __init__(self) -> None:
        self.mode = FakeTensorMode(allow_non_fake_inputs=True)

    def put(self, values: Tensor, device: torch.device = META) -> Tensor:
        with self.mode:
            return values.to(device)

    def put_module(self, module: nn.Module) -> Any:
        return put_module(module, self.put)


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> OtherDevice:
    other = OtherDevice()

    def in_mode(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            with other.mode:
                return function(*arguments, **named)

        return call

    # What is drawn and read stays with the processor and has values.
    monkeypatch.setattr(batch_source, "to_device", other.put)
    monkeypatch.setattr(batch_source, "to_samples", in_mode(batch_source.to_samples))
    # This device has neither half precision nor a fused optimiser.
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda *_: False)
    monkeypatch.setattr(loop, "adam", lambda parameters, rate, _: torch.optim.SGD(parameters, rate))
    return other


def make(stage: str, network: Any, discriminator: Any, config: Config) -> Training:
    if stage == "joint":
        return Training(network, config, discriminator)
    return Training(network, config, pretraining=True)


@pytest.mark.parametrize("stage", ["joint", "pretraining"])
def test_a_step_keeps_to_its_device_and_waits_for_nothing(
    tiny_store: Store, config: Config, other: OtherDevice, stage: str
) -> None:
    own: Batch = getattr(sources(tiny_store, config, META)[stage], stage)(0)
    network = other.put_module(HandPoseNetwork(config.network))
    discriminator = other.put_module(make_discriminator(config.network))
    training: Any = make(stage, network, discriminator, config)
    # The processor counts the updates, where reading is no wait; in the mode the number would have no value.
    assert training.average.n_averaged.device == CPU
    del training.average.n_averaged
    training.average.n_averaged = 1
    with other.mode:
        losses = training.step(own)
    assert losses.keys() >= {"total", "pose", "view"}
    assert all(loss.device == META for loss in losses.values())


def test_the_other_device_would_notice(other: OtherDevice) -> None:
    there = other.put(torch.ones(3, 2))
    with other.mode:
        with pytest.raises(Exception, match="same device"):
            there + torch.ones(3, 2)
        with pytest.raises(Exception, match=r"item|data-dependent|_local_scalar"):
            float(there.sum())
        with pytest.raises(Exception, match="nonzero"):
            there[there[:, 0] > 0]


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cpu:0", "cuda:99", ""])
def test_a_device_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=r"choose cpu, cuda|there is no device cuda:99"):
        open_device(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU with CUDA")
def test_without_a_gpu_the_user_is_told_what_to_do() -> None:
    with pytest.raises(UserError, match=r"there is no device cuda:0: .* finds no GPU here; use --device cpu"):
        open_device("cuda")
    assert open_device("cpu") == CPU and steps_ahead(CPU) == 0


@pytest.mark.parametrize("ahead", [0, 3])
def test_batches_made_ahead_are_those_of_their_steps(ahead: int) -> None:
    made: list[int] = []
    with prefetched(lambda step: made.append(step) or step * step, 10, ahead) as batch:
        assert [batch(step) for step in range(4, 10)] == [16, 25, 36, 49, 64, 81]
    assert sorted(made) == [4, 5, 6, 7, 8, 9]


def test_the_next_batches_are_begun_while_a_step_computes() -> None:
    begun = threading.Event()

    def make(step: int) -> int:
        if step == 1:
            begun.set()
        return step

    with prefetched(make, 5, 2) as batch:
        assert batch(0) == 0 and begun.wait(10)


def test_an_error_of_a_batch_made_ahead_is_raised_in_its_step() -> None:
    def make(step: int) -> int:
        if step == 1:
            raise UserError("unreadable")
        return step

    with prefetched(make, 5, 2) as batch:
        assert batch(0) == 0
        with pytest.raises(UserError, match="unreadable"):
            batch(1)


class OnGpu(Tensor):
    """A number that says that it is on a GPU, and counts how often it is waited for."""

    is_cuda = True
    waits = 0

    def tolist(self) -> Any:
        OnGpu.waits += 1
        return super().tolist()


def run_on_gpu(config: Config, folder: Path, losses: Callable[[int], Tensor]) -> None:
    """A training of 120 steps whose losses are on a GPU and whose batch is the number of its step."""
    settings = msgspec.structs.replace(config.training, joint_iterations=120, checkpoint_every=40)
    config = msgspec.structs.replace(config, training=settings)
    training: Any = Training(HandPoseNetwork(config.network), config)
    training.step = lambda step: {"total": losses(step).as_subclass(OnGpu)}
    plan = Plan((Stage("on a GPU", training.iterations, 1),))
    training.run("on a GPU", lambda step: [step], folder / CHECKPOINT_FILE, "identity", plan)


def test_losses_on_a_gpu_are_waited_for_only_now_and_then(config: Config, tmp_path: Path) -> None:
    steps_in_between: list[int] = []

    def losses(step: int) -> Tensor:
        steps_in_between.append(OnGpu.waits)
        return torch.tensor(float(step))

    OnGpu.waits = 0
    run_on_gpu(config, tmp_path, losses)
    assert steps_in_between[1] == steps_in_between[39] == 1  # after the first step, and then after 40
    assert OnGpu.waits == 120  # when they are read, all are
    assert read_tensors(tmp_path / CHECKPOINT_FILE)[1]["step"] == "120"


def test_a_loss_on_a_gpu_that_is_not_finite_stops_before_the_next_checkpoint(
    config: Config, tmp_path: Path
) -> None:
    def losses(step: int) -> Tensor:
        return torch.tensor(float("nan") if step == 61 else 1.0)

    with pytest.raises(UserError, match=re.escape("stopped at step 61: the loss 'total' is nan")):
        run_on_gpu(config, tmp_path, losses)
    assert read_tensors(tmp_path / CHECKPOINT_FILE)[1]["step"] == "40"


@needs_gpu
@pytest.mark.parametrize("stage", ["joint", "pretraining"])
def test_three_steps_on_a_gpu_are_those_of_the_processor(
    tiny_store: Store, config: Config, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    losses: list[list[dict[str, float]]] = []
    for device in (CPU, open_device("cuda")):
        torch.manual_seed(0)
        network = HandPoseNetwork(config.network).to(device)
        training = make(stage, network, make_discriminator(config.network).to(device), config)
        draw = getattr(sources(tiny_store, config, device)[stage], stage)
        losses.append([{k: float(v) for k, v in training.step(draw(step)).items()} for step in range(3)])
    for on_processor, on_gpu in zip(*losses, strict=True):
        assert on_gpu == pytest.approx(on_processor, rel=1e-3)


@needs_gpu
def test_a_training_goes_on_on_another_device(
    tiny_store: Store, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = msgspec.structs.replace(
        config.training, pretraining_iterations=4, joint_iterations=4, checkpoint_every=2
    )
    config = msgspec.structs.replace(config, training=training)
    update = Training.step

    def stops(own: Training, *parts: Any) -> dict[str, Tensor]:
        if not own.pretraining and int(own.average.n_averaged) == 3:
            raise KeyboardInterrupt
        return update(own, *parts)

    arguments: Any = {"variant": "full", "labels": 10, "seed": 0, "out": tmp_path}
    with monkeypatch.context() as patch:
        patch.setattr(Training, "step", stops)
        with pytest.raises(KeyboardInterrupt):
            train(tiny_store, config, device=open_device("cuda"), **arguments)
    assert read_tensors(tmp_path / CHECKPOINT_FILE)[1]["step"] == "2"
    assert train(tiny_store, config, **arguments).exists()
