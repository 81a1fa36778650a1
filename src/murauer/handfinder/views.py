"""The hand in what one camera sees, or several calibrated ones at a time: centres for stores.

Each view proposes its hands, and the refinement network is asked in all others what is there. Evidence of
views adds up: what looks like a hand from one side only is less likely one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from murauer.errors import UserError
from murauer.geometry.camera import Camera, xyz_to_uvd
from murauer.geometry.rig import CameraRig
from murauer.handfinder.finder import REACH_MM, FoundHand, HandFinder
from murauer.handfinder.handedness import log_odds, probability
from murauer.handfinder.localisation import look_at_place, packaged_finder, why_no_hand

SAME_PLACE_MM = 60.0
"""Hands of two views nearer to each other than this are one: it is seen from two sides."""

LEAST, MOST = -2.0, 4.0
"""Log-odds that one view adds. Less counts against a hand than for it: something may hide it from a view."""


@dataclass(frozen=True)
class SearchedView:
    """What one camera sees.

    Attributes:
        depth: (H, W) in mm, 0 = no measurement.
        camera: Camera that took the frame.
        hands: That were found in it.
    """

    depth: NDArray[Any]
    camera: Camera
    hands: Sequence[FoundHand]


def localise(depth: Tensor, camera: Camera) -> tuple[Tensor, float]:
    """Find the surest hand in a frame.

    Args:
        depth: (H, W) in mm, 0 = no measurement.
        camera: Camera that took the frame.

    Returns:
        Centre of the hand in camera coordinates, mm, (3,) float32 on the device of the depth; and the
        probability that it is a hand.

    Raises:
        UserError: Nothing looks like a hand.
    """
    image = depth.detach().cpu().numpy()
    finder = packaged_finder()
    hands = finder(image, camera)
    if not hands:
        raise UserError(why_no_hand(finder, image, camera))
    return torch.from_numpy(hands[0].centre).to(depth.device, torch.float32), hands[0].confidence


def localise_in_views(depths: Sequence[Tensor], rig: CameraRig) -> tuple[Tensor, Tensor]:
    """Find the hand that several calibrated cameras see.

    Args:
        depths: What the first V cameras of the rig saw of one frame, each (H, W) in mm, 0 = no measurement.
        rig: The cameras.

    Returns:
        Centre of the hand in the coordinates of each camera, mm, (V, 3): its own where it finds the hand in
        the common place, otherwise that of the view that does. And the probability that it is a hand, (V,);
        equal for all.

    Raises:
        UserError: No camera sees anything like a hand.
    """
    finder = packaged_finder()
    views = []
    for depth, camera in zip(depths, rig.cameras, strict=False):
        image = depth.detach().cpu().numpy()
        views.append(SearchedView(image, camera, finder(image, camera)))
    places = [
        _in_all(finder, views, rig, source, hand) for source, view in enumerate(views) for hand in view.hands
    ]
    if not places:
        view = next((view for view in views if view.depth.any()), views[0])
        raise UserError(why_no_hand(finder, view.depth, view.camera))
    likeliest = max(places, key=_evidence)
    centres = torch.from_numpy(np.stack([hand.centre for hand in likeliest]))
    sure = torch.full((len(views),), float(probability(_evidence(likeliest))))
    return centres.to(depths[0].device, torch.float32), sure.to(depths[0].device)


def _in_all(
    finder: HandFinder, views: Sequence[SearchedView], rig: CameraRig, source: int, hand: FoundHand
) -> list[FoundHand]:
    """What all views say of a hand that one of them found; those that cannot see the place say nothing."""
    seen = []
    for target, view in enumerate(views):
        if target == source:
            seen.append(hand)
            continue
        centre = rig.transform(torch.from_numpy(hand.centre), source, target).numpy()
        away = [float(np.linalg.norm(own.centre - centre)) for own in view.hands]
        if min(away, default=math.inf) < SAME_PLACE_MM:
            seen.append(view.hands[int(np.argmin(away))])
        elif _in_sight(centre, view.camera):
            seen.append(look_at_place(finder, view.depth, view.camera, centre))
        else:
            seen.append(FoundHand(centre, 0.5, 0.5))
    return seen


def _in_sight(centre: NDArray[np.float64], camera: Camera) -> bool:
    """Whether a place is in reach of a camera and in its image."""
    if not REACH_MM[0] < centre[2] < REACH_MM[1]:
        return False
    u, v, _ = xyz_to_uvd(centre, camera.intrinsics_array()).tolist()
    return 0 <= u < camera.width and 0 <= v < camera.height


def _evidence(hands: Sequence[FoundHand]) -> float:
    """Log-odds that views see a hand in one place, from what each says."""
    return float(np.clip(log_odds([hand.confidence for hand in hands]), LEAST, MOST).sum())
