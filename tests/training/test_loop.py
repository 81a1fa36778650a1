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
from murauer.training.batch import Batch
from murauer.training.batch_source import BatchSource
from murauer.training.config import Config, load_config
from murauer.training.device import Precision, networks_in
from murauer.training.forward import ForwardPass, forward_pass
from murauer.training.loop import Training
from murauer.training.loss_terms import discriminator, loss_factors, losses_of
from murauer.training.optimisation import adam
from murauer.training.variants import VARIANTS, Variant

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "benchmarks"))
from training_step import loss_differences


@pytest.fixture(scope="module")
def config() -> Config:
    return load_config("smoke")


@pytest.fixture(scope="module")
def source(tiny_store: Store, config: Config) -> BatchSource:
    return BatchSource(tiny_store, config, VARIANTS["full"], tiny_store.labelled_rows(10, 0), seed=0)


def joint(config: Config, precision: Precision = "float32") -> Training:
    torch.manual_seed(0)
    settings = msgspec.structs.replace(config.training, precision=precision)
    config = msgspec.structs.replace(config, training=settings)
    network = HandPoseNetwork(config.network)
    return Training(network, config, make_discriminator(config.network))


def losses(
    batch: Batch, config: Config, **training: object
) -> tuple[HandPoseNetwork, dict[str, torch.Tensor]]:
    """A new network and its losses, with some settings of the training changed."""
    seen = pass_of(batch, config, **training)
    with networks_in(seen.training.precision, "cpu"):
        return seen.network, losses_of(seen, loss_factors(config.loss_weights.scaled(config.network)))


def pass_of(batch: Batch, config: Config, **training: object) -> ForwardPass:
    torch.manual_seed(0)
    network, h = HandPoseNetwork(config.network).train(), make_discriminator(config.network)
    settings = msgspec.structs.replace(config.training, **training)
    with networks_in(settings.precision, "cpu"):
        return forward_pass(network, h, batch, settings)


def has_gradient(module: torch.nn.Module) -> bool:
    return any(parameter.grad is not None and parameter.grad.any() for parameter in module.parameters())


def test_losses_are_those_of_a_naive_implementation(source: BatchSource, config: Config) -> None:
    batches: list[Batch] = [source.joint(step) for step in range(3)]
    frozen, together = loss_differences(config, batches)
    assert max(frozen.values()) < 1e-4 and max(together.values()) < 1e-3


def test_the_discriminator_learns_from_its_own_loss_alone(source: BatchSource, config: Config) -> None:
    batch = source.joint(0)
    training = joint(config)
    assert training.discriminator is not None
    training.step(batch)
    gradients = [parameter.grad for parameter in training.discriminator.parameters()]
    # h's gradient is that of eq. (12) with the z of before the step.
    seen = pass_of(batch, config)
    assert seen.discriminator is not None
    discriminator(seen.discriminator, *seen.compared()).backward()
    for gradient, parameter in zip(gradients, seen.discriminator.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad)
    assert all(parameter.requires_grad for parameter in training.discriminator.parameters())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("reached", ["mapping", "extractor"])
def test_the_mapping_loss_trains_what_it_is_told_to_reach(
    source: BatchSource, config: Config, reached: str, precision: Precision
) -> None:
    network, found = losses(source.joint(0), config, matching_reaches=reached, precision=precision)
    found["mapping"].backward()
    assert has_gradient(network.mapping) and not has_gradient(network.pose_head)
    assert has_gradient(network.extractor) == (reached == "extractor")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("domains", ["both", "synthetic"])
def test_the_generator_learns_from_views_of_the_domains_that_it_is_told(
    source: BatchSource, config: Config, domains: str, precision: Precision
) -> None:
    batch = source.joint(0)
    other = batch.patch.clone()
    other[batch.rows["targets_real"]] *= -1
    gradients = []
    for patch in (batch.patch, other):
        changed = dataclasses.replace(batch, patch=patch)
        network, found = losses(changed, config, generator_learns_from=domains, precision=precision)
        found["view"].backward()
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
    batch = source.joint(0)
    rows = {name: own for name, own in batch.rows.items() if name != "views_synthetic"}
    network, found = losses(dataclasses.replace(batch, rows=rows), config, generator_learns_from="synthetic")
    found["view"].backward()
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
    trainings = joint(config), joint(config, "bfloat16")
    exact, half = (training.step(batch) for training in trainings)
    difference = (half["total"] - exact["total"]).abs() / exact["total"]
    assert 0 < difference < 0.03
    assert all(loss.dtype == torch.float32 for loss in half.values())
    assert all(parameter.grad.dtype == torch.float32 for parameter in trainings[1].network.parameters())


def test_pretraining_leaves_the_mapping_and_trains_the_rest(tiny_store: Store, config: Config) -> None:
    source = BatchSource(tiny_store, config, Variant("", real=False), np.zeros(0, int), 0)
    network = HandPoseNetwork(config.network)
    found = Training(network, config, pretraining=True).step(source.pretraining(0))
    weights = config.loss_weights.scaled(config.network)
    torch.testing.assert_close(found["total"], found["pose"] + weights.view * found["view"])
    assert found.keys() == {"total", "pose", "view"}
    trained = {name for name, parameter in network.named_parameters() if parameter.grad is not None}
    assert trained == {name for name, _ in network.named_parameters() if not name.startswith("mapping")}
