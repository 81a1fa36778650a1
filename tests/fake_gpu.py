"""A GPU for tests that need none: PyTorch's fake tensors on the device "cuda".

They know device, type and shape, but no values. An operation on tensors of two devices fails, and so does one
that asks for a value, which on a GPU is a wait. A copy from or to the processor fails as well, but for those
that `put` makes.
"""

import ctypes
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

GPU = torch.device("cuda", 0)

CUDA, META = 1, 14
"""Numbers of device types in PyTorch."""

COPIES = {torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default}


class DeviceCopy(AssertionError):
    """Something was copied from one device to another, or read from there."""


class NoCopies(TorchDispatchMode):
    """Refuses what has tensors of two devices; single numbers of the processor travel with the operation."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        given = [
            value for value in torch.utils._pytree.tree_leaves((args, kwargs)) if isinstance(value, Tensor)
        ]
        devices = {value.device for value in given if value.dim()}
        if func in COPIES:
            devices = {value.device for value in given} | {out.device}
        if len(devices) > 1:
            raise DeviceCopy(f"{func} of tensors on {' and '.join(sorted(map(str, devices)))}")
        return out


class FakeGpu:
    """A GPU without values."""

    def __init__(self) -> None:
        self.mode = FakeTensorMode(allow_non_fake_inputs=True)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """What is computed within stays on its device."""
        with self.mode, NoCopies():
            yield

    def put(self, values: Tensor, device: torch.device = GPU) -> Tensor:
        """A copy on the device."""
        with self.mode:
            return self.mode.from_tensor(values).to(device)

    def put_module(self, module: nn.Module) -> Any:
        """The module itself, whose weights and buffers are on the device and have no gradient."""
        return put_module(module.requires_grad_(False), self.put)


def put_module(module: nn.Module, put: Any) -> Any:
    """Replace weights and buffers of a module by copies on a device of fake tensors."""
    for part in module.modules():
        for name, parameter in part.named_parameters(recurse=False):
            setattr(part, name, nn.Parameter(put(parameter.detach()), parameter.requires_grad))
        for name, buffer in part.named_buffers(recurse=False):
            setattr(part, name, put(buffer))
    return module


@contextmanager
def fake_gpu() -> Iterator[FakeGpu]:
    """PyTorch behaves as if there was a GPU that can do bfloat16; gradients need a true one."""
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        for name in ("is_available", "is_bf16_supported"):
            stack.enter_context(patch(f"torch.cuda.{name}", lambda *_, **__: True))
        # Losses that hold networks constant switch gradients on again when they are done.
        stack.enter_context(patch.object(nn.Module, "requires_grad_", lambda module, _=True: module))
        if not torch.backends.cuda.is_built():
            stack.enter_context(_guard_of_meta_tensors())
        yield FakeGpu()


@contextmanager
def _guard_of_meta_tensors() -> Iterator[None]:
    """Let a PyTorch without CUDA index tensors of this device: it asks for a guard, which does nothing."""
    library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libc10.so"))
    table = (ctypes.c_void_p * (META + 1)).in_dll(library, "_ZN3c104impl26device_guard_impl_registryE")
    before, table[CUDA] = table[CUDA], table[META]
    try:
        yield
    finally:
        table[CUDA] = before
