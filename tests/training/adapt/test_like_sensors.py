"""Sensors like a camera's are found from its images alone."""

from dataclasses import replace

import pytest
import torch
from torch import Generator

from murauer.hand.sensors import CleanSensor, Sensor, StereoSensor, TimeOfFlightSensor
from murauer.store.frame_set import Region
from murauer.training.adapt.like_sensors import KEPT, marks, sensors_like
from murauer.training.adapt.rendered import RenderedFrames
from murauer.training.base.scenes import BaseScenes

WEAK = TimeOfFlightSensor(focal_px=240.0, noise_scale=3.0, range_mm=2300.0)


@pytest.fixture(scope="module")
def exact() -> tuple[Region, Region]:
    """Windows of two sets of scenes at 1.4 to 1.8 m."""
    generator = Generator().manual_seed(0)
    scenes = BaseScenes(window_px=128, distance_mm=(1400.0, 1800.0), sensor=CleanSensor())
    region, _ = RenderedFrames(scenes, 40, generator).draw(40, generator)
    return _rows(region, slice(0, 20)), _rows(region, slice(20, 40))


def _rows(region: Region, rows: slice) -> Region:
    return Region(*(part[rows] for part in vars(region).values()))


def measured(region: Region, sensor: Sensor) -> Region:
    generator = Generator().manual_seed(1)
    return replace(region, depth=sensor(region.depth, region.intrinsics, generator))


@pytest.mark.parametrize("sensor", [WEAK, StereoSensor(wave_sigma_px=0.15, disparity_sigma_px=0.2)])
def test_they_leave_marks_like_the_cameras(exact: tuple[Region, Region], sensor: Sensor) -> None:
    """Nearer to what it does to other scenes than an exact image is, and than most sensors are."""
    seen, rendered = measured(exact[0], sensor), exact[1]
    found = sensors_like(seen, rendered, Generator().manual_seed(2)).sensors
    assert len(found) == KEPT
    wanted = marks(seen)
    away = torch.stack([(marks(measured(rendered, each)) - wanted).abs() for each in found]).mean(0)
    assert (away[:4] < 0.35 * (marks(rendered) - wanted).abs()[:4] + 0.3).all()  # noise and its grain
    assert (away[5:8] < 0.12).all()  # what is missing


def test_marks_tell_noise_holes_and_flying_pixels_apart(exact: tuple[Region, Region]) -> None:
    generator = Generator().manual_seed(3)
    clean = exact[0]
    noise = torch.randn(clean.depth.shape, generator=generator)
    noisy = replace(clean, depth=torch.where(clean.depth > 0, clean.depth + 5 * noise, 0.0))
    lost = torch.rand(clean.depth.shape, generator=generator) < 0.3
    holed = replace(clean, depth=clean.depth.masked_fill(lost, 0.0))
    flying = replace(clean, depth=torch.where(lost & (clean.depth > 0), clean.depth + 40, clean.depth))
    of_clean = marks(clean)
    assert marks(noisy)[0] > of_clean[0] + 1
    assert marks(holed)[5] == pytest.approx(of_clean[5].item() + 0.3, abs=0.06)
    assert marks(flying)[4] > of_clean[4] + 0.1


def test_nothing_near_the_hand_leaves_no_marks(exact: tuple[Region, Region]) -> None:
    far = replace(exact[0], centre=exact[0].centre + 3000)
    assert (marks(far) == 0).all()
