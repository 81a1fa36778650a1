"""A hand whose depth image is kept, and the joints that the packaged model predicts of it.

After a change of hand, renderer or model `tools/keep_known_hand.py` makes the file anew.
"""

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from murauer.geometry.camera import Camera
from murauer.geometry.patches import Floats
from murauer.inference.estimator import Estimator
from murauer.nets.model_facts import BackendName
from murauer.selftest.outcome import Outcome

CAMERA = Camera(fx=120.0, fy=120.0, u0=31.5, v0=34.5, width=64, height=64)
DISTANCE_MM = 600.0
UNIT_MM = 0.1
"""Of the kept depth."""

MOST_MM = 0.5
"""By which a joint may differ: some times what a pixel does that rounding moves to a neighbour."""


@dataclass(frozen=True)
class KnownHand:
    """What the file holds.

    Attributes:
        depth: (H, W) in mm, 0 = nothing.
        joints: (21, 3) in mm, camera coordinates.
    """

    depth: Floats
    joints: Floats


def known_hand_file() -> Path:
    """Where it lies."""
    return Path(str(resources.files("murauer") / "selftest" / "known_hand.json"))


def known_hand() -> KnownHand:
    """Read the file."""
    kept = json.loads(known_hand_file().read_text(encoding="utf-8"))
    return KnownHand(
        np.array(kept["depth"], np.float32) * np.float32(UNIT_MM), np.array(kept["joints_mm"], np.float32)
    )


def predicted_joints(depth: Floats, backend: BackendName, model: str | Path = "default") -> Floats:
    """Joints in mm of the hand in a depth image, as a model sees them."""
    pose = Estimator.load(model, backend=backend)(depth, CAMERA, (0.0, 0.0, DISTANCE_MM), "right")
    return np.asarray(pose.joints_xyz, np.float32)


def check_prediction(backend: BackendName, model: str | Path = "default") -> Outcome:
    """Compare the joints that the packaged model predicts with the kept ones.

    Args:
        backend: What runs the model.
        model: Another model, for tests.
    """
    hand = known_hand()
    apart = np.linalg.norm(predicted_joints(hand.depth, backend, model) - hand.joints, axis=1)
    worst = int(np.argmax(apart))  # a NaN counts as largest
    what = f"a predicted joint, number {worst}, differs from the kept one"
    return Outcome(what, float(apart[worst]), MOST_MM, "mm")
