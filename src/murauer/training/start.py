"""What a training starts with: a network for its store, random or of a model, and the joints that it has.

Every training can start from the packaged base model, which knows hands already; what a store then teaches it
is its camera. m starts as the identity in any case, and g untrained unless the model has one.
"""

from pathlib import Path

import msgspec
import numpy as np
from torch import nn

from murauer.errors import UserError
from murauer.files import file_digest
from murauer.geometry.skeletons import convert, find_skeleton
from murauer.nets.config import DenseConfig, ModelConfig
from murauer.nets.deployed import AnyNetwork, make_network
from murauer.nets.model_file import load_model, model_path, read_tensors, unpack_module
from murauer.store.store import Store
from murauer.training.config import Config

SCRATCH = "scratch"

KEPT = ("extractor", "pose_head", "view_generator")
"""Parts that go on from one training to the next: f, p and g."""

ALIKE = ("extractor", "stem_stride", "block", "latent_normalisation", "published_quirks")
"""Fields of a network's configuration that change what weights of one shape compute."""


def config_for(config: Config, store: Store) -> Config:
    """The configuration with the sizes of the model that it starts from, and what the store determines.

    The paper's network has the joints of the store. A dense one keeps its own, and learns from labels through
    the conversion of what it predicts, see `DenseConfig.comparable`.

    Raises:
        UserError: The model to start from cannot be read, or has joints that do not fit the store's.
    """
    if config.start != SCRATCH:
        model = load_model(config.start)[1]
        config = msgspec.structs.replace(config, network=model.network, dense=model.dense)
        if model.dense is None and model.skeleton != store.skeleton.name:
            raise UserError(
                f"{config.start} predicts the joints {model.skeleton}, but {store.folder} has "
                f"{store.skeleton.name}; start from default or from scratch"
            )
    joints = store.skeleton
    if config.dense is None:
        network = msgspec.structs.replace(config.network, joints=len(joints))
        config = msgspec.structs.replace(config, network=network)
    else:
        have = find_skeleton(config.dense.skeleton)
        convert(np.zeros((len(have), 3)), have.name, joints.name)  # or say why not
        joints = have
    return msgspec.structs.replace(config, skeleton=joints.name, cube_mm=store.cube_mm)


def without_mapping(config: Config) -> Config:
    """The configuration without m."""
    if isinstance(config.sizes, DenseConfig):
        return msgspec.structs.replace(config, dense=msgspec.structs.replace(config.sizes, mapping_blocks=0))
    return msgspec.structs.replace(config, network=msgspec.structs.replace(config.sizes, mapping_blocks=0))


def first_network(config: Config) -> AnyNetwork:
    """The network that a training starts with; what no model gives it is drawn at random.

    Raises:
        UserError: The model to start from cannot be read.
    """
    network = make_network(config.sizes)
    if config.start != SCRATCH:
        model, _ = load_model(config.start)
        for part in KEPT:
            getattr(network, part).load_state_dict(getattr(model, part).state_dict())
    return network


def origin_of(config: Config) -> list[str]:
    """What else the result depends on: the digest of the model that is started from, if there is one."""
    return [] if config.start == SCRATCH else [file_digest(model_path(config.start))]


def load_pretrained(network: AnyNetwork, discriminator: nn.Module | None, path: Path) -> None:
    """Take f, p and g from a model, and m and h where it has them: those of a pre-training start anew.

    Args:
        network: To be filled.
        discriminator: To be filled; None where the training has none.
        path: Result of a pre-training, a training or an import.

    Raises:
        UserError: The file is damaged or holds another network.
    """
    tensors, metadata = read_tensors(path)
    sizes = msgspec.json.decode(metadata.get("config", "{}"), type=ModelConfig).sizes
    for field in ALIKE:
        theirs, ours = (getattr(each, field, None) for each in (sizes, network.config))
        if theirs != ours:
            raise UserError(
                f"the network in {path} has {field} {theirs!r}, that of the configuration {ours!r}; use the "
                "configuration that it was trained with"
            )
    for name in KEPT:
        unpack_module(f"network.{name}", getattr(network, name), tensors, path)
    for name, module in (("network.mapping", network.mapping), ("discriminator", discriminator)):
        there = any(key.startswith(f"{name}.") for key in tensors)
        if there and module is not None and module.state_dict():
            unpack_module(name, module, tensors, path)
