"""Forward and backward pass of every layer of the product against float64, on this processor.

Libraries have code of their own for each instruction set, and of some of it we know that it was wrong.
"""

import copy
import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from murauer.nets.deployed import AnyNetwork, make_network
from murauer.nets.network import make_discriminator
from murauer.selftest.outcome import Outcome
from murauer.training.config import load_config

CONFIGS = ("base", "small", "paper")
"""Their networks have all layers there are."""

IMAGES = 3
MOST = 1e-4
"""Relative to the largest value: some times what float32 rounds sums of thousands of values by."""


def check_layers(networks: Iterator[tuple[nn.Module, Callable[[], object]]] | None = None) -> Outcome:
    """Compare all layers with themselves in float64.

    Args:
        networks: Modules, each with what runs all of it; by default those of the product.
    """
    layers: dict[str, tuple[nn.Module, Tensor]] = {}
    with torch.random.fork_rng(devices=()):  # no training notices
        torch.manual_seed(0)
        for network, run in product_networks() if networks is None else networks:
            for layer, given in layers_called(network, run):
                layers.setdefault(f"{layer} of {tuple(given.shape)}", (layer, given))
    found = {name: largest_difference(layer, given) for name, (layer, given) in layers.items()}
    worst = max(found, key=lambda name: (math.isnan(found[name]), found[name]))
    what = f"of {len(found)} layers, {worst} differs most from float64,"
    return Outcome(what, found[worst], MOST, "of the largest value")


def product_networks() -> Iterator[tuple[nn.Module, Callable[[], object]]]:
    """f, m, p, g and h of the packaged configs, and what runs all of them."""
    for name in CONFIGS:
        sizes = load_config(name).sizes
        network, discriminator = make_network(sizes), make_discriminator(sizes)
        patch = torch.randn(IMAGES, 1, sizes.patch_size, sizes.patch_size)

        def run(
            network: AnyNetwork = network, discriminator: nn.Module = discriminator, patch: Tensor = patch
        ) -> None:
            latent = network.latent(patch, True)
            network.view(network.pose(latent).hidden, torch.zeros(len(patch), 3))
            discriminator(latent)

        yield nn.ModuleList([network, discriminator]), run


def layers_called(network: nn.Module, run: Callable[[], object]) -> Iterator[tuple[nn.Module, Tensor]]:
    """Layers with parameters that a run calls, and something like what each is given."""
    calls: list[tuple[nn.Module, Tensor]] = []

    def note(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        calls.append((layer, torch.randn_like(inputs[0])))

    layers = [module for module in network.modules() if is_layer(module)]
    hooks = [layer.register_forward_pre_hook(note) for layer in layers]
    leave_no_zeros(network)
    with torch.no_grad():
        run()
    for hook in hooks:
        hook.remove()
    return iter(calls)


def is_layer(module: nn.Module) -> bool:
    """Whether it has parameters and no parts."""
    return not any(module.children()) and any(True for _ in module.parameters())


def leave_no_zeros(network: nn.Module) -> None:
    """Give normalisations any weights; those that end a residual branch start with zeros."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)


def largest_difference(layer: nn.Module, given: Tensor) -> float:
    """By how much result and gradients of a layer differ from those in float64, of their largest values."""
    exact = result_and_gradients(copy.deepcopy(layer).double(), given.double())
    layer.zero_grad()
    found = result_and_gradients(layer, given)
    both = zip(found, exact, strict=True)
    return float(torch.stack([(own - true).abs().max() / true.abs().max() for own, true in both]).max())


def result_and_gradients(network: nn.Module, given: Tensor) -> list[Tensor]:
    """Result, gradient of what is given, where there is one, and those of the parameters."""
    given = given.clone().requires_grad_()
    result = network(given)
    result.backward(torch.randn(result.shape, generator=torch.Generator().manual_seed(0)).to(result))
    gradients = [given.grad, *(parameter.grad for parameter in network.parameters())]
    return [result.detach(), *(gradient for gradient in gradients if gradient is not None)]
