"""Whole scenes for finding hands in: people, their hands, a table or a wall, and things before and behind.

A localiser must find the hands in them, all of those that can be seen, and nothing else. So hands touch
tables, bodies and each other, things stand nearer to the camera than they do, arms leave the image, and in a
share of the scenes everything is there but the hands. `murauer.hand.scenes` shows one hand and what
surrounds it; here the room is what matters.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from murauer.geometry.skeletons import SKELETONS
from murauer.hand.clutter import merge_depth
from murauer.hand.rasteriser import rasterise_depth

HANDS = 2
"""Hands of a scene, at most."""

BALL_MM = 110.0
"""Around the palm; what is farther is the arm."""

PALM = SKELETONS["nyu14"].centre
THINGS = 4


@dataclass(frozen=True)
class RoomPrior:
    """What there is in a room, as shares of all rooms.

    Attributes:
        first: The first hand is there; without it the second is not either.
        second: The second hand is there.
        touching: It is near to the first, else somewhere else.
        trunk: The person whose hands they are can be seen.
        arm: An arm without a hand is there where hands are not.
        other: Another person.
        support: A table or a wall near the hand; half of them touch it.
        body: A large round thing, such as a lap, likewise.
        wall: A wall behind everything.
        thing: Each of `THINGS` boxes, cylinders and balls.
        own_view: Hands are seen by their owner, see `sample_own_views`; then no trunk is.
        holding: There is a thing as the first hand holds it, also where that hand is not.
        household: There is a table with things of household.
        anybody: Hands are of any size and in any pose, see `ANYBODY` and `ANY_POSE`; otherwise adults' hands.
        distance_mm: Nearest and farthest first hand.
        half_field: Largest x / z and y / z of it.
    """

    first: float = 0.75
    second: float = 0.4
    touching: float = 0.4
    trunk: float = 0.7
    arm: float = 0.5
    other: float = 0.15
    support: float = 0.45
    body: float = 0.15
    wall: float = 0.5
    thing: float = 0.35
    own_view: float = 0.0
    holding: float = 0.0
    household: float = 0.0
    anybody: bool = False
    distance_mm: tuple[float, float] = (300.0, 1500.0)
    half_field: tuple[float, float] = (0.5, 0.4)


EVERYDAY = RoomPrior(own_view=0.3, holding=0.3, household=0.35, anybody=True)
"""Rooms with all that there is."""


@dataclass(frozen=True, eq=False)
class Rooms:
    """B rooms in camera coordinates, mm.

    Attributes:
        hands: Vertices of the hands with their forearms, (B, HANDS, V, 3); all in one point where absent.
        hand_faces: int32 (F, 3).
        joints: Of the skeleton "nyu14", (B, HANDS, 14, 3).
        left: Which of them are left hands, (B, HANDS).
        there: Which of them are, (B, HANDS).
        solids: Vertices of everything else, (B, W, 3).
        solid_faces: int32 (G, 3).
    """

    hands: Tensor
    hand_faces: Tensor
    joints: Tensor
    left: Tensor
    there: Tensor
    solids: Tensor
    solid_faces: Tensor

    @property
    def palms(self) -> Tensor:
        """Centre joints, (B, HANDS, 3)."""
        return self.joints[:, :, PALM]

    def depth(self, intrinsics: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
        """Render what a camera at the origin sees.

        Args:
            intrinsics: fx, fy, u0, v0 of each image, which may be windows, (B, 4).
            height: Of the images.
            width: Of the images.

        Returns:
            Exact depth in mm, 0 = nothing there, (B, height, width). And the share of each hand that is not
            behind something else, of what of it is in the image: (B, HANDS), 0 where there is nothing.
        """
        seen = rasterise_depth(self.solids, self.solid_faces, intrinsics, height, width)
        alone = [
            rasterise_depth(self.hands[:, k].contiguous(), self.hand_faces, intrinsics, height, width)
            for k in range(HANDS)
        ]
        for hand in alone:
            seen = merge_depth(seen, hand)
        shares = []
        for k, hand in enumerate(alone):
            part = (hand > 0) & _within(hand, intrinsics, self.palms[:, k], BALL_MM)
            in_front = part & (hand <= seen + 0.5)
            shares.append(in_front.sum((1, 2)) / part.sum((1, 2)).clamp(min=1))
        return seen, torch.stack(shares, 1) * self.there


def _within(depth: Tensor, intrinsics: Tensor, centre: Tensor, radius_mm: float) -> Tensor:
    """Mark the pixels of depth images (B, H, W) that are within a ball around points (B, 3)."""
    fx, fy, u0, v0 = intrinsics.T[:, :, None, None]
    height, width = depth.shape[1:]
    x = (torch.arange(width) - u0) * depth / fx - centre[:, 0, None, None]
    y = (torch.arange(height)[:, None] - v0) * depth / fy - centre[:, 1, None, None]
    return x * x + y * y + (depth - centre[:, 2, None, None]).square() < radius_mm**2
