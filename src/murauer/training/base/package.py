"""Writes what a training of the base model has reached as a model.

python -m murauer.training.base.package RUN MODEL.safetensors
murauer export MODEL.safetensors --out MODEL.onnx
"""

import argparse
from pathlib import Path

import msgspec

from murauer.nets.config import DenseConfig, ModelConfig
from murauer.nets.dense_network import DenseHandPoseNetwork
from murauer.nets.model_file import pack_module, read_tensors, unpack_module, write_tensors
from murauer.provenance import PROVENANCE
from murauer.training.base.samples import Variation
from murauer.training.base.train import CHECKPOINT


def write_model(run: Path, out: Path) -> str:
    """Write the moving average of a run's weights, matrices in half precision.

    Args:
        run: folder of the training.
        out: the .safetensors file.

    Returns:
        What is known of the training, as JSON text.

    Raises:
        UserError: A file cannot be read or written.
    """
    tensors, metadata = read_tensors(run / CHECKPOINT)
    config = msgspec.json.decode(metadata["network"], type=DenseConfig)
    network = DenseHandPoseNetwork(config)
    unpack_module("average.module", network, tensors, run / CHECKPOINT)
    weights = {
        name: value.half() if value.ndim > 1 else value
        for name, value in pack_module("network", network).items()
        if not name.startswith("network.view_generator.")  # nothing has trained it
    }
    model = ModelConfig(skeleton=config.skeleton, cube_mm=Variation.cube_mm, dense=config)
    text = msgspec.json.encode(model).decode()
    told = {name: metadata[name] for name in ("facts", PROVENANCE) if name in metadata}
    write_tensors(out, weights, {"config": text} | told)
    return metadata["facts"]


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    print(write_model(options.run, options.out))


if __name__ == "__main__":
    main()
