"""Export a trained model for ONNX Runtime, which runs it without PyTorch.

murauer export runs/full --out model.onnx
murauer export runs/full --int8 --out model_int8.onnx

The exported model is run on simulated frames and compared with PyTorch before it is written.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from murauer.arguments import add_json
from murauer.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("model", metavar="RUN", help="run folder, model file, or default")
    parser.add_argument("--format", choices=("onnx",), default="onnx", help="of the file (default: onnx)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.onnx", help="file to write")
    parser.add_argument("--int8", action="store_true", help="quantise weights and activations to 8 bits")
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Carry the command out."""
    from murauer.inference.export.onnx import export_onnx  # start-up

    if args.out.suffix != ".onnx":
        raise UserError(f"cannot tell the format of {args.out}; let its name end in .onnx")
    report = export_onnx(args.model, args.out, int8=args.int8)
    if args.json:
        print(json.dumps(asdict(report)))
        return
    kilobytes = args.out.stat().st_size / 1000
    print(f"{args.out}: opset {report.opset}, any batch size, {kilobytes:.0f} kB")
    print(
        f"largest difference from PyTorch on {report.frames} simulated frames: "
        f"{report.largest_difference_mm:.5f} mm"
    )
    if report.int8_loss_mm is not None:
        print(
            f"int8: joints move by {report.int8_displacement_mm:.2f} mm, the mean error grows by "
            f"{report.int8_loss_mm:.2f} mm"
        )
