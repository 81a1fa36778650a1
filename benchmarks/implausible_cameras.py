"""Genuine and simulated frames with cameras and scales that cannot be: what gives joints, at what memory.

    python benchmarks/implausible_cameras.py --cases 200

Draws focal lengths in mm, m or of other sizes, principal points of other images or none, images that were
cut or halved without a word, and depth scales that are wrong by a factor of 2 and more. Counts what is
refused, what has no hand, and what has joints, with their confidence. Gives the most memory that the process
had; a limit of its address space makes any larger allocation fail.
"""

import argparse
import os
import resource
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from murauer import Camera, Estimator, UserError
from murauer.capture.depth import read_depth
from murauer.capture.sources.simulated import SimulatedSource
from murauer.geometry.camera import CAMERAS

Depth = NDArray[np.float32]
LIMIT_MB, SURE = 500, 0.5

UNITS = (1e-3, 1e-2, 0.1, 0.125, 0.2, 0.25, 0.3, 0.5, 2.0, 2.5, 4.0, 5.0, 8.0, 10.0, 100.0, 1000.0)
"""By which depth is wrong when its unit is."""


def frames(shared: Path, simulated: int) -> list[tuple[str, Depth, Camera]]:
    """Return the genuine frames, and simulated ones of six people."""
    real, nyu, sr305 = shared / "data" / "real", CAMERAS["nyu"], CAMERAS["sr305"]
    found = [("nyu", read_depth(real / "nyu_test_depth_1_0000001.png", nyu), nyu)]
    found += [(path.stem, read_depth(path, sr305, 0.125), sr305) for path in sorted(real.glob("sr305_*.png"))]
    for number in range(simulated):
        source = SimulatedSource(seed=number, person=number, paced=False)
        found.append((f"simulated {number}", source.frame(7 * number).depths[0], source.cameras[0].camera))
    return found


def wrong_focal(rng: np.random.Generator, depth: Depth, camera: Camera) -> tuple[Depth, Camera]:
    """In mm, in m, or of an image of another size: wrong by a factor of 2 to 10,000."""
    factor = float(np.exp(rng.uniform(np.log(2), np.log(1e4)))) ** rng.choice((-1, 1))
    return depth, replace(camera, fx=camera.fx * factor, fy=camera.fy * factor)


def one_focal(rng: np.random.Generator, depth: Depth, camera: Camera) -> tuple[Depth, Camera]:
    """One side has the focal length of another image."""
    return depth, replace(camera, fy=camera.fy * float(rng.choice((0.01, 0.3, 3.0, 100.0))))


def wrong_middle(rng: np.random.Generator, depth: Depth, camera: Camera) -> tuple[Depth, Camera]:
    """The principal point is far from the middle, by a quarter of the image to ten images."""
    away = rng.choice((-1, 1), 2) * np.exp(rng.uniform(np.log(0.26), np.log(10), 2))
    u0, v0 = (np.array([0.5, 0.5]) + away) * (camera.width, camera.height)
    return depth, replace(camera, u0=float(u0), v0=float(v0))


def halved(rng: np.random.Generator, depth: Depth, camera: Camera) -> tuple[Depth, Camera]:
    """Every second pixel, with the whole image's camera, or its principal point."""
    small = np.ascontiguousarray(depth[::2, ::2])
    focal = float(rng.choice((0.5, 1.0)))
    size = {"width": small.shape[1], "height": small.shape[0]}
    return small, replace(camera, fx=camera.fx * focal, fy=camera.fy * focal, **size)


def cut(rng: np.random.Generator, depth: Depth, camera: Camera) -> tuple[Depth, Camera]:
    """A part around the middle of the image, with the whole image's camera."""
    width, height = int(rng.integers(200, 330)), int(rng.integers(160, 250))
    left, top = (camera.width - width) // 2, (camera.height - height) // 2
    part = np.ascontiguousarray(depth[top : top + height, left : left + width])
    return part, replace(camera, width=width, height=height)


def wrong_scale(rng: np.random.Generator, depth: Depth, camera: Camera) -> tuple[Depth, Camera]:
    """Depth in another unit."""
    return depth * np.float32(rng.choice(UNITS)), camera


SPOILERS: tuple[Callable[..., tuple[Depth, Camera]], ...] = (
    wrong_focal, one_focal, wrong_middle, halved, cut, wrong_scale,
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--simulated", type=int, default=6, metavar="N", help="simulated frames")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    shared = Path(os.environ.get("MURAUER_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    estimator, rng = Estimator.load("default"), np.random.default_rng(options.seed)
    known = frames(shared, options.simulated)
    for _, depth, camera in known:
        estimator(depth, camera)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + (LIMIT_MB << 20), resource.RLIM_INFINITY))
    warnings.simplefilter("ignore")

    outcome: dict[str, Counter[str]] = {}
    for index in range(options.cases):
        name, depth, camera = known[index % len(known)]
        spoil = SPOILERS[int(rng.integers(len(SPOILERS)))]
        spoilt, wrong = spoil(rng, depth, camera)
        tally = outcome.setdefault(spoil.__name__, Counter())
        try:
            pose = estimator(spoilt, wrong)
        except UserError:
            tally["refused"] += 1
            continue
        tally["no hand" if not pose else "sure" if pose.confidence > SURE else "in doubt"] += 1
        if pose and pose.confidence > SURE:
            print(f"{name}: {spoil.__name__}, confidence {pose.confidence:.2f}, {wrong}")
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{'':14} {'refused':>8} {'no hand':>8} {'in doubt':>9} {'sure':>5}")
    for name, tally in outcome.items():
        print(f"{name:14} {tally['refused']:8} {tally['no hand']:8} {tally['in doubt']:9} {tally['sure']:5}")
    print(f"memory: {after - before} MB more than with the right cameras, of at most {LIMIT_MB} MB allowed")


if __name__ == "__main__":
    main()
