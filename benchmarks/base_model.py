"""The error of a model on the test set of a store, as an estimator uses it: centres given, nothing else.

    python benchmarks/base_model.py STORE [--model default] [--quality best] [--scatter 6]

For the mixed test set of the model card, simulate docs/results/packaged_recording_mixed.json; its test frames
are the same ones with fewer frames for training.
"""

import argparse
from pathlib import Path

import numpy as np

from murauer.geometry.camera import Camera
from murauer.geometry.skeletons import convert
from murauer.inference.estimator import Estimator
from murauer.store.store import open_store


def window_camera(intrinsics: np.ndarray, size: int) -> Camera:
    """The camera that sees one window of a store."""
    fx, fy, u0, v0 = map(float, intrinsics)
    return Camera(fx=fx, fy=fy, u0=u0, v0=v0, width=size, height=size, is_crop=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("store", type=Path)
    parser.add_argument("--model", default="default")
    parser.add_argument("--quality", default="fast", choices=("fast", "best"))
    parser.add_argument("--scatter", type=float, default=0.0, help="standard deviation of centres in mm")
    parser.add_argument("--every", type=int, default=1, help="look at every n-th frame only")
    options = parser.parse_args()
    store = open_store(options.store)
    frames = store.require("test")
    estimator = Estimator.load(options.model, quality=options.quality)
    rows = frames.usable_rows(0, labelled=True)[:: options.every]
    regions = frames.regions(rows)
    noise = options.scatter * np.random.default_rng(0).standard_normal((len(rows), 3))
    errors, confidence = [], []
    for depth, intrinsics, centre, joints in zip(
        regions.depth.numpy(),
        regions.intrinsics.numpy(),
        regions.centre.numpy() + noise,
        regions.joints.numpy(),
        strict=True,
    ):
        pose = estimator(depth, window_camera(intrinsics, len(depth)), centre, "right")
        if not pose:
            print(pose.problem)
        predicted = convert(pose.joints_xyz, pose.skeleton.name, store.skeleton.name)
        errors.append(np.linalg.norm(predicted - joints, axis=-1))
        confidence.append(pose.confidence)
    error = np.stack(errors)
    answered = ~np.isnan(error).any(1)
    error, rows, confidence = error[answered], rows[answered], np.array(confidence)[answered]
    unseen = np.isin(frames.person[rows], list(store.unseen_persons))
    print(f"{len(rows)} frames: {error.mean():.2f} mm, median of frames {np.median(error.mean(1)):.2f}")
    print(f"people not in training: {error[unseen].mean():.2f}, others: {error[~unseen].mean():.2f}")
    for name, value in zip(store.skeleton.joints, error.mean(0), strict=True):
        print(f"  {name:12} {value:5.1f}")
    sure = confidence
    for low, high in ((0, 0.5), (0.5, 0.8), (0.8, 0.95), (0.95, 1.01)):
        chosen = (sure >= low) & (sure < high)
        if chosen.any():
            good = (error[chosen].mean(1) < 30).mean()
            print(f"confidence {low:.2f} to {high:.2f}: {chosen.sum()} frames, {good:.0%} below 30 mm")


if __name__ == "__main__":
    main()
