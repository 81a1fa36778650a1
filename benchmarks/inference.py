"""Speed and exactness of the whole way from depth frames to joints.

    python benchmarks/inference.py [--frames 1000] [--stream 10000] [--repeats 300]

1. Frames a second at batch 1, frame in, joints out: the packaged model by ONNX Runtime following a hand
   (`Estimator.track`) and looking for it in every frame (`Estimator()`); and the same network in eager
   PyTorch fp32 with the true centre given, cut out by `crop_hand` as in training. The three take turns every
   20 frames, so that whatever else the machine does slows all of them, once with one thread and once with
   two; each is compared by its better one. CPU time does not count the waiting.
2. ONNX Runtime against PyTorch, and the int8 model against both, on simulated frames.
3. A long stream with drop-outs, empty frames, wrong sizes and NaN among its frames.
"""

import argparse
import gc
import os
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray

from murauer import Estimator
from murauer.capture.sources.simulated import Motion
from murauer.geometry.camera import CAMERAS
from murauer.geometry.crop import crop_hand
from murauer.geometry.rig import CameraRig
from murauer.geometry.skeletons import SKELETONS
from murauer.hand.clutter import sample_clutter
from murauer.hand.model import HandModel
from murauer.hand.scenes import Scenes
from murauer.hand.sensors import SENSORS
from murauer.hand.shape import ShapePrior
from murauer.hand.viewpoint import sample_viewpoints
from murauer.inference.backends.load import load_backend
from murauer.inference.export.calibration import simulate_patches
from murauer.inference.export.onnx import export_onnx, run
from murauer.nets.model_file import load_model
from murauer.progress import Progress
from murauer.random_streams import random_stream

CAMERA = CAMERAS["nyu"]
BLOCK = 20
"""Frames that one way gets before it is the turn of the next."""

WARM_UP = BLOCK
"""Frames that are not counted, as the first ones allocate."""

SEQUENCE = 120
"""Frames of the rendered sequence, which streams go through forwards and backwards."""

FRAMES_A_SECOND = 30


def render_sequence() -> tuple[NDArray[np.uint16], torch.Tensor]:
    """A moving hand before a person, by structured light: depth (N, H, W) in mm, palms (N, 3)."""
    stream, hand = random_stream(0, "sequence"), HandModel()
    motion = Motion(0, 800.0)
    angles = torch.cat([motion.at(frame / FRAMES_A_SECOND)[0] for frame in range(SEQUENCE)])
    shape = ShapePrior().sample(1, stream).expand(SEQUENCE, -1)
    turn = torch.linspace(0, 2 * torch.pi, SEQUENCE)
    position = torch.stack((60 * turn.sin() - 60, 30 * (2 * turn).sin(), 600 + 60 * turn.cos()), 1)
    rotation = sample_viewpoints(1, stream, tilt_deg=5, roll_deg=5, any_share=0, palm_share=1)
    posed = hand(angles, shape)
    scenes = Scenes(posed, hand.faces, rotation.expand(SEQUENCE, 3, 3), position)
    palms = scenes.joints("nyu14")[:, SKELETONS["nyu14"].centre]
    body = sample_clutter(palms[:1].expand(SEQUENCE, 3), stream)[:1]
    scenes = Scenes(posed, hand.faces, rotation.expand(SEQUENCE, 3, 3), position, body)
    rig = CameraRig((CAMERA,), torch.eye(4)[None])
    intrinsics = CAMERA.intrinsics().expand(SEQUENCE, 4)
    depth = scenes.depth(rig, 0, intrinsics, CAMERA.height, CAMERA.width)
    sensor = SENSORS["structured_light"]()
    seen = torch.cat([sensor(d[None], intrinsics[:1], stream) for d in depth])
    return seen.round().numpy().astype(np.uint16), palms


def back_and_forth() -> Iterator[int]:
    while True:
        yield from range(SEQUENCE)
        yield from range(SEQUENCE - 2, 0, -1)


