"""Batches, networks and losses stay on a GPU and do not wait for it, in both precisions; no GPU is needed."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import torch

from fake_gpu import GPU, DeviceCopy, FakeGpu, fake_gpu
from murauer.nets.fused import normalisation
from murauer.nets.network import HandPoseNetwork, make_discriminator
from murauer.store.store import Store
from murauer.training import batch_source
from murauer.training.batch import Batch
from murauer.training.batch_source import BatchSource
from murauer.training.config import Config, TrainingConfig, load_config
from murauer.training.device import networks_in
from murauer.training.forward import forward_pass
from murauer.training.loss_terms import discriminator as loss_of_discriminator
from murauer.training.loss_terms import loss_factors, losses_of
from murauer.training.variants import VARIANTS, Variant

TERMS = {
    "labelled_real": "pose",
    "pairs": "correspondence",
    "views_real": "view",
    "unlabelled_real": "mapping",
}
STAGES = [*((name, False) for name in VARIANTS), ("pre-training", True)]


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGpu]:
    with fake_gpu() as gpu:
        # What is drawn and read stays with the processor; these two are where it goes to the GPU.
        monkeypatch.setattr(batch_source, "to_device", gpu.put)
        cut = batch_source.to_samples

        def to_samples(*arguments: Any, **named: Any) -> Any:
            with gpu.computing():
                return cut(*arguments, **named)

        monkeypatch.setattr(batch_source, "to_samples", to_samples)
        yield gpu


def draw(store: Store, config: Config, name: str, pretraining: bool) -> Batch:
    variant = Variant("", real=False) if pretraining else VARIANTS[name]
    rows = store.labelled_rows(10 if variant.real else 0, 0)
    source = BatchSource(store, config, variant, rows, 0, GPU)
    return source.pretraining(0) if pretraining else source.joint(0)


@pytest.mark.parametrize("learns_from", ["both", "synthetic"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(("name", "pretraining"), STAGES)
def test_losses_are_computed_where_the_batch_is(
    tiny_store: Store, gpu: FakeGpu, name: str, pretraining: bool, precision: Any, learns_from: Any
) -> None:
    training = TrainingConfig(precision=precision, generator_learns_from=learns_from)
    config = msgspec.structs.replace(load_config("smoke"), training=training)
    own = draw(tiny_store, config, name, pretraining)
    tensors = (own.patch, own.joints, own.condition, own.labelled, own.paired, own.centre)
    assert all(tensor.device == GPU for tensor in tensors)
    network = gpu.put_module(HandPoseNetwork(config.network)).train()
    h = gpu.put_module(make_discriminator(config.network))
    computed: set[torch.dtype] = set()
    network.pose_head.hidden.register_forward_hook(lambda _, __, out: computed.add(out.dtype))
    with gpu.computing(), networks_in(precision, GPU.type):
        seen = forward_pass(network, h, own, training, pretraining)
        losses = losses_of(seen, loss_factors(config.loss_weights.scaled(config.network)))
        if "unlabelled_real" in own.rows:
            losses["discriminator"] = loss_of_discriminator(h, *seen.compared())
    assert computed == {getattr(torch, precision)}
    assert losses.keys() >= {"total", *(term for rows, term in TERMS.items() if rows in own.rows)}
    assert all((loss.device, loss.dtype) == (GPU, torch.float32) for loss in losses.values())


@pytest.mark.parametrize("shape", [(9, 4, 8, 8), (9, 4)])
def test_shared_statistics_wait_for_nothing(
    gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...]
) -> None:
    # Fake tensors do not know this function, which gives mean and variance of each channel.
    monkeypatch.setattr(
        torch, "batch_norm_update_stats", lambda maps, mean, variance, _: (mean + 0, variance + 0)
    )
    layer = gpu.put_module(normalisation.BatchNorm(4)).train()
    layer.add_up = lambda sums: sums * 2
    for layer.momentum in (0.1, None):
        with gpu.computing():
            out = layer(torch.empty(shape, device=GPU))
        assert (out.device, out.shape) == (GPU, shape)


def test_the_fake_gpu_would_notice(gpu: FakeGpu) -> None:
    there, here = gpu.put(torch.ones(3, 2)), torch.ones(3, 2)
    with gpu.computing():
        assert (there * 2 + torch.tensor(1.0)).device == GPU  # a number goes with the operation
        for copying in (
            there.cpu,
            lambda: here.to(GPU),
            lambda: there[[0, 1]],
            lambda: there[torch.tensor([0, 1])],
        ):
            with pytest.raises((DeviceCopy, NotImplementedError)):  # the latter of what was never there
                copying()
        for waiting in (
            lambda: float(there.sum()),
            lambda: there[there[:, 0] > 0],
            lambda: there + here,
            lambda: there + there.new_tensor([1.0, 2.0]),
        ):
            with pytest.raises(Exception, match=r"scalar_dense|nonzero|same device"):
                waiting()
