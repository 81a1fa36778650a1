"""Sensors like that of a camera, found by trying.

Models with random parameters measure rendered hands, and those are kept whose images look most like the
camera's (approximate Bayesian computation, Beaumont et al. 2002). No image of the camera needs a label for
that. Several are kept, for images tell less than what sensors differ in.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Generator, Tensor
from torch.nn import functional

from murauer.hand.draws import Draws
from murauer.hand.sensors import MixedSensor, Sensor, StereoSensor, StructuredLightSensor, TimeOfFlightSensor
from murauer.store.frame_set import Region

TRIED = 100
"""Sensors that are tried."""

KEPT = 6
"""Of these, that are taken."""

REACH_MM = 150.0
"""Depth around the hand's centre in which surfaces are looked at."""

STEP_MM = 15.0
"""A pixel that differs by more from both of its neighbours flies."""

SMALLEST_MM = 0.1
"""Differences below this are alike."""

SIDES = (5, 11, 21)
"""Sides in pixels of what is around a place."""

MUCH = 0.4
"""Share of the places around that are measured if it is one on a hand."""

GRAIN = 3
"""Distance in pixels at which is asked whether holes go on."""


def sensors_like(seen: Region, exact: Region, generator: Generator) -> MixedSensor:
    """Sensors that measure as a camera does.

    Args:
        seen: Windows of the camera around hands.
        exact: Rendered windows of the same kind with exact depth.
        generator: Source of randomness.
    """
    wanted = marks(seen)
    tried = [_any_sensor(generator) for _ in range(TRIED)]
    measured = (sensor(exact.depth, exact.intrinsics, generator) for sensor in tried)
    table = torch.stack([marks(replace(exact, depth=depth)) for depth in measured])
    away = ((table - wanted) / table.std(0).clamp(min=1e-6)).square().sum(1)
    best = away.argsort()[:KEPT].tolist()
    return MixedSensor(tuple(tried[index] for index in best))


def marks(region: Region) -> Tensor:
    """What tells sensors apart, (9,): noise, its grain, what flies at edges, and what is missing on hands.

    A place on a hand is one around which much is measured at the hand's distance.

    Args:
        region: Windows around hands.
    """
    depth = region.depth
    near = (depth > 0) & ((depth - region.centre[:, 2, None, None]).abs() < REACH_MM)
    values: list[Tensor] = []
    for stride in (1, 4):
        bend = (depth[..., 2 * stride :] + depth[..., : -2 * stride] - 2 * depth[..., stride:-stride]).abs()
        there = near[..., 2 * stride :] & near[..., stride:-stride] & near[..., : -2 * stride]
        size = bend[there].add(SMALLEST_MM).log()
        values += [size.quantile(share) if len(size) else size.new_zeros(()) for share in (0.5, 0.85)]
    step = depth.diff(dim=-1).abs()
    inside = near[..., 2:] & near[..., 1:-1] & near[..., :-2]
    values.append((step[..., 1:].minimum(step[..., :-1]) > STEP_MM)[inside].float().mean())
    missing = depth == 0
    for side in SIDES:
        share = functional.avg_pool2d(near.float()[:, None], side, 1, side // 2)[:, 0]
        hand = share > MUCH
        values.append(missing[hand].float().mean())
    again = missing[..., GRAIN:] & hand[..., GRAIN:]
    values.append(again[missing[..., :-GRAIN] & hand[..., :-GRAIN]].float().mean())
    return torch.stack(values).nan_to_num()


def _any_sensor(generator: Generator) -> Sensor:
    """A model of any of three kinds, its parameters anywhere between those of poor and good cameras."""
    draw = Draws(1, generator)

    def between(low: float, high: float) -> float:
        return math.exp(float(draw.between(math.log(low), math.log(high))))

    kinds: tuple[Callable[[], Sensor], ...] = (
        lambda: TimeOfFlightSensor(
            focal_px=between(120, 500),
            noise_scale=between(0.5, 8),
            mixing_radius_px=between(0.5, 2.5),
            min_share=between(0.4, 0.9),
            range_mm=between(1000, 6000),
            reflectivity_spread=between(0.3, 1.2),
            reflectivity_patch_px=between(1, 5),
        ),
        lambda: StructuredLightSensor(
            focal_px=between(250, 800),
            projector_mm=between(40, 120) * (-1.0 if draw.chance(0.5) else 1.0),
            disparity_sigma_px=between(0.03, 0.3),
            window_px=between(3, 12),
            edge_loss=between(0.1, 0.8),
        ),
        lambda: StereoSensor(
            focal_px=between(200, 700),
            baseline_mm=between(25, 120),
            disparity_sigma_px=between(0.03, 0.3),
            wave_sigma_px=between(0.02, 0.2),
            growth_px=between(1, 4),
            edge_loss=between(0.05, 0.6),
            hole_share=between(0.003, 0.2),
            hole_px=between(3, 14),
        ),
    )
    return kinds[int(draw.whole(len(kinds)))]()
