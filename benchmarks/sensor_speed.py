"""How fast the sensor models are, on one core, and how much faster than those of another checkout.

    python benchmarks/sensor_speed.py [--size 64 128] [--against FOLDER]

Measures hands with clutter as `render_speed.py` draws them. With the folder of another checkout, its sensors
measure the same images in a process of their own, in turns with these: ratios are of neighbouring blocks,
median and range. Times are CPU times of one thread, so that other processes on the machine disturb them
little.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import Generator, Tensor

from murauer.hand.sensors import SENSORS

DISTANCE_MM, CUBE_MM = 700.0, 300.0


def draw(hands: int, size: int) -> tuple[Tensor, Tensor]:
    """Hands before and beside things, (B, size, size), and their cameras."""
    # The process of another checkout needs the sensors alone.
    from murauer.hand.clutter import merge_depth, sample_clutter
    from murauer.hand.model import HandModel, place
    from murauer.hand.pose_prior import PosePrior
    from murauer.hand.rasteriser import rasterise_depth
    from murauer.hand.shape import ShapePrior
    from murauer.hand.viewpoint import sample_viewpoints

    generator, model = Generator().manual_seed(0), HandModel()
    focal, centre = size * DISTANCE_MM / CUBE_MM, (size - 1) / 2
    cameras = torch.tensor([[focal, focal, centre, centre]]).repeat(hands, 1)
    position = torch.tensor([[0.0, 0.0, DISTANCE_MM]]).repeat(hands, 1)
    with torch.no_grad():
        posed = model(PosePrior().sample(hands, generator), ShapePrior().sample(hands, generator))
    vertices = place(posed.vertices, sample_viewpoints(hands, generator), position)
    depth = rasterise_depth(vertices, model.faces, cameras, size, size)
    for piece in sample_clutter(position, generator):
        depth = merge_depth(depth, rasterise_depth(piece.vertices, piece.faces, cameras, size, size))
    return depth, cameras


def cpu_ms(sensor: str, depth: Tensor, cameras: Tensor, repeats: int) -> float:
    """Milliseconds of CPU time an image, the fastest of some."""
    measure, generator = SENSORS[sensor](), Generator().manual_seed(0)
    times = []
    for _ in range(repeats + 1):  # the first one warms up
        start = time.process_time()
        measure(depth, cameras, generator)
        times.append(time.process_time() - start)
    return 1000 * min(times[1:]) / len(depth)


def serve(images: Path, repeats: int) -> None:
    """Time the sensors that are named on standard input, until it ends."""
    depth, cameras = torch.load(images)
    for line in sys.stdin:
        print(cpu_ms(line.strip(), depth, cameras, repeats), flush=True)


def compare(checkout: Path, size: int, options: argparse.Namespace) -> None:
    """Print the times of both, and their ratios."""
    images = draw(options.hands, size)
    with tempfile.TemporaryDirectory() as folder:
        torch.save(images, file := Path(folder) / "images.pt")
        other = subprocess.Popen(
            [sys.executable, __file__, "--serve", file, "--repeats", str(options.repeats)],
            env={**os.environ, "PYTHONPATH": str(checkout / "src")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert other.stdin is not None and other.stdout is not None
        for sensor in options.sensors:
            own, others = [], []
            for _ in range(options.blocks):
                own.append(cpu_ms(sensor, *images, options.repeats))
                other.stdin.write(f"{sensor}\n")
                other.stdin.flush()
                others.append(float(other.stdout.readline()))
            ratios = [b / a for a, b in zip(own, others, strict=True)]
            print(
                f"{size:4d} {sensor:18s} {statistics.median(own):7.3f} ms, "
                f"there {statistics.median(others):7.3f} ms: {statistics.median(ratios):.2f} times as fast "
                f"({min(ratios):.2f} to {max(ratios):.2f})"
            )
        other.stdin.close()
        other.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, nargs="+", default=[64, 128], help="side of the images in pixels")
    parser.add_argument("--hands", type=int, default=128, help="hands in a batch")
    parser.add_argument("--repeats", type=int, default=5, help="runs of a block; the fastest counts")
    parser.add_argument("--blocks", type=int, default=7, help="of each sensor")
    parser.add_argument("--sensors", nargs="+", default=["structured_light", "time_of_flight", "mixed"])
    parser.add_argument("--against", type=Path, metavar="FOLDER", help="another checkout")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.serve:
        serve(options.serve, options.repeats)
        return
    for size in options.size:
        if options.against:
            compare(options.against, size, options)
            continue
        images = draw(options.hands, size)
        for sensor in options.sensors:
            print(f"{size:4d} {sensor:18s} {cpu_ms(sensor, *images, options.repeats):7.3f} ms")


if __name__ == "__main__":
    main()
