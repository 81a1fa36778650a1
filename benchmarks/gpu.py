"""What a GPU makes of training, rendering and inference; each command ends by itself within ten minutes.

    python benchmarks/gpu.py measure [--config paper] [--seconds 10] [--out runs/gpu.json]
    python benchmarks/gpu.py train --data stores/a --run runs/gpu [--minutes 9]

`measure` has images a second of both training steps, with constant tensors and with data, in each precision
and as a share of the operations a second that a large matrix product reaches; of the renderer from poses to
depth; and of inference at batch 1 and 64, from patches of the processor to joints of the processor.

`train` gives `murauer train` some minutes, says how many steps were made, and goes on from the last
checkpoint when it is called again. `benchmarks/pack_run.py` splits the run into small files.

`--device cpu --config smoke` tries both without a GPU.
"""

import argparse
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode
from training_step import FRAMES, networks

from murauer.hand.model import HandModel, place
from murauer.hand.pose_prior import PosePrior
from murauer.hand.rasteriser import rasterise_depth
from murauer.hand.shape import ShapePrior
from murauer.hand.viewpoint import sample_viewpoints
from murauer.nets.model_file import MODEL_FILE, read_tensors
from murauer.prepare.rendering.simulated import simulate_store
from murauer.store.store import Store, open_store
from murauer.training.batch_source import BatchSource
from murauer.training.checkpoint import CHECKPOINT_FILE
from murauer.training.config import Config, load_config, read_config
from murauer.training.device import open_device, prefetched, steps_ahead, to_device
from murauer.training.loop import Training
from murauer.training.train import PRETRAINED_FILE, PRETRAINING_CHECKPOINT_FILE
from murauer.training.variants import VARIANTS, Variant

PRECISIONS = {"float32": ("float32", False), "tf32": ("float32", True), "bfloat16": ("bfloat16", True)}
"""Precision of the convolutions in the configuration, and whether float32 products may be rounded to TF32."""

WARM_UP = 3
DATA_STEPS = 20
DISTANCE_MM, CUBE_MM = 700.0, 300.0


def per_second(function: Callable[[], object], seconds: float, device: torch.device) -> float:
    """Calls a second, all of them finished on the device."""
    for _ in range(WARM_UP):
        function()
    finish(device)
    start, calls = time.perf_counter(), 0
    while calls < WARM_UP or time.perf_counter() - start < seconds:
        function()
        calls += 1
        if calls % WARM_UP == 0:
            finish(device)  # or the clock would be looked at long before the work is done
    finish(device)
    return calls / (time.perf_counter() - start)


def finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_flops(precision: torch.dtype, seconds: float, device: torch.device) -> float:
    """Operations a second of a large matrix product."""
    size = 8192 if device.type == "cuda" else 512
    left, right = (torch.randn(size, size, device=device, dtype=precision) for _ in range(2))
    return 2 * size**3 * per_second(lambda: left @ right, seconds, device)


def training(
    store: Store, config: Config, seconds: float, device: torch.device
) -> dict[str, dict[str, float]]:
    """Images a second and share of the peak of both steps, by their names and precision."""
    result = {}
    rows = store.labelled_rows(min(100, len(store.require("real"))), 0)
    for kind, (precision, tf32) in PRECISIONS.items():
        if kind == "tf32" and device.type != "cuda":
            continue
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
        own = msgspec.structs.replace(
            config, training=msgspec.structs.replace(config.training, precision=precision)
        )
        peak = peak_flops(getattr(torch, precision), min(seconds, 2), device)
        joint = BatchSource(store, own, VARIANTS["full"], rows, 0, device)
        alone = BatchSource(store, own, Variant("", real=False), np.zeros(0, int), 0, device)
        images = {"joint": joint.images, "pretraining": own.training.pretraining_batch}
        for stage, batch in (("joint", joint.joint), ("pretraining", alone.pretraining)):
            network, discriminator = (module.to(device) for module in networks(own))
            pretraining = stage == "pretraining"
            step = Training(network, own, None if pretraining else discriminator, pretraining).step
            constant = batch(0)
            with FlopCounterMode(display=False) as counter:
                step(constant)
            rate = per_second(lambda step=step, constant=constant: step(constant), seconds, device)
            result[f"{stage}_{kind}"] = {
                "images_per_s": rate * images[stage],
                "images_per_s_with_data": rate_with_data(step, batch, device) * images[stage],
                "gflop_per_step": counter.get_total_flops() / 1e9,
                "peak_tflops": peak / 1e12,
                "share_of_peak": rate * counter.get_total_flops() / peak,
            }
    return result


def rate_with_data(step: Any, batch: Callable[[int], Any], device: torch.device) -> float:
    """Steps a second where each draws, reads and cuts out a batch of its own, as a training does."""
    with prefetched(batch, WARM_UP + DATA_STEPS, steps_ahead(device)) as batches:
        for index in range(WARM_UP):
            step(batches(index))
        finish(device)
        start = time.perf_counter()
        for index in range(WARM_UP, WARM_UP + DATA_STEPS):
            step(batches(index))
        finish(device)
    return DATA_STEPS / (time.perf_counter() - start)


