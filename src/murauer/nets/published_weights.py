"""Weights that the paper's authors published: state dicts of their code, which become models of ours.

They are tensors by name. A file that holds more than that, such as a whole network, is code; it is refused
without being run.
"""

import re
from pathlib import Path
from typing import Any

import msgspec
import safetensors.torch
import torch
from torch import Tensor, nn

from murauer.errors import UserError
from murauer.files import file_digest
from murauer.geometry.patches import BoxRule
from murauer.geometry.skeletons import find_skeleton
from murauer.nets.compatibility import PUBLISHED
from murauer.nets.config import ModelConfig
from murauer.nets.model_file import save_model
from murauer.nets.network import HandPoseNetwork, make_discriminator, parameter_counts
from murauer.provenance import provenance

SKELETONS = {14: "nyu14", 36: "nyu36"}
"""Skeletons by the number of joints that published weights predict."""

POSE_LAYER = "fc3_h0.weight"

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

COUNTER = "num_batches_tracked"
"""Entry of BatchNorm that PyTorch has since version 0.4.1, and nothing here reads."""


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
    published = read_published(path)
    names = {ours: _published_name(ours) for ours in module.state_dict()}
    for ours, current in module.state_dict().items():
        if ours.endswith(f".{COUNTER}"):
            published.setdefault(names[ours], current)
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


def read_published(path: Path) -> dict[str, Tensor]:
    """Named tensors of a state dict on disk: `.safetensors`, or as any version of `torch.save` wrote it.

    Raises:
        UserError: The file cannot be read or holds anything but tensors by name.
    """
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UserError(f"cannot read the weights {path}: {error.strerror or error}") from error
    except Exception as error:  # an unpickler that meets arbitrary bytes can fail in any way
        if found := re.search(r"GLOBAL (\S+)", str(error)):
            raise UserError(
                f"{path} holds an object of '{found[1]}': code that would be run, not tensors alone; open it "
                "with the program that wrote it and save model.state_dict()"
            ) from error
        raise UserError(
            f"{path} is damaged or holds more than tensors; give a state dict saved as .safetensors or by "
            f"torch.save, without any code in it"
        ) from error
    if not isinstance(content, dict) or not all(isinstance(t, Tensor) for t in content.values()):
        raise UserError(f"{path} is no plain state dict; save `model.state_dict()` alone, names with tensors")
    return content


def import_published(
    path: Path,
    out: Path,
    discriminator: Path | None = None,
    *,
    box: BoxRule = "published",
    labels: int | None = None,
) -> dict[str, int]:
    """Write published weights as a model.

    Args:
        path: State dict of f, m, p and g.
        out: File of the model, .safetensors.
        discriminator: State dict of h.
        box: How the model is to cut hands out.
        labels: Number of labelled real frames of their training, where it is known.

    Returns:
        Number of parameters by the letter of the network.

    Raises:
        UserError: A file cannot be read or written, or holds something else.
    """
    pose = read_published(path).get(POSE_LAYER)
    joints = PUBLISHED.joints if pose is None else len(pose) // 3
    if joints not in SKELETONS:
        raise UserError(
            f"the weights in {path} predict {joints} joints; published ones predict "
            f"{' or '.join(map(str, SKELETONS))}"
        )
    config = msgspec.structs.replace(PUBLISHED, joints=joints, box=box)
    network, h = HandPoseNetwork(config), make_discriminator(config)
    load_published_weights(network, path)
    if discriminator is not None:
        load_published_weights(h, discriminator)
    skeleton = find_skeleton(SKELETONS[joints])
    facts: dict[str, Any] = {}
    if labels is not None:
        facts = {"variant": "full", "labels": labels, "seed": 0, "labelled_frames": "published"}
    model = ModelConfig(network=config, skeleton=skeleton.name)
    made = provenance(inputs={"weights": file_digest(path)})
    save_model(out, network, model, h if discriminator is not None else None, made=made, **facts)
    counts = parameter_counts(network, h)
    return counts if discriminator is not None else {name: n for name, n in counts.items() if name != "h"}
