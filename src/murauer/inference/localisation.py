"""Finding the hand in a depth frame when no centre is given.

Of the places where a hand may be (`murauer.inference.candidates`) the likeliest is taken: near to the camera,
of a palm's width, with the long outline that fingers make, at the end of an arm and not in its middle. How
sure that is, is a probability: that of a centre within `CLOSE_MM` of the palm's. Two calibrated cameras that
find the same place are surer than one.

The hand must stand clear of what is behind it by some centimetres. Hands that hold a large object or lie on a
table need a centre given by the user.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from murauer.camera import Camera
from murauer.errors import UserError
from murauer.inference.candidates import (
    ARM_BALL_MM,
    REACH_MM,
    Array,
    Candidate,
    Surface,
    find_candidates,
    to_surface,
)

if TYPE_CHECKING:
    from torch import Tensor

    from murauer.rig import CameraRig

CLOSE_MM = 40.0
"""Error of a centre that still leaves the hand in its 300 mm cube."""

# What a candidate is measured by is capped: more is not more of a hand. Wider discs are heads, longer
# outlines are noise, and a cube that is wholly in the image cannot be more so.
WIDEST_MM, LONGEST_MM, INSIDE_MM = 40.0, 650.0, 150.0

# Weights of distance, radius, outline, area, shift, border (per mm or mm²) and compactness: of a conditional
# logit model of which candidate is the hand, and of a logistic model of whether the likeliest is, with the
# margin to the next place and a constant. benchmarks/localisation.py fits them to rendered scenes.
CHOICE = np.array([-0.00762, 0.1249, 0.0282, -0.00068, -0.0257, 0.0794, 5.74])
CONFIDENCE = np.array([-0.0001, 0.0634, 0.0135, -0.00025, -0.0186, 0.0566, 4.93, 0.0942, -16.59])
LARGEST_MARGIN = 5.0

# Likewise for a place in several views: of the mean log-odds of the views that see a candidate there, of the
# number of those views beyond the first, of the number of other views, and a constant.
VIEWS = np.array([1.31, 0.74, -0.74, -1.33])
SAME_PLACE_MM = 60.0
"""Candidates of two views nearer to each other than this are one hand: it is seen from two sides."""


def find_hand(depth: NDArray[Any], camera: Camera) -> tuple[Array, float]:
    """Find the hand nearest to the camera, and say how sure that is.

    Args:
        depth: (H, W) in mm, 0 = no measurement.
        camera: The camera that took it.

    Returns:
        Centre of the hand in camera coordinates, mm; shape (3,), float64. It lies inside the hand near the
        middle of the palm, as the joint that the hand cube is centred on in training. And the probability
        that it is within `CLOSE_MM` of the palm's.

    Raises:
        UserError: If nothing in reach of the camera looks like a hand.
    """
    surface = to_surface(depth, camera)
    candidates = find_candidates(surface)
    if not candidates:
        raise UserError(_why_no_hand(surface))
    centre, log_odds = choose(candidates)
    return centre, float(1 / (1 + np.exp(-log_odds)))


def locate_hand(depth: "Tensor", camera: Camera) -> "Tensor":
    """Return the centre of `localise_with_confidence` alone, shape (3,)."""
    return localise_with_confidence(depth, camera)[0]


def localise_with_confidence(depth: "Tensor", camera: Camera) -> tuple["Tensor", float]:
    """Find the hand in a tensor, see `find_hand`; the centre is float32 and on the tensor's device."""
    import torch

    centre, confidence = find_hand(depth.detach().cpu().numpy(), camera)
    return torch.from_numpy(centre).to(depth.device, torch.float32), confidence


def localise_in_views(depths: Sequence["Tensor"], rig: "CameraRig") -> tuple["Tensor", "Tensor"]:
    """Find the hand that several calibrated cameras see, in a place that they agree on if there is one.

    Args:
        depths: What the first V cameras of the rig saw at one moment, each (H, W) in mm, 0 = no measurement.
        rig: The cameras.

    Returns:
        Centre of the hand in the coordinates of each camera, mm, (V, 3): its own where it sees the hand in
        the common place, otherwise that of the others. And the probability that they are right, (V,); equal
        for all.

    Raises:
        UserError: If no camera sees anything like a hand.
    """
    import torch

    found = []
    for depth, camera in zip(depths, rig.cameras, strict=False):
        surface = to_surface(depth.detach().cpu().numpy(), camera)
        found.append(find_candidates(surface))
    if not any(found):
        raise UserError(_why_no_hand(surface))
    options = places(found, rig)
    log_odds = np.array([VIEWS @ joint_evidence(place) for place in options])
    best = options[int(log_odds.argmax())]
    centres = torch.from_numpy(best.centres).to(depths[0].device, torch.float32)
    confidence = float(1 / (1 + np.exp(-log_odds.max())))
    return centres, torch.full((len(depths),), confidence, device=depths[0].device)