def rendering(size: int, hands: int, seconds: float, device: torch.device) -> dict[str, float]:
    """Depth images a second of posed hands, whole batches on the device, and of their rasterising alone."""
    generator = torch.Generator().manual_seed(0)
    model = HandModel().to(device)
    angles, shape, rotation = (
        to_device(values, device)
        for values in (
            PosePrior().sample(hands, generator),
            ShapePrior().sample(hands, generator),
            sample_viewpoints(hands, generator),
        )
    )
    focal, centre = size * DISTANCE_MM / CUBE_MM, (size - 1) / 2
    camera = torch.tensor([[focal, focal, centre, centre]], device=device).repeat(hands, 1)
    position = torch.tensor([[0.0, 0.0, DISTANCE_MM]], device=device).repeat(hands, 1)

    def vertices() -> torch.Tensor:
        return place(model(angles, shape).vertices, rotation, position)

    def draw(points: torch.Tensor) -> torch.Tensor:
        return rasterise_depth(points, model.faces, camera, size, size)

    with torch.inference_mode():
        posed = vertices()
        return {
            "pose_to_depth_images_per_s": hands * per_second(lambda: draw(vertices()), seconds, device),
            "rasterising_images_per_s": hands * per_second(lambda: draw(posed), seconds, device),
        }


def inference(config: Config, seconds: float, device: torch.device) -> dict[str, float]:
    """Patches a second from memory to joints in memory."""
    network = networks(config)[0].to(device).eval()
    side = config.network.patch_size
    result = {}
    with torch.inference_mode():
        for batch in (1, 64):
            patches = torch.rand(batch, 1, side, side) * 2 - 1
            rate = per_second(lambda patches=patches: network(patches.to(device)).cpu(), seconds, device)
            result[f"batch_{batch}_images_per_s"] = batch * rate
    return result


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All figures, with device and date."""
    device, config = open_device(options.device), load_config(options.config)
    with TemporaryDirectory() as folder:
        store = open_store(options.data) if options.data else simulate_store(FRAMES, Path(folder) / "data")
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "cpu"
        return {
            "device": name,
            "date": date.today().isoformat(),
            "pytorch": torch.__version__,
            "config": options.config,
            **training(store, config, options.seconds, device),
            "rendering": rendering(config.network.patch_size, options.hands, options.seconds, device),
            "inference": inference(config, options.seconds, device),
        }


def train(options: argparse.Namespace) -> dict[str, Any]:
    """Give a training some minutes: steps made, rate with start-up and all, hours that are left at it."""
    command = [
        *(sys.executable, "-m", "murauer", "train", "--data", str(options.data), "--out", str(options.run)),
        *("--config", options.config, "--labels", str(options.labels), "--device", options.device),
    ]
    plan = read_config(options.config).training
    wanted = plan.pretraining_iterations + plan.joint_iterations
    before, start = steps_done(options.run, plan.pretraining_iterations), time.perf_counter()
    with subprocess.Popen(command) as process:
        try:
            if process.wait(options.minutes * 60):
                raise SystemExit(process.returncode)
        except subprocess.TimeoutExpired:
            process.terminate()  # its last checkpoint is whole
    seconds = time.perf_counter() - start
    done = steps_done(options.run, plan.pretraining_iterations)
    rate = (done - before) / seconds
    return {
        "steps_before": before,
        "steps_done": done,
        "steps_wanted": wanted,
        "steps_per_s": rate,
        "hours_left": (wanted - done) / rate / 3600 if rate else None,
        "finished": (options.run / MODEL_FILE).exists(),
    }


def steps_done(run: Path, pretraining: int) -> int:
    """Steps of both stages that a run's checkpoints hold."""
    joint, before = run / CHECKPOINT_FILE, run / PRETRAINING_CHECKPOINT_FILE
    if joint.exists():
        return pretraining + int(read_tensors(joint)[1]["step"])
    if (run / PRETRAINED_FILE).exists():
        return pretraining
    return int(read_tensors(before)[1]["step"]) if before.exists() else 0


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    for function in (measure, train):
        command = commands.add_parser(function.__name__, help=(function.__doc__ or "").splitlines()[0])
        command.set_defaults(function=function)
        command.add_argument("--device", default="cuda")
        command.add_argument("--config", default="paper")
        command.add_argument("--data", type=Path, required=function is train, help="store")
        command.add_argument("--out", type=Path, default=Path("runs") / f"gpu_{function.__name__}.json")
        if function is measure:
            command.add_argument("--seconds", type=float, default=10, help="of each figure")
            command.add_argument("--hands", type=int, default=1024, help="in a rendered batch")
        else:
            command.add_argument("--run", type=Path, required=True, help="run folder")
            command.add_argument("--minutes", type=float, default=9)
            command.add_argument("--labels", type=int, default=100)
    options = parser.parse_args(arguments)
    result = options.function(options)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    for name, value in result.items():
        for key, number in value.items() if isinstance(value, dict) else [("", value)]:
            text = f"{number:.4g}" if isinstance(number, float) else number
            print(f"{name} {key}".ljust(52), text)


if __name__ == "__main__":
    main()
