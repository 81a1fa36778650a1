"""What a model says of the genuine frames of the reference data: hand located, or said where and which.

    python benchmarks/real_frames.py [--model default] [--quality best] [--overlay picture.png]

One full frame and three crops of NYU, all of right hands, have joints: the mean error is that of their 14
evaluation joints. The SR305 frames have joints annotated in the image: the error is the distance in the image
plane at visible fingertips, at the depth of the surface there.
"""

import argparse
import json
import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from murauer.capture.depth import read_depth
from murauer.geometry.camera import CAMERAS, Camera, uvd_to_xyz
from murauer.geometry.overlay import contact_sheet, draw_hand
from murauer.geometry.skeletons import NYU_EVALUATION_JOINTS, SKELETONS, convert
from murauer.inference.estimator import Estimator
from murauer.inference.pose import HandPose

SCATTER_MM, SCATTERED = 6.0, 10
"""Standard deviation of centres that are said wrongly, and how many of them for each frame."""

PALM = -1
"""The crop centre is the last of the evaluation joints."""


def crop_as_frame(path: Path, facts: dict, camera: Camera) -> tuple[torch.Tensor, Camera]:
    """Undo a NYU crop: depth in mm with the intrinsics of a window of the full frame."""
    u, v, depth = facts["com_uvd"]
    half_width, half_height = 150 * camera.fx / depth, 150 * camera.fy / depth
    left, top = np.floor(u - half_width), np.floor(v - half_height)
    scale = 128 / (np.floor(u + half_width) - left)
    grey = np.asarray(Image.open(path).convert("L")).astype(np.float32)
    millimetres = np.where(grey < 255, depth + (grey / 255 * 2 - 1) * 150, 0).astype(np.float32)
    window = Camera(
        fx=camera.fx * scale,
        fy=camera.fy * scale,
        u0=(camera.u0 - left) * scale,
        v0=(camera.v0 - top) * scale,
        width=128,
        height=128,
        is_crop=True,
    )
    return torch.from_numpy(millimetres), window


def mean_error(pose: HandPose, joints: torch.Tensor) -> float:
    predicted = convert(torch.from_numpy(pose.joints_xyz), pose.skeleton.name, "nyu14")
    return float((predicted - joints).norm(dim=-1).mean())


def tip_errors(pose: HandPose, labels: dict, camera: Camera) -> list[float]:
    """Distances in mm at the visible tips, in the image plane."""
    joints = convert(pose.joints_xyz, pose.skeleton.name, "hand21")
    uv = joints[:, :2] / joints[:, 2:] * camera.fx + np.array([camera.u0, camera.v0])
    errors = []
    for index, name in enumerate(SKELETONS["hand21"].joints):
        if name.endswith("TIP") and labels["visible"][index]:
            label = np.array([labels["u"][index], labels["v"][index]])
            errors.append(float(np.linalg.norm(uv[index] - label)) * labels["surface_mm"][index] / camera.fx)
    return errors


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="default")
    parser.add_argument("--quality", default="fast", choices=("fast", "best"))
    parser.add_argument("--overlay", type=Path)
    options = parser.parse_args()
    shared = Path(os.environ.get("MURAUER_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    real = shared / "data" / "real"
    if not real.is_dir():
        raise SystemExit(f"reference data not found at {shared}; set MURAUER_SHARED to its folder")
    estimator = Estimator.load(options.model, quality=options.quality)
    nyu = CAMERAS["nyu"]

    frames = {}
    truth = (shared / "data" / "nyu" / "nyu_test_groundtruth_label.txt").read_text().splitlines()[0].split()
    path = real / "nyu_test_depth_1_0000001.png"
    frames[path.name] = (read_depth(path, nyu), nyu, np.array(truth, float).reshape(14, 3))
    for name, facts in json.loads((real / "nyu_test_crops.json").read_text()).items():
        depth, window = crop_as_frame(real / name, facts, nyu)
        frames[name] = (depth, window, np.array(facts["joints36_uvd"])[list(NYU_EVALUATION_JOINTS)])

    sr305 = CAMERAS["sr305"]
    for path in sorted(real.glob("sr305_*.png")):
        frames[path.name] = (read_depth(path, sr305, 0.125), sr305, None)

    pictures, told_errors, located_errors, scattered_errors, tips = {}, [], [], [], []
    labels = json.loads((real / "sr305_labels.json").read_text())["frames"]
    noise = np.random.default_rng(0)
    print(f"{'mm':32} {'given centre':>12} {'scattered':>10} {'located':>8}  confidence and side if located")
    for name, (depth, camera, uvd) in frames.items():
        located, cells = estimator(depth, camera), ["-", "-", "-"]
        if uvd is not None:
            joints = uvd_to_xyz(torch.tensor(uvd, dtype=torch.float32), nyu.intrinsics())
            told = mean_error(estimator(depth, camera, joints[PALM], "right"), joints)
            centres = joints[PALM].numpy() + SCATTER_MM * noise.standard_normal((SCATTERED, 3))
            poses = [estimator(depth, camera, centre.astype(np.float32), "right") for centre in centres]
            scattered = float(np.mean([mean_error(pose, joints) for pose in poses]))
            told_errors.append(told)
            scattered_errors.append(scattered)
            cells[:2] = f"{told:.1f}", f"{scattered:.1f}"
            if located:
                located_errors.append(mean_error(located, joints))
                cells[2] = f"{located_errors[-1]:.1f}"
        elif located:
            own = tip_errors(located, labels[name], camera)
            tips += own
            cells[2] = f"{np.mean(own):.1f}"
        which = located.problem or located.handedness
        print(f"{name:32} {cells[0]:>12} {cells[1]:>10} {cells[2]:>8}  {located.confidence:.2f} {which}")
        if located:
            pictures[name] = draw_hand(depth, camera, located.joints_xyz, located.centre, estimator.skeleton)
    means = [float(np.mean(errors)) for errors in (told_errors, scattered_errors, located_errors)]
    print(f"{'NYU, mean':32} {means[0]:12.1f} {means[1]:10.1f} {means[2]:8.1f}")
    print(f"{'SR305, tips in the image plane':32} {'':23} {np.mean(tips):8.1f}  median {np.median(tips):.1f}")
    if options.overlay:
        contact_sheet(list(pictures.values()), list(pictures)).save(options.overlay)


if __name__ == "__main__":
    main()
