"""How often the more plausible of the two hands is the right one, without being told which hand it is.

    python benchmarks/handedness.py [--frames 2000] [--model default]

Predicts every simulated frame as a right and as a left hand, centre at the palm, and takes the hand that
`murauer.inference.plausibility` trusts more. Mirrored frames would give the same number, as left hands are
predicted from mirror images.
"""

import argparse

import numpy as np

from murauer.camera import Camera
from murauer.inference.calibration import simulate_patches
from murauer.inference.engines import load_engine
from murauer.inference.estimator import MIRROR
from murauer.inference.patches import Cubes
from murauer.inference.plausibility import confidence


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--model", default="default")
    options = parser.parse_args()
    engine = load_engine(options.model)
    skeleton, frames = engine.facts.skeleton, simulate_patches(engine.facts, options.frames, seed=7)
    bones, half = np.array(skeleton.bones), engine.facts.cube_mm / 2
    right = []
    for index in range(options.frames):
        patch = frames.patches[index : index + 1].numpy()
        centre = frames.geometry.centre[index : index + 1].numpy()
        camera = Camera(*frames.geometry.intrinsics[index].tolist())
        cubes = Cubes(centre, camera, engine.facts.cube_mm, engine.facts.patch_size)
        hands = engine(patch), engine(np.ascontiguousarray(patch[..., ::-1])) * MIRROR
        joints = [cubes.denormalise_joints(each) for each in hands]
        sure = [float(confidence(patch, each, cubes, bones, skeleton.centre)[0]) for each in joints]
        error = np.linalg.norm(hands[0][0] - frames.joints[index].numpy(), axis=-1).mean() * half
        right.append((sure[0] - sure[1], error))
    margin, error = np.array(right).T
    print(f"{options.frames} frames: right {(margin > 0).mean():.1%}")
    print(f"of those predicted within 20 mm: {(margin[error < 20] > 0).mean():.1%}")
    for least in (0.1, 0.3, 0.5):
        clear = np.abs(margin) > least
        share = (margin[clear] > 0).mean()
        print(f"margin above {least}: {clear.mean():.0%} of the frames, right {share:.1%}")


if __name__ == "__main__":
    main()
