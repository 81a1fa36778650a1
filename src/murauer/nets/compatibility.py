"""The networks as the published code has them, and a loader for its weights.

Its mapping block applies the second layer to the block's input: the first layer has no effect, and m and h
are affine maps. Its state dict also holds a second pose layer that is never used. Both are kept here only.
"""

from pathlib import Path
from typing import cast

import safetensors.torch
import torch
from torch import Tensor, nn

from murauer.errors import UserError
from murauer.nets.config import NetworkConfig
from murauer.nets.feature_mapping import FullyConnectedBlock

PUBLISHED = NetworkConfig(published_quirks=True)
"""The paper-size networks with the quirks of the published code."""

PUBLISHED_NAMES = {
    "extractor.stem": "conv1",
    **{f"extractor.stages.{i}": f"layer{i + 1}" for i in range(4)},
    "extractor.norm": "bn_res",
    "extractor.features": "fc1",
    **{f"mapping.blocks.{i}.first": f"mappinglayer.{i}.fc1" for i in range(2)},
    **{f"mapping.blocks.{i}.second": f"mappinglayer.{i}.fc2" for i in range(2)},
    "pose_head.hidden": "fc2",
    "pose_head.joints": "fc3_h0",
    **{f"view_generator.layers.{3 * i}": f"preview.convt{i + 1}" for i in range(5)},
    **{f"view_generator.layers.{3 * i + 1}": f"preview.bn{i + 1}_d" for i in range(4)},
    **{f"blocks.{i}.first": f"resnetlayer.{i}.fc1" for i in range(2)},
    **{f"blocks.{i}.second": f"resnetlayer.{i}.fc2" for i in range(2)},
    "score": "fc",
}
"""Layers of `HandPoseNetwork` and of `Discriminator`, and what the published code calls them."""

UNUSED_LAYER = "fc3_h1"
"""The published code's second pose layer."""


class PublishedBlock(FullyConnectedBlock):
    """The block x + W2 x + b2, with a first layer that has parameters and no effect."""

    def forward(self, features: Tensor) -> Tensor:
        """Output of the block, (B, F) -> (B, F)."""
        return features + cast(Tensor, self.second(features))


def load_published_weights(module: nn.Module, path: Path) -> None:
    """Fill a network or a discriminator of configuration `PUBLISHED` with published weights.

    Args:
        module: `HandPoseNetwork` or `Discriminator`; unchanged if the file is bad.
        path: Its state dict in the published layout, `.safetensors` or as `torch.save` writes it. Code in the
            file is never executed.

    Raises:
        UserError: The file cannot be read, holds anything but tensors, other names or shapes, or values that
            are not finite.
    """
    published = _read_tensors(path)
    names = {ours: _published_name(ours) for ours in module.state_dict()}
    problems = [f"'{name}' is missing" for name in names.values() if name not in published]
    for name, tensor in published.items():
        if name.startswith(f"{UNUSED_LAYER}."):
            continue
        if name not in names.values():
            problems.append(f"'{name}' is unknown")
        elif not tensor.isfinite().all():
            problems.append(f"'{name}' has values that are not finite")
    for ours, current in module.state_dict().items():
        tensor = published.get(names[ours], current)
        if tensor.shape != current.shape:
            problems.append(f"'{names[ours]}' has shape {tuple(tensor.shape)}, not {tuple(current.shape)}")
    if problems:
        raise UserError(
            f"{path} does not hold published weights for this {type(module).__name__}: {problems[0]} "
            f"({len(problems)} such problems); give a plain state dict of the published code"
        )
    module.load_state_dict({ours: published[name] for ours, name in names.items()})


def _published_name(ours: str) -> str:
    """Published name of a state dict entry, of which only the layer's part differs."""
    layer = next((layer for layer in PUBLISHED_NAMES if ours.startswith(f"{layer}.")), None)
    return ours if layer is None else PUBLISHED_NAMES[layer] + ours[len(layer) :]


def _read_tensors(path: Path) -> dict[str, Tensor]:
    """Named tensors of a file."""
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UserError(f"cannot read the weights {path}: {error.strerror or error}") from error
    except Exception as error:  # an unpickler that meets arbitrary bytes can fail in any way
        raise UserError(
            f"{path} is damaged or holds more than tensors; give a state dict saved as .safetensors or by "
            f"torch.save, without any code in it"
        ) from error
    if not isinstance(content, dict) or not all(isinstance(t, Tensor) for t in content.values()):
        raise UserError(f"{path} is no plain state dict; save `model.state_dict()` alone, names with tensors")
    return content
