"""Text files of joints, as other programs write predictions."""

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike


def write_joints(path: Path, joints: ArrayLike) -> None:
    """Write joints (N, J, 3) in mm, one frame a line."""
    np.savetxt(path, np.asarray(joints).reshape(len(np.asarray(joints)), -1), fmt="%.4f")
