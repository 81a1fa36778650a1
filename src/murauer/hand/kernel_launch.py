"""Runs Warp's kernels on the memory of torch's tensors: one kernel for CPU and CUDA."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
import warp as wp
from torch import Tensor

from murauer.errors import UserError


def launch(kernel: Any, dim: tuple[int, ...], inputs: Sequence[Tensor | tuple[Tensor, Any] | float]) -> None:
    """Run a kernel on torch's current stream; what it writes is in the tensors that it is given.

    Args:
        kernel: Compiled at its first run on a machine, which takes some seconds.
        dim: Of the grid of threads; where it is empty nothing happens.
        inputs: Contiguous tensors, all on the device of the first, and numbers. A tensor whose last dimension
            is to be one of Warp's vectors comes with that type.

    Raises:
        UserError: The compiled kernel cannot be stored in Warp's cache folder.
    """
    if 0 in dim:
        return
    first = inputs[0][0] if isinstance(inputs[0], tuple) else inputs[0]
    assert isinstance(first, Tensor)
    device = first.device
    try:
        with _quiet_warp():
            _start_warp()
            stream: Any = None
            if device.type == "cuda":
                stream = wp.stream_from_torch(torch.cuda.current_stream(device))
            wp.launch(
                kernel,
                dim=dim,
                inputs=[_shared(each) for each in inputs],
                device=wp.device_from_torch(device),
                stream=stream,
                record_tape=False,
            )
    except OSError as error:  # the first launch compiles the kernel into a cache on disk
        raise UserError(
            f"cannot store the compiled renderer ({error}): "
            "set WARP_CACHE_PATH to a folder that can be written"
        ) from error


def _shared(value: Tensor | tuple[Tensor, Any] | float) -> Any:
    if isinstance(value, tuple):
        return wp.from_torch(value[0].detach(), dtype=value[1])
    return wp.from_torch(value.detach()) if isinstance(value, Tensor) else value


@contextmanager
def _quiet_warp() -> Iterator[None]:
    """Keep Warp's banner and module messages off the terminal, and its setting as the user left it."""
    previous = wp.config.log_level
    wp.config.log_level = max(previous, wp.LOG_ERROR)
    try:
        yield
    finally:
        wp.config.log_level = previous


@cache
def _start_warp() -> None:
    """Initialise Warp once, without its complaint about a missing GPU."""
    if torch.cuda.is_available():
        wp.init()
        return
    # The complaint is printed by native code to file descriptor 2, past any Python setting.
    terminal = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        wp.init()
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
