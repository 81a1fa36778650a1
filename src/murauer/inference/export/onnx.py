"""A trained network as one ONNX graph: m, f and p for real frames, checked against PyTorch.

Cutting the hand out and going back to millimetres stay beside the graph, in NumPy, because they are a table
look-up and a multiplication; what a reader of the file needs for them is in its metadata.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import onnxscript  # noqa: F401 - PyTorch translates with it, and would miss it only after the work
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import Tensor

from murauer.errors import UserError
from murauer.files import file_digest, written_whole
from murauer.geometry.patches import Floats
from murauer.inference.backends.onnx import INPUT, METADATA_KEY, OUTPUT, OnnxBackend, encode_facts
from murauer.inference.backends.torch import TorchBackend
from murauer.inference.export.calibration import CalibrationFrames, simulate_patches
from murauer.nets.deployed import Deployed
from murauer.nets.model_facts import ModelFacts
from murauer.nets.model_file import load_model, model_path, read_provenance
from murauer.nets.onnx_export import OPSET, _quiet, save_onnx, translate
from murauer.provenance import PROVENANCE, Provenance, encode_provenance, provenance
from murauer.version import __version__

LARGEST_DIFFERENCE_MM = 0.01
"""Of a joint coordinate between PyTorch and ONNX Runtime; more is a fault of the export."""

CHECKED_FRAMES, CALIBRATION_FRAMES = 200, 500


@dataclass(frozen=True)
class ExportReport:
    """What was measured.

    Attributes:
        opset: Version of the ONNX operators.
        frames: Simulated frames that it was measured on.
        largest_difference_mm: Of any joint coordinate from PyTorch, before quantisation.
        int8_displacement_mm: mean distance of the joints of the int8 model from those of PyTorch, if made.
        int8_loss_mm: by how much the mean joint error grew with int8, if made.
    """

    opset: int
    frames: int
    largest_difference_mm: float
    int8_displacement_mm: float | None = None
    int8_loss_mm: float | None = None


def export_onnx(source: str | Path, out: Path, *, int8: bool = False) -> ExportReport:
    """Write a model for ONNX Runtime.

    Args:
        source: "default", a run folder or a .safetensors file.
        out: The .onnx file.
        int8: Whether to quantise weights and activations.

    Returns:
        How it compares with PyTorch.

    Raises:
        UserError: A file cannot be read or written, what exports is not installed, or the exported model
            gives other joints.
    """
    backend = TorchBackend(source)
    frames = simulate_patches(backend.facts, CHECKED_FRAMES, seed=0)
    size = backend.facts.patch_size
    example = torch.zeros(2, 1, size, size)  # a batch of 1 would be taken for a constant
    free = {0: torch.export.Dim("batch", min=1)}
    model = translate(Deployed(load_model(source)[0]), example, (INPUT, OUTPUT), free)
    with TemporaryDirectory() as folder:
        exact = Path(folder) / "exact.onnx"
        _save(model, exact, backend.facts, _made_from(source), precision="float32", source=str(source))
        expected, actual = run(backend, frames), run(OnnxBackend(exact), frames)
        difference = float(np.abs(expected - actual).max()) * backend.facts.cube_mm / 2
        if not difference < LARGEST_DIFFERENCE_MM:
            raise UserError(
                f"the exported model differs from PyTorch by {difference:.3g} mm; nothing is written"
            )
        report = ExportReport(OPSET, CHECKED_FRAMES, difference)
        result = exact
        if int8:
            result = Path(folder) / "int8.onnx"
            _quantise(exact, result, simulate_patches(backend.facts, CALIBRATION_FRAMES, seed=1))
            report = _measure_int8(report, expected, run(OnnxBackend(result), frames), frames)
        with written_whole(out) as partial:
            partial.write_bytes(result.read_bytes())
    return report


def run(backend: TorchBackend | OnnxBackend, frames: CalibrationFrames) -> Floats:
    """Predict all frames, 100 at a time; (N, J, 3) in half cubes."""
    return np.concatenate([backend(part.numpy()) for part in frames.patches.split(100)])


def _measure_int8(
    report: ExportReport, expected: Floats, quantised: Floats, frames: CalibrationFrames
) -> ExportReport:
    half, truth = float(frames.geometry.cube_mm) / 2, frames.joints.numpy()

    def mean_distance(first: Floats, second: Floats) -> float:
        return float(np.linalg.norm(first - second, axis=-1).mean()) * half

    return ExportReport(
        report.opset,
        report.frames,
        report.largest_difference_mm,
        int8_displacement_mm=mean_distance(quantised, expected),
        int8_loss_mm=mean_distance(quantised, truth) - mean_distance(expected, truth),
    )


def _made_from(source: str | Path) -> Provenance:
    """This export, of what the training of the model was."""
    path = model_path(source)
    trained = read_provenance(path) or Provenance()
    inputs = {"model": file_digest(path)}
    return provenance(data=trained.data, inputs=inputs, seed=trained.seed, config=trained.config)


def _save(model: onnx.ModelProto, path: Path, facts: ModelFacts, made: Provenance, **more: object) -> None:
    onnx.checker.check_model(model, full_check=True)
    told = {METADATA_KEY: encode_facts(facts, murauer=__version__, **more)}
    save_onnx(model, path, **told, **{PROVENANCE: encode_provenance(made)})


def _quantise(exact: Path, out: Path, frames: CalibrationFrames) -> None:
    """Quantise by the ranges that weights, and activations on simulated frames, have."""

    class Frames(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self, parts: Sequence[Tensor]) -> None:
            self.parts = iter(parts)

        def get_next(self) -> dict[str, Any] | None:
            part = next(self.parts, None)
            return None if part is None else {INPUT: part[:, None].numpy()}

    prepared = exact.with_name("prepared.onnx")
    with _quiet():
        quant_pre_process(exact, prepared, skip_symbolic_shape=True)
        nodes = onnx.load(prepared).graph.node
        first = next(node.name for node in nodes if node.op_type == "Conv")
        last = [node.name for node in nodes if node.op_type == "Gemm"][-1]
        quantize_static(
            prepared,
            out,
            Frames(frames.patches.split(50)),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            # Depth in and coordinates out stay exact: 256 steps in 300 mm are more than 1 mm each.
            nodes_to_exclude=[first, last],
        )
    model = onnx.load(out)
    told = {each.key: each.value for each in onnx.load(exact).metadata_props}
    told[METADATA_KEY] = told[METADATA_KEY].replace('"float32"', '"int8"')
    save_onnx(model, out, **told)
