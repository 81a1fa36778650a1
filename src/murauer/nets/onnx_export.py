"""A module of one input and one output as a graph of ONNX."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from murauer.provenance import PROVENANCE, encode_provenance, provenance
from murauer.seals import FIELD, UNSEALED, seal
from murauer.version import __version__

if TYPE_CHECKING:
    from onnx import ModelProto


OPSET = 18
"""Of ONNX 1.13, which every runtime of the last years reads; LayerNormalization came with 17."""


LARGE = 1024
"""Numbers of a tensor from which on it is stored in half precision, see `store_halved`."""

HALF = "_half"
"""Added to the names of such tensors."""


def translate(
    module: nn.Module, example: Tensor, names: tuple[str, str], free: dict[int, Any]
) -> "ModelProto":
    """Let PyTorch trace a module of one input and one output.

    Args:
        module: The network, in evaluation mode when it is used.
        example: An input.
        names: Names of input and output in the graph.
        free: Dimensions of the input that may vary, as `torch.export.Dim`.
    """
    with _quiet():
        program = torch.onnx.export(
            module.eval(),
            (example,),
            input_names=[names[0]],
            output_names=[names[1]],
            opset_version=OPSET,
            dynamic_shapes=(free,),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    del model.metadata_props[:]  # paths of the machine that exported
    for node in model.graph.node:
        del node.metadata_props[:]
    model.producer_name, model.producer_version = "murauer", __version__
    return model


def store_halved(model: "ModelProto") -> None:
    """Store the large weights of a graph in half precision, in which it does not compute.

    A weight changes by 1 / 4096 of itself at most. Runtimes make them whole when they open the file.
    """
    from onnx import TensorProto, helper, numpy_helper  # extra

    casts = []
    for tensor in list(model.graph.initializer):
        if tensor.data_type == TensorProto.FLOAT and np.prod(tensor.dims) >= LARGE:
            half = numpy_helper.to_array(tensor).astype(np.float16)
            model.graph.initializer.remove(tensor)
            model.graph.initializer.append(numpy_helper.from_array(half, tensor.name + HALF))
            casts.append(helper.make_node("Cast", [tensor.name + HALF], [tensor.name], to=TensorProto.FLOAT))
    for node in reversed(casts):
        model.graph.node.insert(0, node)


def save_onnx(model: "ModelProto", path: Path, **metadata: str) -> None:
    """Write a graph with some texts beside it, sealed. A provenance is added, if there is none among them."""
    import onnx  # extra

    made = {PROVENANCE: encode_provenance(provenance())}
    onnx.helper.set_model_props(model, made | metadata | {FIELD: UNSEALED})
    onnx.save(model, path)
    seal(path)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back what exporters say about packages that we do not use and about their own insides."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
