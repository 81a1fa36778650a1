"""From the store to augmented batches, against decoding a PNG for each sample; and what data adds to a step.

    python benchmarks/data_path.py [--config paper] [--seconds 3] [--json]

The peer is a PyTorch `Dataset` behind a `DataLoader`, as one would write it: decode the 640 x 480 PNG,
rotate it about the hand, cut the cube out and resize it, add white noise, turn the joints. (The published
code adds the noise to the whole image, which takes several times as long.) It reads a folder in the format
of the NYU dataset, from which the store is made. Times are CPU times of one thread in one run, with warm
file caches. The floor is the bytes that a sample is read from and written to, at the bandwidth of a copy.

Then the step of joint training and that of pre-training with a new batch each time and with the same one, in
turn.
"""

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from murauer.datasets import DATASETS
from murauer.datasets.dataset import Dataset
from murauer.geometry.camera import CAMERAS, uvd_to_xyz, xyz_to_uvd
from murauer.nets.network import HandPoseNetwork, make_discriminator
from murauer.prepare.importing.run import import_dataset
from murauer.prepare.rendering.simulated import simulate_store
from murauer.store.store import open_store
from murauer.training.batch_source import BatchSource
from murauer.training.config import load_config
from murauer.training.device import keep_freed_memory
from murauer.training.loop import Training
from murauer.training.variants import VARIANTS, Variant

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from training_step import FRAMES, cpu_seconds, spread

from dataset_folders.nyu import write_nyu

FRAME_COUNT = 60
BATCH = 64


