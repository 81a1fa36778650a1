"""Labels of any skeleton as joints of hand21."""

import numpy as np

from murauer.geometry.patches import Floats
from murauer.geometry.skeletons import convert, find_skeleton


def as_hand21(labels: Floats, skeleton: str, believed: Floats) -> Floats:
    """Joints of hand21 whose conversion to the labels' skeleton gives the labels.

    Where all joints are labelled, it starts from the conversion of the labels, which is wrong by 2.3 mm on
    the way from nyu14; otherwise from what is believed of the hand. The smallest change of these joints that
    makes their conversion equal to the labels is added. So no label is bent, and joints that the labels do
    not tell of stay where they are likely.

    Args:
        labels: (N, J, 3), NaN where a joint has no label.
        skeleton: Of the labels.
        believed: Joints of hand21, (N, 21, 3).

    Returns:
        (N, 21, 3).

    Raises:
        UserError: There is no conversion between hand21 and the skeleton.
    """
    have = len(find_skeleton("hand21"))
    matrix = convert(np.eye(have), "hand21", skeleton)  # (J, 21): the conversion is linear in the joints
    known = np.asarray(~np.isnan(labels).any(axis=-1))
    whole = np.asarray(known.all(axis=1))
    joints = np.where(whole[:, None, None], convert(labels, skeleton, "hand21"), believed)
    for row, rows in enumerate(known):
        if rows.any():
            own = matrix[rows]
            joints[row] += np.linalg.pinv(own) @ (labels[row, rows] - own @ joints[row])
    return joints.astype(np.float32)
