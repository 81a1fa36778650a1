"""Depth images with skeletons over them, as the page shows them."""

from typing import Literal, get_args

import numpy as np
from PIL import ImageOps
from PIL.Image import Image

from murauer.geometry.camera import Camera
from murauer.geometry.overlay import BACKGROUND_COLOUR, draw_frame, draw_hand
from murauer.geometry.skeletons import Skeleton
from murauer.studio.albums.album import AlbumView, Floats, moved

PICTURE_SIZE = 288
MOST_PICTURES = 4
"""Cameras whose pictures are shown; those of more would be too small to see anything."""
WHOLE_SIZE = (480, 360)
"""Columns and rows of the picture of a whole image."""

Extent = Literal["the whole image", "around the hand", "the hand"]
EXTENTS: tuple[Extent, ...] = get_args(Extent)
SIDE_MM: dict[Extent, float] = {"around the hand": 900.0, "the hand": 300.0}
"""Of the cube that is shown."""


def picture(
    view: AlbumView, middle: Floats | None, joints: Floats | None, skeleton: Skeleton, extent: Extent
) -> Image:
    """Draw what a camera saw, with a skeleton.

    Args:
        view: The image.
        middle: Of the hand, mm, coordinates of the first camera, (3,); what is in the middle of the image if
            None or if it is not known where this camera stands.
        joints: Likewise, (J, 3); None for the depth alone.
        skeleton: Skeleton of the joints.
        extent: How much of it to show.

    Returns:
        RGB, `PICTURE_SIZE` high and wide, or of `WHOLE_SIZE`.
    """
    motion = view.from_first
    centre = None if motion is None or middle is None else moved(middle, motion)
    shown = None if motion is None or joints is None else moved(joints, motion)
    if extent == "the whole image":
        depth, camera = _resized(view)
        whole = draw_frame(depth, camera, shown, centre, skeleton)
        return ImageOps.pad(whole, WHOLE_SIZE, color=BACKGROUND_COLOUR)
    return draw_hand(
        view.depth,
        view.camera,
        shown,
        _middle(view) if centre is None else centre,
        skeleton,
        cube_mm=SIDE_MM[extent],
        size=PICTURE_SIZE,
    )


def _resized(view: AlbumView) -> tuple[Floats, Camera]:
    """The depth at the size of its picture, since drawing takes time for each pixel, and its camera."""
    height, width = view.depth.shape
    scale = min(WHOLE_SIZE[0] / width, WHOLE_SIZE[1] / height)
    columns, rows = (np.arange(round(side * scale)) for side in (width, height))
    taken = np.ix_(
        ((rows + 0.5) * height / len(rows)).astype(int), ((columns + 0.5) * width / len(columns)).astype(int)
    )
    return view.depth[taken], view.camera.resized(len(columns), len(rows))


def _middle(view: AlbumView) -> Floats:
    """The hand as the folder has it, or the point on the camera's axis at the distance of what it sees."""
    if view.centre is not None:
        return view.centre
    measured = view.depth[view.depth > 0]
    return np.array([0, 0, np.quantile(measured, 0.2) if measured.size else 600.0], np.float32)