@dataclass(frozen=True)
class Speed:
    """Seconds by the clock and of CPU time that frames took, (N,)."""

    wall: NDArray[np.float64]
    cpu: NDArray[np.float64]


def measure_speed(frames: NDArray[np.uint16], palms: torch.Tensor, repeats: int) -> None:
    """Print part 1."""
    print(f"\n{repeats} frames of {CAMERA.width} x {CAMERA.height}, batch 1, load of the machine "
          f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")  # fmt: skip
    print(
        "| frame in, joints out | threads | frames/s | median ms | 95 % ms | CPU ms | frames/s of CPU time |"
    )
    print("|---|---|---|---|---|---|---|")
    best: dict[str, Speed] = {}
    for threads in (1, 2):
        for name, speed in take_turns(frames, palms, repeats, threads).items():
            wall, cpu = 1e3 * speed.wall, 1e3 * speed.cpu.mean()
            print(f"| {name} | {threads} | {1e3 / wall.mean():.0f} | {np.median(wall):.2f} | "
                  f"{np.quantile(wall, 0.95):.2f} | {cpu:.2f} | {1e3 / cpu:.0f} |")  # fmt: skip
            if name not in best or speed.wall.sum() < best[name].wall.sum():
                best[name] = speed
    tracked, located, reference = best.values()
    for name, own in (("followed", tracked), ("located", located)):
        print(f"{name} by ONNX Runtime against eager PyTorch, better number of threads of each: "
              f"{reference.wall.sum() / own.wall.sum():.1f} x by the clock, "
              f"{np.median(reference.wall) / np.median(own.wall):.1f} x by the median, "
              f"{reference.cpu.sum() / own.cpu.sum():.1f} x of CPU time")  # fmt: skip


def take_turns(
    frames: NDArray[np.uint16], palms: torch.Tensor, repeats: int, threads: int
) -> dict[str, Speed]:
    """Measure the three ways."""
    torch.set_num_threads(threads)
    estimator = Estimator.load("default", threads=threads)
    network, config = load_model("default")
    size, intrinsics = config.network.patch_size, CAMERA.intrinsics()[None]
    indices = list(islice(back_and_forth(), repeats + WARM_UP))
    poses = estimator.track((frames[index] for index in indices), CAMERA)

    def eager(index: int) -> torch.Tensor:
        with torch.inference_mode():
            depth = torch.from_numpy(frames[index].astype(np.float32))[None]
            patch, geometry = crop_hand(
                depth, intrinsics, palms[index, None], cube_mm=config.cube_mm, patch_size=size
            )
            return geometry.denormalise_joints(network(patch[:, None]))

    ways: dict[str, Callable[[int], object]] = {
        "ONNX Runtime, hand followed (track)": lambda index: next(poses),
        "ONNX Runtime, hand located in every frame": lambda index: estimator(frames[index], CAMERA),
        "eager PyTorch fp32, true centre given": eager,
    }
    taken = np.zeros((len(ways), repeats + WARM_UP, 2))
    for block in range(0, len(indices), BLOCK):
        for way, call in enumerate(ways.values()):
            for turn, index in enumerate(indices[block : block + BLOCK], start=block):
                begin, begin_cpu = time.perf_counter(), time.process_time()
                call(index)
                taken[way, turn] = time.perf_counter() - begin, time.process_time() - begin_cpu
    return {name: Speed(*taken[way, WARM_UP:].T) for way, name in enumerate(ways)}


def measure_exactness(count: int) -> None:
    """Print part 2."""
    exact, reference = (load_backend("default", backend=name) for name in ("onnx", "torch"))
    frames = simulate_patches(exact.facts, count, seed=100)
    half = exact.facts.cube_mm / 2
    truth, eager, onnx = frames.joints.numpy(), run(reference, frames), run(exact, frames)

    def error(joints: NDArray[np.float32]) -> float:
        return float(np.linalg.norm(joints - truth, axis=-1).mean()) * half

    print(f"\n{count} simulated frames: largest difference of a coordinate between ONNX Runtime and PyTorch "
          f"{np.abs(onnx - eager).max() * half:.5f} mm; mean error {error(eager):.2f} mm")  # fmt: skip
    with TemporaryDirectory() as folder:
        path = Path(folder) / "int8.onnx"
        export_onnx("default", path, int8=True)
        int8 = run(load_backend(path), frames)
        moved = float(np.linalg.norm(int8 - eager, axis=-1).mean()) * half
        print(f"int8: mean error {error(int8):.2f} mm ({error(int8) - error(eager):+.2f}), joints move by "
              f"{moved:.2f} mm, {path.stat().st_size / 1000:.0f} kB")  # fmt: skip
        one = frames.patches[:1].numpy()
        for name, backend in (
            ("float32", load_backend("default", threads=1)),
            ("int8", load_backend(path, threads=1)),
        ):
            for _ in range(20):
                backend(one)
            begin = time.process_time()
            for _ in range(500):
                backend(one)
            print(
                f"network alone, {name}, one thread: {2 * (time.process_time() - begin):.3f} ms of CPU time"
            )


def measure_robustness(frames: NDArray[np.uint16], count: int) -> None:
    """Print part 3."""
    random = np.random.default_rng(0)
    spoil: dict[str, Callable[[NDArray[np.uint16]], object]] = {
        "dropped": lambda depth: None,
        "empty": lambda depth: depth * 0,
        "wrong size": lambda depth: depth[:200, :300],
        "all NaN": lambda depth: np.full(depth.shape, np.nan, np.float32),
        "no hand": lambda depth: np.full(depth.shape, 3000, np.uint16),
        "in metres": lambda depth: depth / np.float32(1000),
    }
    names = [*spoil, "half NaN", "good"]
    kinds = random.choice(names, size=count, p=[0.03] * len(spoil) + [0.05, 0.95 - 0.03 * len(spoil)])

    def stream() -> Iterator[object]:
        for kind, index in zip(kinds, back_and_forth(), strict=False):
            depth = frames[index]
            if kind == "half NaN":
                yield np.where(random.random(depth.shape) < 0.5, depth, np.nan).astype(np.float32)
            else:
                yield spoil[kind](depth) if kind in spoil else depth

    reported, missed, located, sizes = 0, dict.fromkeys(names, 0), 0, []
    with Progress("tracking", count, unit="frame") as progress:
        poses = Estimator.load("default", threads=1).track(stream(), CAMERA)
        for number, (kind, pose) in enumerate(zip(kinds, poses, strict=True)):
            bad = kind in spoil
            reported += bad and not pose
            missed[kind] += bool(pose) == bad
            located += pose.timings.localisation > 0
            if number % 1000 == 999:
                gc.collect()
                sizes.append(_memory_mb())
            progress.advance()
    bad = int(np.isin(kinds, list(spoil)).sum())
    print(
        f"\n{count} frames through track: {bad} bad ones, {reported} of them reported; located anew in "
        f"{located}"
    )
    print("wrongly without or with joints: " + ", ".join(f"{kind} {n}" for kind, n in missed.items()))
    print("memory in MB after each 1,000 frames: " + " ".join(f"{size:.0f}" for size in sizes))


def _memory_mb() -> float:
    """Resident memory now; the peak where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=1000, help="of part 2; 0 for none")
    parser.add_argument("--stream", type=int, default=10_000, help="frames of part 3; 0 for none")
    parser.add_argument("--repeats", type=int, default=300, help="frames of part 1; 0 for none")
    options = parser.parse_args()
    frames, palms = render_sequence()
    if options.repeats:
        measure_speed(frames, palms, options.repeats)
    if options.frames:
        measure_exactness(options.frames)
    if options.stream:
        measure_robustness(frames, options.stream)


if __name__ == "__main__":
    main()
