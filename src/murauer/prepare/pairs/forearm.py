"""How the wrist is bent, from the measured depth: no dataset labels the forearm, but every frame shows it.

The correspondence loss compares what the network makes of a real frame and of its synthetic pair; a forearm
that leaves the hand in another direction would be a difference that is no difference of pose. The wrist's
angles do not move any label, so they can be chosen afterwards: those for which the rendered arm covers the
measured one.
"""

from dataclasses import replace
from itertools import product

import numpy as np
import torch
from torch import Tensor

from murauer.hand.articulation import ANGLE_NAMES
from murauer.hand.fitting import HandFit
from murauer.hand.model import HandModel
from murauer.hand.rasteriser import rasterise_depth
from murauer.progress import Progress
from murauer.store.store import Store

RENDERED_PX = 64
"""Side of the images that are compared: enough for an arm."""

TRUNCATION_MM = 30.0
"""A pixel counts at most this much, however wrong it is: it may show something else than the arm."""

PRIOR_PIXELS = 8.0
"""Wrongly covered pixels that one standard deviation of the wrist is worth."""

_WRIST = [ANGLE_NAMES.index("wrist_flexion"), ANGLE_NAMES.index("wrist_deviation")]
_DEVIATION = torch.deg2rad(torch.tensor([22.0, 9.0]))  # of the pose prior
_BATCH = 64


def _grid(flexions: tuple[float, ...], deviations: tuple[float, ...]) -> Tensor:
    return torch.deg2rad(torch.tensor(list(product(flexions, deviations))))


#: Angles that are tried: first everywhere, then around the best so far. Degrees of flexion and deviation.
_FIRST = _grid((-60, -40, -20, 0, 20, 40, 60), (-22, -4, 14))
_THEN = (_grid((-10, 0, 10), (-9, 0, 9)), _grid((-5, 0, 5), (-4, 0, 4)))


def fit_forearms(store: Store, rows: np.ndarray, fit: HandFit, model: HandModel) -> HandFit:
    """Bend the wrists of fitted hands so that the forearms lie where the first camera measured them.

    Args:
        store: With the real frames.
        rows: Indices of the fitted frames in `real`, (M,).
        fit: Fit of those frames.
        model: Float32.

    Returns:
        The fit with other wrist angles; no joint moves.
    """
    wrists = []
    with Progress("fitting forearms", len(rows), unit="frame") as progress:
        for some in torch.arange(len(rows)).split(_BATCH):
            wrists.append(_best_wrists(store, rows, fit, model, some))
            progress.advance(len(some))
    angles = fit.angles.clone()
    angles[:, _WRIST] = torch.cat(wrists)
    return replace(fit, angles=angles)


def _best_wrists(store: Store, rows: np.ndarray, fit: HandFit, model: HandModel, some: Tensor) -> Tensor:
    """Wrist angles (B, 2) of a few frames, by trying out."""
    region = store.require("real").windows(rows[some.numpy()])
    stride = max(1, region.depth.shape[-1] // RENDERED_PX)
    measured, intrinsics = region.depth[:, ::stride, ::stride], region.intrinsics / stride
    low, high = model.angle_limits[_WRIST].T

    best = torch.zeros(len(some), 2)
    for steps in (_FIRST, *_THEN):
        tried = (best[:, None] + steps).clamp(low, high)  # (B, K, 2)
        costs = torch.stack(
            [
                _cost(
                    _rendered(fit, model, some, wrist, intrinsics, measured.shape[-1]),
                    measured,
                    region.centre,
                )
                + PRIOR_PIXELS * TRUNCATION_MM * (wrist / _DEVIATION).square().sum(-1)
                for wrist in tried.unbind(1)
            ],
            1,
        )
        best = tried[torch.arange(len(some)), costs.argmin(1)]
    return best


def _rendered(
    fit: HandFit, model: HandModel, some: Tensor, wrist: Tensor, intrinsics: Tensor, size: int
) -> Tensor:
    angles = fit.angles.clone()
    angles[some[:, None], torch.tensor(_WRIST)] = wrist
    vertices, _ = replace(fit, angles=angles).pose(model, some)
    return rasterise_depth(vertices, model.faces, intrinsics, size, size)


def _cost(rendered: Tensor, measured: Tensor, centre: Tensor) -> Tensor:
    """Truncated difference of depth images (B, H, W), summed: (B,) in mm.

    What is not measured or far behind the hand is background: it should not be covered, but a sensor has
    holes, which are half forgiven.
    """
    distance = (measured - centre[:, 2, None, None]).abs()
    near = (measured > 0) & (distance < 250)
    both = (rendered - measured).abs().clamp(max=TRUNCATION_MM)
    covered = torch.where(measured > 0, both, 0.5 * TRUNCATION_MM)
    return torch.where(rendered > 0, covered, TRUNCATION_MM * near).sum((-1, -2))