class DecodedFrames(torch.utils.data.Dataset[tuple[Tensor, Tensor]]):
    """Augmented samples of the real frames of a dataset, each from its PNG."""

    def __init__(self, dataset: Dataset, patch_size: int, cube_mm: float = 300.0) -> None:
        self.dataset, self.patch_size, self.cube_mm = dataset, patch_size, cube_mm
        self.random = np.random.default_rng(0)
        self.intrinsics = CAMERAS["nyu"].intrinsics()

    def __len__(self) -> int:
        return FRAME_COUNT

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Patch (1, P, P) and joints (J, 3)."""
        frame = self.dataset.view("real", index, 0)
        assert frame.joints is not None
        fx, fy = self.intrinsics[:2].tolist()
        centre = frame.joints[self.dataset.skeleton.centre]
        u, v, _ = xyz_to_uvd(centre, self.intrinsics).tolist()
        degrees = float(self.random.uniform(-60, 60))
        image = Image.fromarray(frame.depth.numpy())
        image = image.rotate(degrees, resample=Image.Resampling.NEAREST, center=(u, v))
        centre = centre + torch.from_numpy(self.random.normal(0, 5, 3)).float()
        u, v, z = xyz_to_uvd(centre, self.intrinsics).tolist()
        half = self.cube_mm / 2
        box = (u - half * fx / z, v - half * fy / z, u + half * fx / z, v + half * fy / z)
        size = (self.patch_size, self.patch_size)
        depth = np.asarray(
            image.transform(size, Image.Transform.EXTENT, box, resample=Image.Resampling.NEAREST)
        )
        depth = depth + self.random.normal(0, 5, depth.shape).astype(np.float32) * (depth > 0)
        patch = (depth - z) / half
        patch = np.where((depth == 0) | (np.abs(patch) > 1), np.float32(1), patch).astype(np.float32)

        angle = math.radians(degrees)
        turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        uvd = xyz_to_uvd(frame.joints, self.intrinsics)
        pivot = uvd[self.dataset.skeleton.centre, :2]
        uvd[:, :2] = (uvd[:, :2] - pivot) @ turn + pivot
        joints = (uvd_to_xyz(uvd, self.intrinsics) - centre) / half
        return torch.from_numpy(patch)[None], joints.clamp(-1, 1)


def bytes_per_second(size: int = 64 << 20, repeats: int = 5) -> float:
    """Bytes read and written by a copy, per second of CPU time."""
    source, target = np.ones(size, np.uint8), np.empty(size, np.uint8)
    best = min(cpu_seconds(lambda: np.copyto(target, source)) for _ in range(repeats))
    return 2 * size / best


def measure_samples(config_name: str, seconds: float) -> dict[str, Any]:
    """Samples per second of both ways, in turn, and their ratio."""
    config = load_config(config_name)
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_nyu(folder / "nyu", train=FRAME_COUNT, test=2, synthetic=False, synthetic_test=False)
        dataset = DATASETS["nyu"](folder / "nyu")
        store = import_dataset(dataset, folder / "nyu", folder / "store", workers=1)
        step = msgspec.structs.replace(config.training.step, mini_batch="per_set")
        training = msgspec.structs.replace(config.training, set_size=BATCH, step=step)
        wide = msgspec.structs.replace(config, training=training)
        source = BatchSource(store, wide, VARIANTS["real_only"], store.labelled_rows(FRAME_COUNT, 0), 0)
        loader = DataLoader(DecodedFrames(dataset, config.network.patch_size), 20, shuffle=True)
        ours: list[float] = []
        theirs: list[float] = []
        source.joint(0)
        end = time.process_time() + 2 * seconds
        while time.process_time() < end or not ours:
            theirs.append(len(loader.dataset) / cpu_seconds(lambda: list(loader)))  # type: ignore[arg-type]
            ours.append(BATCH * 8 / cpu_seconds(lambda: [source.joint(k) for k in range(8)]))
        window = store.require("real").depth.shape[-1]
    pixels = config.network.patch_size**2
    moved = 2 * window**2 + 4 * pixels  # 16 bits read, 32 written
    return {
        "png_samples_per_s": statistics.median(theirs),
        "store_samples_per_s": statistics.median(ours),
        "floor_samples_per_s": bytes_per_second() / moved,
        "ratio": spread([own / other for own, other in zip(ours, theirs, strict=True)]),
    }


def measure_steps(config_name: str, steps: int) -> dict[str, Any]:
    """CPU time of a step with new data over that with the same tensors."""
    config = load_config(config_name)
    result: dict[str, Any] = {}
    with TemporaryDirectory() as name:
        folder = Path(name) / "store"
        simulate_store(FRAMES, folder, workers=1)
        store = open_store(folder)
        rows = store.labelled_rows(100, 0)
        joint = BatchSource(store, config, VARIANTS["full"], rows, 0).joint
        pretraining = BatchSource(store, config, Variant("", real=False), rows[:0], 0).pretraining
        torch.manual_seed(0)
        network = HandPoseNetwork(config.network)
        cases: dict[str, tuple[Callable[[Any], Any], Callable[[int], Any]]] = {
            "joint": (Training(network, config, make_discriminator(config.network)).step, joint),
            "pretraining": (Training(network, config, pretraining=True).step, pretraining),
        }
        for case, (step, batches) in cases.items():
            constant = batches(0)
            step(constant)
            pairs = []
            for index in range(steps):
                fresh = cpu_seconds(lambda i=index + 1, f=step, b=batches: f(b(i)))  # type: ignore[misc]
                pairs.append(fresh / cpu_seconds(lambda c=constant, f=step: f(c)))  # type: ignore[misc]
            result[f"{case}_step_with_data_over_constant"] = spread(pairs)
            result[f"{case}_batch_ms"] = 1e3 * min(cpu_seconds(lambda b=batches: b(9)) for _ in range(5))  # type: ignore[misc]
    return result


def measure(config_name: str, seconds: float, steps: int) -> dict[str, Any]:
    """Everything above for one config."""
    keep_freed_memory()
    return {"config": config_name} | measure_samples(config_name, seconds) | measure_steps(config_name, steps)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", default="paper")
    parser.add_argument("--seconds", type=float, default=3.0, help="CPU time for each way to samples")
    parser.add_argument("--steps", type=int, default=4, help="timed pairs of steps")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    result = measure(options.config, options.seconds, options.steps)
    if options.json:
        print(json.dumps(result, indent=1))
        return
    for name, value in result.items():
        if isinstance(value, dict):
            value = "{median:.2f} ({least:.2f} to {most:.2f})".format(**value)
        print(f"{name:40s} {value:.4g}" if isinstance(value, float) else f"{name:40s} {value}")


if __name__ == "__main__":
    main()
