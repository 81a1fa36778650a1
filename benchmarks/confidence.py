"""What an estimator's confidence says of the error of its joints, and how its weights are made.

    python benchmarks/confidence.py [--frames 2000] [--seed 1] [--model default]
        [--plot FILE] [--fit]

Simulated hands of many people with things around them, their cubes centred up to beside the hand; and cubes
in which there is no hand but what is around it, or a table or wall. Prints how confidence and error go
together: of the plausibility of joints alone, as with a given centre, and times the probability that the hand
finder's refinement network gives the place, as where a hand was found or followed. `--plot` draws the latter.
`--fit` prints weights for `murauer.inference.plausibility` instead; measure with another seed.
"""

import argparse
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import spearmanr

from murauer.capture.depth import DEPTH_UNIT_MM
from murauer.geometry.camera import Camera
from murauer.geometry.patches import Cubes
from murauer.handfinder.localisation import look_at_place, packaged_finder
from murauer.inference import plausibility
from murauer.inference.backends.load import load_backend
from murauer.prepare.rendering.regions import RENDER_CHUNK
from murauer.prepare.rendering.simulated import SimulationConfig, Simulator

OFFSETS_MM = (0.0, 10.0, 20.0, 40.0, 80.0, 130.0)
"""Distances of the cube's centre from the palm's, in a random direction."""


WALL = -1.0
"""In place of a distance: a cube with a wall through it."""


