"""Weights on disk: safe tensors plus configuration, no pickled code; sealed, written whole or not at all."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from murauer.errors import UserError
from murauer.files import written_whole
from murauer.foreign.documents import convert_json
from murauer.foreign.limits import reason
from murauer.nets.config import ModelConfig
from murauer.nets.deployed import AnyNetwork, make_network
from murauer.nets.model_facts import MODEL_FILE, PACKAGED, packaged_model
from murauer.provenance import PROVENANCE, Provenance, decode_provenance, encode_provenance, provenance
from murauer.seals import FIELD, UNSEALED, check_seal, seal

GENERATOR = "network.view_generator."
"""What the names of the weights of g begin with."""


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write tensors and metadata to a file, which appears complete or keeps its old content.

    Args:
        path: The file.
        tensors: By name.
        metadata: Texts by name. A provenance is added, if there is none among them.

    Raises:
        UserError: The file cannot be written.
    """
    contiguous = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    with written_whole(path) as partial:
        try:
            made = {PROVENANCE: encode_provenance(provenance())}
            save_file(contiguous, partial, made | metadata | {FIELD: UNSEALED})
        except SafetensorError as error:  # its way to say that the disk is full
            raise OSError(str(error)) from error
        _sort_metadata(partial)
        seal(partial)


def _sort_metadata(path: Path) -> None:
    """Put the texts of a file in order, which safetensors leaves to chance: equal content, equal bytes."""
    with open(path, "rb+") as file:
        size = int.from_bytes(file.read(8), "little")
        head = json.loads(file.read(size))
        head["__metadata__"] = dict(sorted(head["__metadata__"].items()))
        text = json.dumps(head, separators=(",", ":"), ensure_ascii=False).encode()
        file.seek(8)
        file.write(text.ljust(size))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read what `write_tensors` wrote.

    Raises:
        UserError: The file is missing, damaged or not in the safetensors format.
    """
    with _opened(path) as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118


def read_metadata(path: Path) -> dict[str, str]:
    """Read the texts of what `write_tensors` wrote, likewise."""
    with _opened(path) as file:
        return file.metadata() or {}


def read_provenance(path: Path) -> Provenance | None:
    """Read where such a file comes from; None for one from before this was written."""
    return decode_provenance(read_metadata(path).get(PROVENANCE), path)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        check_seal(path, "copy or train it again")
        with safe_open(path, framework="pt") as file:
            yield file
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist; give a run folder or a .safetensors file") from error
    except UserError:
        raise
    except Exception as error:  # its own, and those of UTF-8, of JSON and of memory
        raise UserError(
            f"{path} is no complete safetensors file ({reason(error)}); copy or train it again"
        ) from error


def pack_module(prefix: str, module: nn.Module) -> dict[str, Tensor]:
    """Weights and buffers of a module as named tensors."""
    return {f"{prefix}.{name}": value for name, value in module.state_dict().items()}


def unpack_module(prefix: str, module: nn.Module, tensors: dict[str, Tensor], source: Path) -> None:
    """Put weights from `pack_module` back.

    Raises:
        UserError: Names or shapes are those of another configuration.
    """
    own = {key[len(prefix) + 1 :]: value for key, value in tensors.items() if key.startswith(prefix + ".")}
    try:
        module.load_state_dict(own)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise UserError(
            f"{source} holds weights of another network configuration ({reason}); "
            "use the configuration that it was trained with"
        ) from error


def save_model(
    path: Path,
    network: AnyNetwork,
    config: msgspec.Struct,
    discriminator: nn.Module | None = None,
    *,
    generator: bool = True,
    made: Provenance | None = None,
    **facts: object,
) -> None:
    """Write a network for inference, with its configuration and facts about its making.

    Args:
        path: The file.
        network: f, m, p and g.
        config: That of its training. It has the fields of `ModelConfig`, and any others.
        discriminator: h, for a training that starts from both.
        generator: Whether g is written as well; a dense network can do without it.
        made: Where it comes from; by default this program and machine, and nothing of the work.
        facts: What is known about its making.

    Raises:
        UserError: The file cannot be written.
    """
    metadata = {"config": msgspec.json.encode(config).decode(), "facts": json.dumps(facts)}
    if made is not None:
        metadata[PROVENANCE] = encode_provenance(made)
    tensors = pack_module("network", network)
    if not generator:
        tensors = {name: value for name, value in tensors.items() if not name.startswith(GENERATOR)}
    if discriminator is not None:
        tensors |= pack_module("discriminator", discriminator)
    write_tensors(path, tensors, metadata)


def model_path(source: str | Path) -> Path:
    """Where a model lies: "default" or "small" (the packaged ones), a run folder, or a .safetensors file."""
    if str(source) in PACKAGED:
        return packaged_model("torch", str(source))
    path = Path(source)
    return path / MODEL_FILE if path.is_dir() else path


def to_model_path(out: Path) -> Path:
    """Where a command writes a model that is told a .safetensors file or a run folder."""
    return out if out.suffix == ".safetensors" else out / MODEL_FILE


def load_model(source: str | Path, device: torch.device | str = "cpu") -> tuple[AnyNetwork, ModelConfig]:
    """Load a network for inference, in evaluation mode.

    Args:
        source: "default" or "small" for the packaged models, a run folder, or a .safetensors file.
        device: Where it is to compute.

    Raises:
        UserError: The file is missing, damaged, or of another configuration.
    """
    path = model_path(source)
    tensors, metadata = read_tensors(path)
    config = decode_model_config(metadata, path)
    network = make_network(config.sizes)
    if config.dense is not None:  # its file may be without g, where nothing has trained it
        fresh = pack_module("network.view_generator", network.view_generator)
        tensors = fresh | tensors
    unpack_module("network", network, tensors, path)
    return network.eval().to(device), config


def decode_model_config(metadata: dict[str, str], path: Path) -> ModelConfig:
    """Read what a model file says of its network.

    Raises:
        UserError: It says nothing, or what no network is.
    """
    if "config" not in metadata:
        raise UserError(f"{path} is not a murauer model: it holds no configuration")
    return convert_json(metadata["config"], ModelConfig, f"the configuration in {path} is not valid")
