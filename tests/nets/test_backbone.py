"""A backbone from outside the package: f, m, p and h of other shapes, in one file."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import torch
from torch import Tensor, nn

from murauer.errors import UserError
from murauer.nets.backbone import BACKBONES, Backbone, register_backbone
from murauer.nets.config import NetworkConfig
from murauer.nets.model_file import load_model
from murauer.nets.network import HandPoseNetwork, make_discriminator
from murauer.nets.pose_head import PoseOutput
from murauer.store.store import Store
from murauer.training.config import Config, load_config
from murauer.training.train import train

CHANNELS = 5


class Maps(nn.Sequential):
    """f: patches to maps (B, C, P / 4, P / 4)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(nn.Conv2d(1, CHANNELS, 5, stride=4, padding=2), nn.BatchNorm2d(CHANNELS))


class PixelMapping(nn.Module):
    """m: maps to maps, pixel by pixel; starts as the identity."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.residuals = nn.ModuleList(nn.Conv2d(CHANNELS, CHANNELS, 1) for _ in range(config.mapping_blocks))
        for residual in self.residuals:
            nn.init.zeros_(residual.weight)
            nn.init.zeros_(residual.bias)

    def forward(self, maps: Tensor) -> Tensor:
        for residual in self.residuals:
            maps = maps + residual(maps)
        return maps


class PixelVotes(nn.Module):
    """p: every pixel votes for the joints."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.votes = nn.Conv2d(CHANNELS, 3 * config.joints, 1)
        self.hidden = nn.Linear(CHANNELS, config.features)

    def forward(self, maps: Tensor) -> PoseOutput:
        joints = self.votes(maps).mean((2, 3)).unflatten(1, (-1, 3))
        return PoseOutput(joints, self.hidden(maps.mean((2, 3))).relu())


class PixelScores(nn.Module):
    """h: the mean of a score for each pixel."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.score = nn.Conv2d(CHANNELS, 1, 1)

    def forward(self, maps: Tensor) -> Tensor:
        return self.score(maps).mean((1, 2, 3))


@pytest.fixture
def config() -> Iterator[Config]:
    register_backbone("maps", Backbone(Maps, PixelMapping, PixelVotes, discriminator=PixelScores))
    smoke = load_config("smoke")
    training = msgspec.structs.replace(smoke.training, pretraining_iterations=3, joint_iterations=3)
    network = msgspec.structs.replace(smoke.network, extractor="maps")
    yield msgspec.structs.replace(smoke, network=network, training=training)
    del BACKBONES["maps"]


def test_it_trains_is_saved_and_loaded(tiny_store: Store, config: Config, tmp_path: Path) -> None:
    model = train(tiny_store, config, variant="full", labels=10, seed=0, out=tmp_path)
    network, loaded = load_model(model)
    assert loaded.network.extractor == "maps" and isinstance(network.pose_head, PixelVotes)
    assert any(residual.weight.any() for residual in network.mapping.residuals)
    joints = network(torch.rand(2, 1, 32, 32))
    assert joints.shape == (2, 14, 3) and torch.isfinite(joints).all()
    del BACKBONES["maps"]
    with pytest.raises(UserError, match=r"network.extractor is 'maps', which is no backbone; .* residual"):
        load_model(model)
    BACKBONES["maps"] = Backbone(Maps)


def test_real_samples_are_mapped_whatever_says_which_they_are(config: Config) -> None:
    network = HandPoseNetwork(config.network).eval()
    for residual in network.mapping.residuals:
        nn.init.normal_(residual.weight)
    features = network.features(torch.rand(6, 1, 32, 32))
    assert features.shape == (6, CHANNELS, 8, 8)
    mask = torch.tensor([False, True, True, False, False, False])
    by_mask = network.align(features, mask)
    torch.testing.assert_close(network.align(features, slice(1, 3)), by_mask)
    torch.testing.assert_close(network.align(features, slice(0, 0)), network.align(features, False))
    assert not torch.equal(by_mask[1:3], network.align(features, False)[1:3])
    assert make_discriminator(config.network)(by_mask).shape == (6,)
    # The scale of a sample is fixed over all of its maps.
    torch.testing.assert_close(by_mask.square().mean((1, 2, 3)), torch.ones(6), rtol=1e-3, atol=1e-3)


def test_a_name_is_given_once() -> None:
    with pytest.raises(ValueError, match="there is a backbone 'residual' already"):
        register_backbone("residual", Backbone(Maps))


def test_sizes_that_only_the_residual_one_has_do_not_bind_others() -> None:
    sizes = NetworkConfig(extractor="maps", stage_widths=(9,) * 8)
    with pytest.raises(UserError, match="not divisible"):
        msgspec.structs.replace(sizes, extractor="residual")
