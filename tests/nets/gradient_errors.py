"""Prints by how much values and gradients of the networks and their layers miss those of float64, as JSON.

A program of its own, because where they are wrong the process may die of it.
"""

import copy
import json
from collections.abc import Iterator
from itertools import chain

import torch
from torch import Tensor, nn

from murauer.handfinder.network import ProposalNetwork, RefinementNetwork
from murauer.nets.config import NetworkConfig
from murauer.nets.feature_extractor import FeatureExtractor
from murauer.nets.network import HandPoseNetwork
from murauer.selftest.layers import layers_called, leave_no_zeros, result_and_gradients

CHANNELS = range(1, 65)
NARROW = range(1, 13)
BLOCKS = ("basic", "bottleneck")
BATCH = 3
THREADS = (1, 2)


def config(block: str, channels: int) -> NetworkConfig:
    """Layers from and to this number of channels, of few pixels."""
    wide = block == "basic"
    return NetworkConfig(
        patch_size=32, stem_stride=2, stem_channels=channels, block=block, blocks_per_stage=1,
        stage_widths=(8, channels) if wide else (4 * channels,),
        generator_channels=(channels, 5) if wide else (5, channels),
        features=channels, joints=3,
    )  # fmt: skip


def layers_of_pose_network(block: str, channels: int) -> Iterator[tuple[nn.Module, Tensor]]:
    network = HandPoseNetwork(config(block, channels))

    def run() -> None:
        hidden = network.pose(network.latent(torch.randn(BATCH, 1, 32, 32), real=True)).hidden
        network.view(hidden, torch.zeros(BATCH, 3))

    return layers_called(network, run)


def layers_of_finder() -> Iterator[tuple[nn.Module, Tensor]]:
    proposal, judge = (
        network.to(memory_format=torch.channels_last) for network in (ProposalNetwork(), RefinementNetwork())
    )
    return chain(
        layers_called(proposal, lambda: proposal(torch.rand(BATCH, 32, 48))),
        layers_called(judge, lambda: judge(torch.randn(BATCH, 1, 64, 64))),
    )


def smooth_extractor(block: str, channels: int) -> FeatureExtractor:
    """f without kinks, near which the gradient at a rounded value is another one."""
    extractor = FeatureExtractor(config(block, channels))
    leave_no_zeros(extractor)
    for module in extractor.modules():
        if hasattr(module, "relu"):
            module.relu = nn.Tanh()
    return extractor


def modules() -> dict[str, tuple[nn.Module, Tensor]]:
    """All different layers, and whole extractors, with what they are given."""
    pose = (layers_of_pose_network(block, channels) for channels in CHANNELS for block in BLOCKS)
    layers = chain(layers_of_finder(), chain.from_iterable(pose))
    extractors = {
        f"{block} extractor of {channels} channels": (
            smooth_extractor(block, channels), torch.randn(BATCH, 1, 32, 32)
        )
        for block in BLOCKS
        for channels in NARROW
    }  # fmt: skip
    return {f"{layer} of {tuple(given.shape)}": (layer, given) for layer, given in layers} | extractors


def error(module: nn.Module, found: list[Tensor], exact: list[Tensor]) -> float:
    """Largest difference relative to the largest value."""
    differences = [float((own - true).abs().max()) for own, true in zip(found, exact, strict=True)]
    sizes = [float(true.abs().max()) for true in exact]
    if isinstance(module, FeatureExtractor):
        # A weight that normalisation undoes has no gradient but rounding: only that of all has a size.
        return max(differences) / max(sizes)
    return max(difference / size for difference, size in zip(differences, sizes, strict=True))


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    tried = modules()
    exact = {
        name: result_and_gradients(copy.deepcopy(module).double(), given.double())
        for name, (module, given) in tried.items()
    }
    errors = dict.fromkeys(tried, 0.0)
    for threads in THREADS:
        torch.set_num_threads(threads)
        for name, (module, given) in tried.items():
            module.zero_grad()
            found = result_and_gradients(module, given)
            errors[name] = max(error(module, found, exact[name]), errors[name])
    print(json.dumps(errors))


if __name__ == "__main__":
    main()
