"""The state of a training on disk, from which it is resumed: safe tensors, written at once or not at all.

The one before the last is kept, for the case that the last is damaged.
"""

import os
import shutil
import warnings
from pathlib import Path

from torch import Tensor, nn
from torch.optim import Optimizer

from murauer.errors import UnlikelyInput, UserError
from murauer.files import written_whole
from murauer.nets.model_file import pack_module, read_provenance, read_tensors, unpack_module, write_tensors
from murauer.provenance import PROVENANCE, Provenance, encode_provenance

CHECKPOINT_FILE = "checkpoint.safetensors"


def previous_checkpoint(path: Path) -> Path:
    """Where the one before the last lies."""
    return path.with_stem(f"{path.stem}_before")


def save_checkpoint(
    path: Path,
    modules: dict[str, nn.Module],
    optimisers: dict[str, Optimizer],
    identity: str,
    step: int,
    made: Provenance | None = None,
) -> None:
    """Write the state of a training before step `step`, with the text that says which training it is."""
    tensors: dict[str, Tensor] = {}
    for name, module in modules.items():
        tensors |= pack_module(name, module)
    for name, optimiser in optimisers.items():
        tensors |= pack_optimiser(f"optimiser_{name}", optimiser)
    told = {} if made is None else {PROVENANCE: encode_provenance(made)}
    write_checkpoint(path, tensors, {"step": str(step), "identity": identity} | told)


def load_checkpoint(
    path: Path, modules: dict[str, nn.Module], optimisers: dict[str, Optimizer], identity: str
) -> int:
    """Restore the state of a training, if there is one; returns the step to go on with.

    Raises:
        UserError: It is damaged or belongs to another training.
    """
    found = read_checkpoint(path)
    if found is None:
        return 0
    tensors, metadata = found
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


def continued(path: Path, made: Provenance, left: int) -> Provenance:
    """The provenance of a training that goes on at its last checkpoint, if there is one.

    Args:
        path: The checkpoint, after it was loaded.
        made: What it would be if the training began here.
        left: Steps that are still to be made.
    """
    path = path if path.exists() else previous_checkpoint(path)
    if not path.exists():
        return made
    before = read_provenance(path)
    return made.after(before) if left or before is None else before


def write_checkpoint(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write tensors as the last checkpoint; what was the last is kept, and no kill leaves less than one."""
    if path.exists():
        before = previous_checkpoint(path)
        before.unlink(missing_ok=True)
        try:
            os.link(path, before)  # two names for one file, until the new one takes the first
        except OSError:  # a disk without links
            os.replace(path, before)
    write_tensors(path, tensors, metadata)


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, str]] | None:
    """Read the last checkpoint, if there is one. If it is damaged, the one before takes its place.

    Raises:
        UserError: There is no other one, or it is damaged, too.
    """
    before = previous_checkpoint(path)
    if not path.exists():
        return read_tensors(before) if before.exists() else None
    try:
        return read_tensors(path)
    except UserError as error:
        if not before.exists():
            raise UserError(f"{error}, or delete it to begin again") from error
        found = read_tensors(before)
        warnings.warn(UnlikelyInput(f"{error}; going on at the checkpoint before it"), stacklevel=2)
        with written_whole(path) as partial:
            shutil.copyfile(before, partial)
        return found


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
