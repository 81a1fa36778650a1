"""How well hands of a wrong size are told from hands, and with --fit the weights by which they are.

    python benchmarks/hand_size.py --fit

Looks for hands in simulated frames (held before the camera, and in rooms) with depth of the right scale, of
0.8 and 1.25 of it, and of scales and focal lengths that are wrong by a factor of 2 and more.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import numpy as np
from hand_frames import Frame, held, rooms
from sklearn.linear_model import LogisticRegression

from murauer.geometry.patches import Cubes
from murauer.handfinder import finder
from murauer.handfinder.handedness import probability
from murauer.handfinder.localisation import LEAST_HAND, packaged_finder
from murauer.handfinder.size import CUBES_MM, LEAST_SIZE, WEIGHTS, features

RIGHT, WRONG, WRONG_FOCAL = (0.8, 1.0, 1.25), (0.1, 0.125, 0.17, 0.25, 0.5, 2.0, 2.5), (0.5, 2.0, 3.0)
NEAR_MM = 50.0
"""Of a palm, for a place that is said to be its hand."""


def measured(frame: Frame, scale: float, focal: float) -> Iterator[np.ndarray]:
    """Give the features of all that looks like a hand; of the true scale, of what is one."""
    depth = frame.depth * np.float32(scale)
    camera = replace(frame.camera, fx=frame.camera.fx * focal, fy=frame.camera.fy * focal)
    look = packaged_finder()
    for hand in look(depth, camera):
        away = np.linalg.norm(frame.palms * scale - hand.centre, axis=-1)
        if hand.confidence < LEAST_HAND or (is_right(scale, focal) and away.min(initial=np.inf) > NEAR_MM):
            continue
        centre = hand.centre[None].astype(np.float32)
        cubes = [Cubes(centre, camera.intrinsics_array(), side, finder.PATCH_SIZE) for side in CUBES_MM]
        patches = np.concatenate([cube.cut(depth[None]) for cube in cubes])[:, None]
        found = look._refinement.run([finder.OUTPUT], {finder.INPUT: patches})[0]
        joints = found[1, 2:].reshape(-1, 3) * (finder.CUBE_MM / 2)
        view = hand.centre[2] * max(camera.width / camera.fx, camera.height / camera.fy)
        yield features(found[:, 0], joints, view)


def is_right(scale: float, focal: float) -> bool:
    return scale in RIGHT and focal == 1


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=60, help="of each kind (default: 60)")
    parser.add_argument("--seed", type=int, default=900)
    parser.add_argument("--fit", action="store_true", help="print new weights")
    options = parser.parse_args()
    cases = [(scale, 1.0) for scale in (*RIGHT, *WRONG)] + [(1.0, focal) for focal in WRONG_FOCAL]
    rows: dict[tuple[float, float], list[np.ndarray]] = {case: [] for case in cases}
    kinds = (held(options.frames, 1, options.seed), rooms(options.frames, 1, options.seed + 1))
    for frame in chain(*kinds):
        for case in cases:
            rows[case] += measured(frame, *case)
    weights = WEIGHTS
    if options.fit:
        every = np.concatenate([np.array(found) for found in rows.values() if found])
        label = np.concatenate([np.full(len(found), is_right(*case)) for case, found in rows.items()])
        model = LogisticRegression(C=3, max_iter=1000).fit(every, label)
        weights = np.append(model.coef_[0], model.intercept_)
        print("WEIGHTS =", weights.round(2).tolist())
    print(
        f"{'scale':>6} {'focal':>6} {'look like a hand':>17} {'of its size':>12} {'more likely than not':>21}"
    )
    for (scale, focal), found in rows.items():
        size = probability(np.array(found).reshape(-1, 5) @ weights[:-1] + weights[-1])
        print(f"{scale:6} {focal:6} {len(size):17} {(size >= LEAST_SIZE).sum():12} {(size >= 0.5).sum():21}")


if __name__ == "__main__":
    main()
