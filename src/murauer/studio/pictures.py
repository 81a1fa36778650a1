"""Depth images with skeletons over them, as the page shows them."""

import numpy as np
from PIL.Image import Image

from murauer.inference.overlay import draw_hand
from murauer.skeletons import Skeleton
from murauer.studio.album import Floats, View, moved

PICTURE_SIZE = 288
MOST_PICTURES = 4
"""Cameras whose pictures are shown; those of more would be too small to see anything."""
CLOSE_MM, WIDE_MM = 300.0, 900.0
"""Side of what is shown: the hand cube, or what is around it."""


def picture(
    view: View, middle: Floats | None, joints: Floats | None, skeleton: Skeleton, wide: bool = False
) -> Image:
    """Draw what a camera saw around the hand, with a skeleton.

    Args:
        view: the image.
        middle: of the hand, mm, coordinates of the first camera, (3,); what is in the middle of the image if
            None or if it is not known where this camera stands.
        joints: likewise, (J, 3); None for the depth alone.
        skeleton: of the joints.
        wide: whether to show what is around the hand, too.

    Returns:
        RGB, `PICTURE_SIZE` high and wide.
    """
    motion = view.from_first
    centre = _middle(view) if motion is None or middle is None else moved(middle, motion)
    shown = None if motion is None or joints is None else moved(joints, motion)
    return draw_hand(
        view.depth,
        view.camera,
        shown,
        centre,
        skeleton,
        cube_mm=WIDE_MM if wide else CLOSE_MM,
        size=PICTURE_SIZE,
    )


def _middle(view: View) -> Floats:
    """The hand as the folder has it, or the point on the camera's axis at the distance of what it sees."""
    if view.centre is not None:
        return view.centre
    measured = view.depth[view.depth > 0]
    return np.array([0, 0, np.quantile(measured, 0.2) if measured.size else 600.0], np.float32)
