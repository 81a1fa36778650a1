"""Makes src/murauer/selftest/known_hand.json anew: after a change of hand, renderer or packaged model.

python tools/keep_known_hand.py
"""

import json

import numpy as np

from murauer.selftest.known_hand import UNIT_MM, known_hand_file, predicted_joints
from murauer.selftest.rendering import rendered_hand


def main() -> None:
    """Render, predict, write."""
    kept = (rendered_hand().numpy() / UNIT_MM).round().astype(int)
    joints = predicted_joints(kept.astype(np.float32) * np.float32(UNIT_MM), "onnx")
    rows = ",\n  ".join(json.dumps(row, separators=(",", ":")) for row in kept.tolist())
    places = ",\n  ".join(json.dumps([round(value, 3) for value in joint]) for joint in joints.tolist())
    text = f'{{"depth": [\n  {rows}],\n"joints_mm": [\n  {places}]}}\n'
    known_hand_file().write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
