"""What a model says of the genuine frames of the reference data: hand located, or said where and which.

    python benchmarks/real_frames.py [--model default] [--overlay picture.png]

One full frame and three crops of NYU, all of right hands, have joints; the SR305 frames have none, so look at
their pictures.
"""

import argparse
import json
import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from murauer.capture.depth import read_depth
from murauer.geometry.camera import Camera, find_camera, uvd_to_xyz
from murauer.geometry.overlay import contact_sheet, draw_hand
from murauer.geometry.skeletons import NYU_EVALUATION_JOINTS
from murauer.inference.estimator import Estimator
from murauer.inference.pose import HandPose

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
    )
    return torch.from_numpy(millimetres), window


def mean_error(pose: HandPose, joints: torch.Tensor) -> float:
    return float((torch.from_numpy(pose.joints_xyz) - joints).norm(dim=-1).mean())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="default")
    parser.add_argument("--overlay", type=Path)
    options = parser.parse_args()
    shared = Path(os.environ.get("MURAUER_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    real = shared / "data" / "real"
    if not real.is_dir():
        raise SystemExit(f"reference data not found at {shared}; set MURAUER_SHARED to its folder")
    estimator = Estimator.load(options.model)
    nyu = find_camera("nyu")

    frames = {}
    truth = (shared / "data" / "nyu" / "nyu_test_groundtruth_label.txt").read_text().splitlines()[0].split()
    path = real / "nyu_test_depth_1_0000001.png"
    frames[path.name] = (read_depth(path, nyu), nyu, np.array(truth, float).reshape(14, 3))
    for name, facts in json.loads((real / "nyu_test_crops.json").read_text()).items():
        depth, window = crop_as_frame(real / name, facts, nyu)
        frames[name] = (depth, window, np.array(facts["joints36_uvd"])[list(NYU_EVALUATION_JOINTS)])

    sr305 = find_camera("sr305")
    for path in sorted(real.glob("sr305_*.png")):
        frames[path.name] = (read_depth(path, sr305, 0.125), sr305, None)

    pictures = {}
    print(
        f"{'mean error, mm':32} {'given centre':>14} {'located':>9}  confidence and side of the located hand"
    )
    for name, (depth, camera, uvd) in frames.items():
        located, given = estimator(depth, camera), "-"
        error = "-"
        if uvd is not None:
            joints = uvd_to_xyz(torch.tensor(uvd, dtype=torch.float32), nyu.intrinsics())
            told = estimator(depth, camera, joints[PALM], "right")
            given, error = (f"{mean_error(pose, joints):.1f}" for pose in (told, located))
        which = located.problem or located.handedness
        print(f"{name:32} {given:>14} {error:>9}  {located.confidence:.2f} {which}")
        if located:
            pictures[name] = draw_hand(depth, camera, located.joints_xyz, located.centre, estimator.skeleton)
    if options.overlay:
        contact_sheet(list(pictures.values()), list(pictures)).save(options.overlay)


if __name__ == "__main__":
    main()