def measure(
    frames: int, seed: int, model: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Predict simulated frames.

    Returns:
        Features of each, (N, 4); mean errors in mm, infinite without a hand, (N,); and the probability of a
        hand by the refinement network, (N,).
    """
    backend, finder = load_backend(model), packaged_finder()
    skeleton, random = backend.facts.skeleton, np.random.default_rng(seed)
    bones = np.array(skeleton.bones)
    config = SimulationConfig(
        seed=seed, real_frames=frames, training_persons=50, person_spread=1.0, any_share=0.2, free_share=0.3,
        pose_variation=1.0, distance_mm=(400.0, 1100.0), region_size=160, region_mm=900.0,
        skeleton=skeleton.name,
    )  # fmt: skip
    simulator = Simulator(config)
    rows, errors, confident = [], [], []
    for start in range(0, frames, RENDER_CHUNK):
        arrays = simulator.chunk("real", start, min(start + RENDER_CHUNK, frames))
        depth, intrinsics, centre, joints = (
            arrays[name][:, 0].numpy().astype(np.float32)
            for name in ("depth", "intrinsics", "centre", "joints")
        )
        for index in range(len(depth)):
            camera = Camera(*intrinsics[index].tolist())
            image = depth[index, None] * np.float32(DEPTH_UNIT_MM)
            wall = _wall(image, centre[index], camera, random)
            for offset in (*OFFSETS_MM, None, WALL):
                if offset == WALL:
                    image = wall
                place = _beside(centre[index], image[0], camera, offset, joints[index], random)
                if place is None:
                    continue
                cubes = Cubes(
                    place[None], camera.intrinsics_array(), backend.facts.cube_mm, backend.facts.patch_size
                )
                patch = cubes.cut(image)
                xyz = cubes.denormalise_joints(backend(patch))
                rows.append(plausibility.features(patch, xyz, cubes, bones, skeleton.centre)[0])
                error = np.linalg.norm(xyz[0] - joints[index], axis=-1).mean()
                errors.append(error if offset in OFFSETS_MM else np.inf)
                confident.append(look_at_place(finder, image[0], camera, place).confidence)
    return np.stack(rows), np.array(errors), np.array(confident)


def _wall(
    image: NDArray[np.float32], centre: NDArray[np.float32], camera: Camera, random: np.random.Generator
) -> NDArray[np.float32]:
    """A plane through the centre, facing the camera or less so, with the noise of a sensor."""
    v, u = np.mgrid[: image.shape[1], : image.shape[2]]
    slope = random.normal(0, 0.4, size=2)
    across = slope[0] * (u - camera.u0) / camera.fx + slope[1] * (v - camera.v0) / camera.fy
    distance = centre[2] - slope @ centre[:2]
    depth = distance / np.maximum(1 - across, 0.1) + random.normal(0, 2, size=across.shape)
    return depth[None].astype(np.float32)


def _beside(
    centre: NDArray[np.float32],
    image: NDArray[np.float32],
    camera: Camera,
    offset: float | None,
    joints: NDArray[np.float32],
    random: np.random.Generator,
) -> NDArray[np.float32] | None:
    """A centre at a distance from the palm; or, with None, on a surface away from all joints."""
    if offset == WALL:
        offset = 10.0
    if offset is not None:
        direction = random.normal(size=3)
        return (centre + offset * direction / np.linalg.norm(direction)).astype(np.float32)
    rows, columns = np.nonzero(image)
    for _ in range(20):
        pick = random.integers(len(rows))
        z = image[rows[pick], columns[pick]]
        u, v = columns[pick], rows[pick]
        point = np.array(
            [(u - camera.u0) * z / camera.fx, (v - camera.v0) * z / camera.fy, z + 20], np.float32
        )
        if np.linalg.norm(joints - point, axis=-1).min() > 180:
            return point
    return None


def fit(rows: NDArray[np.float64], errors: NDArray[np.float64]) -> None:
    """Print weights of a logistic model."""
    inputs, good = np.concatenate((rows, np.ones((len(rows), 1))), 1), errors < plausibility.GOOD_MM

    def loss(weights: NDArray[np.float64]) -> float:
        odds = inputs @ weights
        return float(np.logaddexp(0, np.where(good, -odds, odds)).mean() + 1e-4 * (weights**2).sum())

    print("WEIGHTS =", minimize(loss, np.zeros(inputs.shape[1])).x.round(2).tolist())


def report(title: str, sure: NDArray[np.floating], errors: NDArray[np.float64]) -> None:
    """Print confidence against error."""
    hands = np.isfinite(errors)
    rank = -spearmanr(sure[hands], errors[hands]).statistic
    print(f"\n{title}: {len(sure)} cubes, {1 - hands.mean():.0%} without a hand; rank correlation of "
          f"confidence and accuracy {rank:.2f}")  # fmt: skip
    print(f"confident (> 0.5) of a cube without a hand: {(sure[~hands] > 0.5).mean():.1%}")
    print("| confidence | cubes | mean | error below 30 mm | median error, mm | without a hand |")
    print("|---|---|---|---|---|---|")
    for low, high in pairwise((0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.001)):
        each = (sure >= low) & (sure < high)
        if each.any():
            print(f"| {low:.1f} to {min(high, 1):.1f} | {each.sum()} | {sure[each].mean():.2f} | "
                  f"{(errors[each] < plausibility.GOOD_MM).mean():.2f} | {np.median(errors[each]):.0f} | "
                  f"{(~hands[each]).mean():.2f} |")  # fmt: skip


def draw(sure: NDArray[np.floating], errors: NDArray[np.float64], path: Path) -> None:
    """Draw what confidence says: how often joints are good, and how far off they are."""
    with plt.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    bins = np.linspace(0, 1, 11)
    number = np.clip(np.digitize(sure, bins) - 1, 0, 9)
    filled = np.unique(number)
    good = [(errors[number == each] < plausibility.GOOD_MM).mean() for each in filled]
    left.plot((0, 1), (0, 1), color="0.7", linewidth=1)
    left.plot([sure[number == each].mean() for each in filled], good, "o-")
    left.set(xlabel="confidence", ylabel=f"share with a mean error below {plausibility.GOOD_MM:g} mm")
    left.set_title("Taken at its word", loc="left")
    hands = np.isfinite(errors)
    for share, alpha in ((0.8, 0.15), (0.5, 0.3)):
        low, high = (
            [np.quantile(errors[hands & (number == each)], q) for each in filled]
            for q in (0.5 - share / 2, 0.5 + share / 2)
        )
        right.fill_between(bins[filled] + 0.05, low, high, color="C0", alpha=alpha, linewidth=0,
                           label=f"{share:.0%} of the hands")  # fmt: skip
    middle = [np.median(errors[hands & (number == each)]) for each in filled]
    right.plot(bins[filled] + 0.05, middle, "o-", label="median")
    right.set(xlabel="confidence", ylabel="mean joint error, mm", ylim=(0, 150))
    right.set_title("Error of the joints", loc="left")
    right.legend(frameon=False)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default="default")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--fit", action="store_true")
    options = parser.parse_args()
    rows, errors, confident = measure(options.frames, options.seed, options.model)
    if options.fit:
        fit(rows, errors)
        return
    plausible = plausibility.probability(rows)
    report("plausibility alone", plausible, errors)
    report("times the probability of a hand", plausible * confident, errors)
    if options.plot:
        draw(plausible * confident, errors, options.plot)


if __name__ == "__main__":
    main()
