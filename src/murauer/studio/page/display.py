"""What cameras measured, as points in the space of the page."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from murauer.studio.albums.album import AlbumView, Floats
from murauer.studio.page.page import Page
from murauer.studio.page.points import MOST_POINTS, cloud

TINTS = np.array([[1.0, 1.0, 1.0], [0.72, 0.95, 0.85], [1.0, 0.85, 0.7]])
"""Of the points of the first camera, the second and the third."""
PAIR_TINT = np.array([0.5, 0.7, 1.0])


@dataclass(frozen=True, eq=False)
class Cloud:
    """Points under a name, as `Page.show_points` takes them."""

    name: str
    points: Floats
    colours: NDArray[np.uint8]
    spacing_mm: float


def clouds(views: Sequence[AlbumView], pair: AlbumView | None, middle: Floats | None) -> list[Cloud]:
    """Make points of what all cameras whose pose is known have seen.

    Args:
        views: What the cameras saw.
        pair: The synthetic image of the same pose; None not to show it.
        middle: Middle of the hand, mm, coordinates of the first camera, (3,).
    """
    distance = 600.0 if middle is None else float(middle[2])
    shown = [view for view in views if view.from_first is not None]
    tinted = list(zip(shown, TINTS, strict=False)) + ([] if pair is None else [(pair, PAIR_TINT)])
    found = []
    for view, tint in tinted:
        points, colours = cloud(view, middle, MOST_POINTS // len(tinted))
        spacing_mm = distance / view.camera.fx
        found.append(Cloud(view.name, points, (colours * tint).astype(np.uint8), spacing_mm))
    return found


def show_clouds(page: Page, shown: Sequence[Cloud]) -> None:
    """Show these points, and none of what was shown before."""
    for each in shown:
        page.show_points(each.name, each.points, each.colours, each.spacing_mm)
    for name in page.names_of_points - {each.name for each in shown}:
        page.hide_points(name)