@dataclass(frozen=True)
class Place:
    """Where several views may see one hand.

    Attributes:
        centres: in the coordinates of each of V views, mm, (V, 3).
        log_odds: of each view's own candidate there, NaN if it has none, (V,).
    """

    centres: Array
    log_odds: Array


def places(found: Sequence[Sequence[Candidate]], rig: "CameraRig") -> list[Place]:
    """Take every candidate of every view as the hand, and look for it in the others.

    Args:
        found: candidates of each of V views.
        rig: the cameras.
    """
    import torch

    scored = [
        (np.stack([each.centre for each in candidates]), log_odds(candidates)) if candidates else None
        for candidates in found
    ]
    options = []
    for view, candidates in enumerate(found):
        for candidate in candidates:
            seen = torch.from_numpy(candidate.centre)
            centres = np.stack([rig.transform(seen, view, other).numpy() for other in range(len(found))])
            odds = np.full(len(found), np.nan)
            for other, own in enumerate(scored):
                if own is None:
                    continue
                distance = np.linalg.norm(own[0] - centres[other], axis=-1)
                if distance.min() < SAME_PLACE_MM:
                    nearest = int(distance.argmin())
                    centres[other], odds[other] = own[0][nearest], own[1][nearest]
            options.append(Place(centres, odds))
    return options


def joint_evidence(place: Place) -> Array:
    """What `VIEWS` weighs, (4,)."""
    seeing = int(np.isfinite(place.log_odds).sum())
    return np.array([np.nanmean(place.log_odds), seeing - 1, len(place.log_odds) - seeing, 1.0])


def log_odds(candidates: Sequence[Candidate]) -> Array:
    """Log-odds that each of the candidates of a view is the hand, (N,)."""
    measured = np.stack([measurements(candidate) for candidate in candidates])
    scores = measured @ CHOICE
    rows = [evidence(candidates, measured, scores, index) for index in range(len(candidates))]
    return np.stack(rows) @ CONFIDENCE


def choose(candidates: Sequence[Candidate]) -> tuple[Array, float]:
    """Choose the likeliest of some candidates; its centre (3,) in mm and the log-odds that it is the hand."""
    best = int(np.argmax([measurements(candidate) @ CHOICE for candidate in candidates]))
    return candidates[best].centre, float(log_odds(candidates)[best])


def measurements(candidate: Candidate) -> Array:
    """What `CHOICE` weighs, (7,)."""
    return np.array(
        [
            candidate.middle[2],
            min(candidate.radius_mm, WIDEST_MM),
            min(candidate.outline_mm, LONGEST_MM),
            candidate.area_mm2,
            candidate.shift_mm,
            min(candidate.border_mm, INSIDE_MM),
            candidate.compact,
        ]
    )


def evidence(candidates: Sequence[Candidate], measured: Array, scores: Array, best: int) -> Array:
    """What `CONFIDENCE` weighs: the measurements of the best, its margin to another place, and 1; (9,)."""
    away = [np.linalg.norm(each.centre - candidates[best].centre) > ARM_BALL_MM for each in candidates]
    margin = scores[best] - scores[away].max(initial=-np.inf)
    return np.append(measured[best], (np.clip(margin, -LARGEST_MARGIN, LARGEST_MARGIN), 1.0))


def _why_no_hand(surface: Surface) -> str:
    """Say what is wrong with a frame without candidates."""
    near, far = REACH_MM
    reached = surface.measured & (surface.depth >= near) & (surface.depth <= far)
    if reached.any():
        return "found no hand; it must stand clear of what is behind it, or give its centre"
    nearest = surface.depth[surface.measured].min(initial=np.inf)
    seen = f"the nearest thing is {nearest:.0f} mm away" if np.isfinite(nearest) else "nothing was measured"
    return f"found no hand within {near:.0f} to {far:.0f} mm, {seen}; check the depth scale"
