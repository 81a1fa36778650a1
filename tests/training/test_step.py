"""Steps have the losses of a naive implementation, train what they should, and nothing else."""

import copy
import dataclasses
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from murauer.nets.network import HandPoseNetwork, make_discriminator
from murauer.store.store import Store
from murauer.training.batch import BatchSource, MiniBatch
from murauer.training.config import Config, load_config
from murauer.training.device import Precision, networks_in
from murauer.training.step import JointLosses, JointStep, PretrainingStep, adam, joint_losses
from murauer.training.variants import VARIANTS, Variant

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "benchmarks"))
from training_step import loss_differences


@pytest.fixture(scope="module")
def config() -> Config:
    return load_config("smoke")


@pytest.fixture(scope="module")
def source(tiny_store: Store, config: Config) -> BatchSource:
    return BatchSource(tiny_store, config, VARIANTS["full"], tiny_store.labelled_rows(10, 0), seed=0)


def joint_step(config: Config, precision: Precision = "float32") -> JointStep:
    torch.manual_seed(0)
    training = msgspec.structs.replace(config.training, precision=precision)
    config = msgspec.structs.replace(config, training=training)
    return JointStep(HandPoseNetwork(config.network), make_discriminator(config.network), config)


def losses_of(batch: MiniBatch, config: Config, **training: object) -> tuple[HandPoseNetwork, JointLosses]:
    """A new network and its losses, with some settings of the training changed."""
    torch.manual_seed(0)
    network, discriminator = HandPoseNetwork(config.network).train(), make_discriminator(config.network)
    settings = msgspec.structs.replace(config.training, **training)
    weights = config.loss_weights.scaled(config.network)
    with networks_in(settings.precision, "cpu"):
        return network, joint_losses(network, discriminator, batch, weights, settings)


def has_gradient(module: torch.nn.Module) -> bool:
    return any(parameter.grad is not None and parameter.grad.any() for parameter in module.parameters())


def test_losses_are_those_of_a_naive_implementation(source: BatchSource, config: Config) -> None:
    batches: list[MiniBatch] = [source.joint(step) for step in range(3)]
    frozen, together = loss_differences(config, batches)
    assert max(frozen.values()) < 1e-4 and max(together.values()) < 1e-3


def test_the_discriminator_learns_from_its_own_loss_alone(source: BatchSource, config: Config) -> None:
    batch = source.joint(0)
    step = joint_step(config)
    assert step.discriminator is not None
    reference = copy.deepcopy(step.discriminator)
    step(batch)
    gradients = [parameter.grad for parameter in step.discriminator.parameters()]
    # h's gradient is that of eq. (12) with the z of before the step.
    network = joint_step(config).network
    weights = config.loss_weights.scaled(config.network)
    losses = joint_losses(network, reference, batch, weights, config.training)
    losses.discriminator(reference).backward()
    for gradient, parameter in zip(gradients, reference.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad)
    assert all(parameter.requires_grad for parameter in step.discriminator.parameters())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("reached", ["mapping", "extractor"])
def test_the_mapping_loss_trains_what_it_is_told_to_reach(
    source: BatchSource, config: Config, reached: str, precision: Precision
) -> None:
    network, losses = losses_of(source.joint(0), config, matching_reaches=reached, precision=precision)
    losses.mapping.backward()
    assert has_gradient(network.mapping) and not has_gradient(network.pose_head)
    assert has_gradient(network.extractor) == (reached == "extractor")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("domains", ["both", "synthetic"])
def test_the_generator_learns_from_views_of_the_domains_that_it_is_told(
    source: BatchSource, config: Config, domains: str, precision: Precision
) -> None:
    batch = source.joint(0)
    real = batch.real_views
    assert real is not None
    other = dataclasses.replace(real, target=-real.target)
    gradients = []
    for views in (real, other):
        changed = dataclasses.replace(batch, real_views=views)
        network, losses = losses_of(changed, config, generator_learns_from=domains, precision=precision)
        losses.view.backward()
        assert network.training and all(parameter.requires_grad for parameter in network.parameters())
        gradients.append({name: p.grad for name, p in network.named_parameters() if p.grad is not None})
    # What learns from the views of real frames has another gradient where they look different.
    learns = {name.split(".")[0] for name in gradients[0] if not gradients[0][name].equal(gradients[1][name])}
    assert learns == {"extractor", "mapping"} | (
        {"pose_head", "view_generator"} if domains == "both" else set()
    )
    assert has_gradient(network.view_generator)


