"""What cameras measured, as points in the space of the page."""

from collections.abc import Sequence

import numpy as np

from murauer.studio.albums.album import AlbumView, Floats
from murauer.studio.page.page import Page
from murauer.studio.page.points import MOST_POINTS, cloud

TINTS = np.array([[1.0, 1.0, 1.0], [0.72, 0.95, 0.85], [1.0, 0.85, 0.7]])
"""Of the points of the first camera, the second and the third."""
PAIR = "pair"
PAIR_TINT = np.array([0.5, 0.7, 1.0])


def show_views(page: Page, views: Sequence[AlbumView], pair: AlbumView | None, middle: Floats | None) -> None:
    """Show the points of all cameras whose pose is known, and none of what was shown before.

    Args:
        page: where.
        views: what the cameras saw.
        pair: the synthetic image of the same pose; None not to show it.
        middle: of the hand, mm, coordinates of the first camera, (3,).
    """
    shown = [view for view in views if view.from_first is not None]
    tinted = list(zip(shown, TINTS, strict=False)) + ([] if pair is None else [(pair, PAIR_TINT)])
    for view, tint in tinted:
        points, colours = cloud(view, middle, MOST_POINTS // len(tinted))
        distance = 600.0 if middle is None else float(middle[2])
        page.show_points(view.name, points, (colours * tint).astype(np.uint8), distance / view.camera.fx)
    for name in page.names_of_points - {view.name for view, _ in tinted}:
        page.hide_points(name)
