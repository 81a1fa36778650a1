"""The table of backbones: what f is, and the m, p, g and h that work on its features."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import nn

from murauer.errors import UserError
from murauer.nets.compatibility import PublishedBlock
from murauer.nets.config import NetworkConfig
from murauer.nets.discriminator import Discriminator
from murauer.nets.feature_extractor import FeatureExtractor
from murauer.nets.feature_mapping import FeatureMapping, FullyConnectedBlock
from murauer.nets.pose_head import PoseHead
from murauer.nets.view_generator import ViewGenerator

Part = Callable[[NetworkConfig], nn.Module]
"""Makes a network of a configuration."""


def vector_mapping(config: NetworkConfig) -> FeatureMapping:
    """M of the paper, for features (B, F)."""
    return FeatureMapping(config.features, config.mapping_blocks, _block(config))


def vector_pose_head(config: NetworkConfig) -> PoseHead:
    """P of the paper, for z (B, F)."""
    return PoseHead(config.features, config.joints)


def vector_view_generator(config: NetworkConfig) -> ViewGenerator:
    """G of the paper, for activations of p (B, F)."""
    return ViewGenerator(config.features, config.generator_channels, config.patch_size)


def vector_discriminator(config: NetworkConfig) -> Discriminator:
    """H of the paper, for z (B, F)."""
    return Discriminator(config.features, config.mapping_blocks, _block(config))


def _block(config: NetworkConfig) -> Callable[[int], FullyConnectedBlock]:
    block = PublishedBlock if config.published_quirks else FullyConnectedBlock
    return partial(block, identity_start=config.identity_start)


@dataclass(frozen=True)
class Backbone:
    """What makes f, m, p, g and h of a configuration; all but f are by default the paper's, for vectors.

    z' and z have one shape, (B, F) or any other, such as maps (B, C, H, W).

    Attributes:
        extractor: f, from patches (B, 1, P, P) to features z', not rectified.
        mapping: m, from z' to z'; the identity where `mapping_blocks` is 0.
        pose_head: p, from z to a `PoseOutput`, or what has its fields and more.
        view_generator: g, from the hidden activations in it and crop centres (B, 3) to patches.
        discriminator: h, from z to scores (B,).
    """

    extractor: Part
    mapping: Part = vector_mapping
    pose_head: Part = vector_pose_head
    view_generator: Part = vector_view_generator
    discriminator: Part = vector_discriminator


BACKBONES: dict[str, Backbone] = {"residual": Backbone(FeatureExtractor)}
"""All backbones, by their name in the configuration."""


def register_backbone(name: str, backbone: Backbone) -> None:
    """Add a backbone to the table.

    Raises:
        ValueError: There is one of that name.
    """
    if name in BACKBONES:
        raise ValueError(f"there is a backbone '{name}' already")
    BACKBONES[name] = backbone


def find_backbone(config: NetworkConfig) -> Backbone:
    """The backbone of a configuration.

    Raises:
        UserError: There is none of that name.
    """
    try:
        return BACKBONES[config.extractor]
    except KeyError:
        raise UserError(
            f"network.extractor is '{config.extractor}', which is no backbone; choose of "
            f"{', '.join(BACKBONES)} or import the module that registers it first"
        ) from None