def test_without_synthetic_views_the_generator_learns_from_real_ones(
    source: BatchSource, config: Config
) -> None:
    batch = dataclasses.replace(source.joint(0), synthetic_views=None)
    network, losses = losses_of(batch, config, generator_learns_from="synthetic")
    losses.view.backward()
    assert has_gradient(network.view_generator)


def test_the_fused_optimiser_is_adam(config: Config) -> None:
    torch.manual_seed(0)
    fused = [torch.nn.Parameter(torch.randn(5, 7)), torch.nn.Parameter(torch.randn(3))]
    plain = copy.deepcopy(fused)
    optimisers = (
        adam(fused, 1e-3, config),
        torch.optim.Adam(plain, lr=1e-3, weight_decay=config.training.weight_decay, foreach=False),
    )
    for _ in range(50):
        for own, other in zip(fused, plain, strict=True):
            own.grad = torch.randn_like(own)
            other.grad = own.grad.clone()
        for optimiser in optimisers:
            optimiser.step()
    for own, other in zip(fused, plain, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-5, atol=1e-6)


def test_half_precision_changes_the_losses_a_little(source: BatchSource, config: Config) -> None:
    """And the products alone: losses, weights and their gradients stay float32."""
    batch = source.joint(0)
    steps = joint_step(config), joint_step(config, "bfloat16")
    exact, half = (step(batch) for step in steps)
    difference = (half["total"] - exact["total"]).abs() / exact["total"]
    assert 0 < difference < 0.03
    assert all(loss.dtype == torch.float32 for loss in half.values())
    assert all(parameter.grad.dtype == torch.float32 for parameter in steps[1].network.parameters())


def test_pretraining_leaves_the_mapping_and_trains_the_rest(tiny_store: Store, config: Config) -> None:
    source = BatchSource(tiny_store, config, Variant("", real=False), np.zeros(0, int), 0)
    network = HandPoseNetwork(config.network)
    step = PretrainingStep(network, config)
    losses = step(source.pretraining(0))
    weights = config.loss_weights.scaled(config.network)
    torch.testing.assert_close(losses["total"], losses["pose"] + weights.view * losses["view"])
    trained = {name for name, parameter in network.named_parameters() if parameter.grad is not None}
    assert trained == {name for name, _ in network.named_parameters() if not name.startswith("mapping")}


def test_sets_cut_out_together_are_those_cut_out_one_by_one(tiny_store: Store, config: Config) -> None:
    """Windows of different sizes cannot be cut out together: the same frames in larger windows."""
    rows = tiny_store.labelled_rows(10, 0)
    synthetic = tiny_store.require("synthetic")
    pad = ((0, 0), (0, 0), (3, 5), (2, 6))
    intrinsics = synthetic.intrinsics + np.array([0, 0, 2, 3], np.float32)
    wide = dataclasses.replace(synthetic, depth=np.pad(synthetic.depth, pad), intrinsics=intrinsics)
    mixed = dataclasses.replace(tiny_store, synthetic=wide)
    together, alone = (
        BatchSource(store, config, VARIANTS["full"], rows, 0).joint(3) for store in (tiny_store, mixed)
    )
    for first, second in (
        (together.synthetic, alone.synthetic),
        (together.corresponding.real, alone.corresponding.real),
        (together.corresponding.synthetic, alone.corresponding.synthetic),
        (together.real_views.input, alone.real_views.input),
        (together.synthetic_views.input, alone.synthetic_views.input),
        (together.unlabelled.real, alone.unlabelled.real),
        (together.unlabelled.synthetic, alone.unlabelled.synthetic),
    ):
        assert (first.patch - second.patch).abs().gt(1e-4).float().mean() < 0.01  # ties of rounding
        torch.testing.assert_close(first.joints, second.joints, rtol=0, atol=1e-4)
    assert torch.equal(together.real_views.condition, alone.real_views.condition)
