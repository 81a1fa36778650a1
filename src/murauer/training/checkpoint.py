"""The state of a training on disk, from which it is resumed: safe tensors, written at once or not at all."""

from pathlib import Path

from torch import Tensor, nn
from torch.optim import Optimizer

from murauer.errors import UserError
from murauer.nets.model_file import pack_module, read_tensors, unpack_module, write_tensors

CHECKPOINT_FILE = "checkpoint.safetensors"


def save_checkpoint(
    path: Path, modules: dict[str, nn.Module], optimisers: dict[str, Optimizer], identity: str, step: int
) -> None:
    """Write the state of a training before step `step`, with the text that says which training it is."""
    tensors: dict[str, Tensor] = {}
    for name, module in modules.items():
        tensors |= pack_module(name, module)
    for name, optimiser in optimisers.items():
        tensors |= pack_optimiser(f"optimiser_{name}", optimiser)
    write_tensors(path, tensors, {"step": str(step), "identity": identity})


def load_checkpoint(
    path: Path, modules: dict[str, nn.Module], optimisers: dict[str, Optimizer], identity: str
) -> int:
    """Restore the state of a training, if there is one; returns the step to go on with.

    Raises:
        UserError: The checkpoint is damaged or belongs to another training.
    """
    if not path.exists():
        return 0
    tensors, metadata = read_tensors(path)
    if metadata.get("identity") != identity:
        raise UserError(
            f"{path} belongs to another training (other configuration, data, variant, labels or seed); "
            "choose another --out folder or the same settings"
        )
    for name, module in modules.items():
        unpack_module(name, module, tensors, path)
    for name, optimiser in optimisers.items():
        unpack_optimiser(f"optimiser_{name}", optimiser, tensors)
    return int(metadata["step"])


def pack_optimiser(prefix: str, optimiser: Optimizer) -> dict[str, Tensor]:
    """The state of an optimiser as named tensors."""
    return {
        f"{prefix}.{index}.{name}": value
        for index, state in optimiser.state_dict()["state"].items()
        for name, value in state.items()
    }


def unpack_optimiser(prefix: str, optimiser: Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put the state from `pack_optimiser` back into an optimiser of the same parameters."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith(prefix + "."):
            index, name = key[len(prefix) + 1 :].split(".")
            state.setdefault(int(index), {})[name] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
