import dataclasses
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Generator, Tensor

from murauer.hand.kernel_launch import launch
from murauer.hand.sensors import (
    SENSORS,
    CleanSensor,
    MixedSensor,
    StereoSensor,
    StructuredLightSensor,
    TimeOfFlightSensor,
)
from murauer.hand.sensors.kernels import axial_noise_kernel

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def scene(scale: float, images: int = 4) -> tuple[Tensor, Tensor]:
    """Four fingers at 600 mm before a wall at 750 mm and emptiness, at a share of a Kinect's resolution."""
    size = int(320 * scale)
    focal = 586.0 * scale
    depth = torch.zeros(images, size, size)
    depth[:, :, size // 2 :] = 750.0
    for finger in range(4):
        left = int((60 + 50 * finger) * scale)
        depth[:, size // 4 : 3 * size // 4, left : left + int(16 * scale)] = 600.0
    centre = (size - 1) / 2
    return depth, torch.tensor([[focal, focal, centre, centre]]).repeat(images, 1)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", SENSORS)
def test_measurements_follow_the_generator(name: str, device: str) -> None:
    depth, camera = (x.to(device) for x in scene(0.25))
    first, again, other = (
        SENSORS[name]()(depth, camera, Generator(device).manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert torch.equal(first, other) == (name == "clean")
    assert first.shape == depth.shape and first.dtype == torch.float32 and first.device == depth.device
    assert first.isfinite().all() and (first >= 0).all()
    assert not torch.equal(first[0], first[1]) or name == "clean"


@pytest.mark.parametrize("name", SENSORS)
def test_the_input_is_left_as_it_was(name: str) -> None:
    depth, camera = scene(0.25)
    before = depth.clone()
    measured = SENSORS[name]()(depth, camera, Generator().manual_seed(0))
    measured.zero_()
    assert torch.equal(depth, before)


@pytest.mark.parametrize("name", SENSORS)
def test_where_there_is_nothing_nothing_is_measured(name: str) -> None:
    empty = torch.zeros(2, 12, 16)
    camera = torch.tensor([[100.0, 100.0, 8.0, 6.0]]).repeat(2, 1)
    assert torch.equal(SENSORS[name]()(empty, camera, Generator().manual_seed(0)), empty)
    assert SENSORS[name]()(empty[:0], camera[:0], Generator()).shape == (0, 12, 16)


@pytest.mark.parametrize("name", SENSORS)
def test_parameters_cannot_change_unnoticed(name: str) -> None:
    sensor = SENSORS[name]()
    assert sensor == SENSORS[name]() and hash(sensor) == hash(SENSORS[name]())
    for field in dataclasses.fields(sensor):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(sensor, field.name, 1)


@pytest.mark.parametrize("name", SENSORS)
def test_bad_input_is_refused(name: str) -> None:
    depth, camera = scene(0.25)
    with pytest.raises(ValueError, match=r"\(B, H, W\)"):
        SENSORS[name]()(depth[0], camera, Generator())
    with pytest.raises(ValueError, match="float64"):
        SENSORS[name]()(depth.double(), camera, Generator())
    with pytest.raises(ValueError, match=r"shape \(4, 4\)"):
        SENSORS[name]()(depth, camera[0], Generator())


def test_clean_is_exact() -> None:
    depth, camera = scene(0.25)
    assert torch.equal(CleanSensor()(depth, camera, Generator()), depth)


def damage(sensor: object, scale: float) -> tuple[float, float]:
    """Share of the fingers' area that is lost, and standard deviation of the depth that is left."""
    depth, camera = scene(scale, images=int(4 / scale))
    measured = sensor(depth, camera, Generator().manual_seed(0))  # type: ignore[operator]
    finger = depth == 600
    kept = finger & ((measured - depth).abs() < 15)
    return 1 - (kept.sum() / finger.sum()).item(), (measured - depth)[kept].std().item()


@pytest.mark.parametrize(
    ("sensor", "tolerance"),
    [
        (StructuredLightSensor(), 0.2),
        (TimeOfFlightSensor(focal_px=586.0), 0.2),
        # Where fingers are four pixels wide they grow by half a pixel more or less.
        (StereoSensor(focal_px=586.0), 0.3),
    ],
)
def test_a_low_resolution_window_is_damaged_like_the_whole_image(sensor: object, tolerance: float) -> None:
    lost, deviation = damage(sensor, 1.0)
    lost_small, deviation_small = damage(sensor, 0.25)
    assert 0.01 < lost < 0.3
    assert lost_small == pytest.approx(lost, rel=tolerance)
    assert deviation_small == pytest.approx(deviation, rel=0.15)


@pytest.mark.parametrize("projector_mm", [-75.0, 75.0])
def test_structured_light_shadows_lie_beyond_near_surfaces(projector_mm: float) -> None:
    depth, camera = scene(1.0)
    depth[:, :, :] = 1200.0
    depth[:, 100:200, 150:200] = 600.0
    sensor = StructuredLightSensor(projector_mm=projector_mm, edge_loss=0, lookup_sigma_px=0)
    lost = (sensor(depth, camera, Generator().manual_seed(0))[0, 110:190] == 0).float().mean(0)
    if projector_mm > 0:
        lost, start = lost.flip(0), len(lost) - 150
    else:
        start = 200
    shift = int(586 * 75 * (1 / 600 - 1 / 1200))  # 36 pixels
    assert lost[start + 2 : start + shift - 2].min() == 1
    assert lost[: start - 2].max() == 0 and lost[start + shift + 3 :].max() == 0


def gaps(depth: np.ndarray, parallax_px: tuple[float, float]) -> tuple[list[int], list[int]]:
    """Missing pixels at steps of the depth along rows: where the far surface is on the left, on the right."""
    left, right = [], []
    for row in depth:
        (columns,) = row.nonzero()
        for a, b in itertools.pairwise(columns):
            parallax = 586 * 75 * (1 / row[b] - 1 / row[a])
            if parallax_px[0] < abs(parallax) < parallax_px[1] and b - a < 60:
                (left if parallax > 0 else right).append(int(b - a - 1))
    return left, right


def test_shadows_fall_on_the_same_side_as_in_a_genuine_frame(shared_dir: Path) -> None:
    packed = np.asarray(Image.open(shared_dir / "data/real/nyu_test_depth_1_0000001.png")).astype(float)
    genuine = packed[..., 1] * 256 + packed[..., 2]
    genuine[genuine == 2001] = 0
    _, right = gaps(genuine, (12, 20))
    assert len(right) > 200 and 8 < np.median(right) < 20

    depth, camera = scene(1.0, images=1)
    depth[:] = 850.0
    depth[:, 50:270, 100:200] = 650.0  # parallax 15.9 pixels
    measured = StructuredLightSensor()(depth, camera, Generator().manual_seed(0))[0].numpy()
    left, right = gaps(measured[60:260], (12, 20))
    assert np.median(left) <= 2 and 12 <= np.median(right) <= 20


def test_structured_light_steps_are_those_of_a_genuine_first_kinect(shared_dir: Path) -> None:
    packed = np.asarray(Image.open(shared_dir / "data/real/nyu_test_depth_1_0000001.png")).astype(int)
    genuine = np.unique(packed[..., 1] * 256 + packed[..., 2])
    genuine = genuine[(genuine >= 740) & (genuine <= 860)]
    ramp = torch.linspace(740, 860, 200_000).reshape(1, 400, 500)
    sensor = StructuredLightSensor(disparity_sigma_px=0)
    steps = sensor(ramp, torch.tensor([[586.0, 586.0, 249.5, 199.5]]), Generator().manual_seed(0)).unique()
    steps = steps[steps > 0]
    assert len(steps) == pytest.approx(len(genuine), abs=3)


@pytest.mark.parametrize("z", [400.0, 800.0, 1600.0])
def test_stereo_noise_and_steps_grow_with_the_square_of_the_distance(z: float) -> None:
    camera = torch.tensor([[425.0, 425.0, 79.5, 59.5]]).repeat(6, 1)
    sensor = StereoSensor(hole_share=1e-6)
    exact = torch.full((6, 120, 160), z)
    measured = sensor(exact, camera, Generator().manual_seed(0))
    subpixel = math.hypot(sensor.disparity_sigma_px, sensor.wave_sigma_px)
    assert (measured > 0).all()
    assert (measured - exact).std() == pytest.approx(z**2 * subpixel / (425 * 50), rel=0.12)
    steps = measured.unique().diff()
    assert steps.mean() == pytest.approx(z**2 / (425 * 50 * 32), rel=0.3)


def test_stereo_misses_the_left_sides_of_what_is_behind_and_smears_the_edges() -> None:
    depth, camera = torch.full((4, 120, 160), 1200.0), torch.tensor([[425.0, 425.0, 79.5, 59.5]]).repeat(4, 1)
    depth[:, 20:100, 70:110] = 500.0
    sensor = StereoSensor(hole_share=1e-6, edge_loss=0.0)
    measured = sensor(depth, camera, Generator().manual_seed(0))[:, 30:90]
    lost = (measured == 0).float().mean((0, 1))
    parallax = 425 * 50 * (1 / 500 - 1 / 1200)  # 24.8 pixels
    assert lost[70 - int(parallax) + 4 : 64].min() > 0.95, "the right camera does not see it"
    assert lost[114:].max() < 0.02 and lost[: 70 - int(parallax) - 3].max() < 0.02
    near = (measured > 0) & (measured < 800)
    assert near.float().sum(2).mean() > 40.5, "the near surface has grown"


def test_time_of_flight_noise_grows_with_distance_and_incidence() -> None:
    camera = torch.tensor([[365.0, 365.0, 31.5, 31.5]])

    def deviation(z: float) -> float:
        depth = torch.full((1, 64, 64), float(z))
        sensor = TimeOfFlightSensor(reflectivity_spread=0.0)
        return (sensor(depth, camera, Generator().manual_seed(0)) - depth).std().item()

    # Fankhauser et al. 2015 at 1 m and 3 m, frontal: 1.3 mm and 2.7 mm.
    assert deviation(1000) == pytest.approx(1.3, rel=0.05)
    assert deviation(3000) == pytest.approx(2.7, rel=0.05)
    cosine = torch.tensor([1.0, math.cos(1.0), math.cos(1.3)]).reshape(1, 1, 3)
    depth, measured = torch.full((1, 1, 3), 1000.0), torch.empty(1, 1, 3)
    launch(axial_noise_kernel, (1, 1), [depth, depth, cosine, torch.ones(1, 1, 3), 1.0, measured])
    sigma = (measured - depth).flatten()
    expected = [1.3, 1.3 + 0.1 * (1 / (math.pi / 2 - 1)) ** 2, 1.3 + 0.1 * (1.3 / (math.pi / 2 - 1.3)) ** 2]
    assert sigma.tolist() == pytest.approx(expected, rel=1e-4)


def test_mixed_measures_each_image_by_one_of_its_sensors() -> None:
    depth, camera = scene(0.25, images=24)
    mixed = MixedSensor((CleanSensor(), TimeOfFlightSensor()))
    measured = mixed(depth, camera, Generator().manual_seed(0))
    exact = (measured == depth).all(dim=(1, 2))
    assert 4 < exact.sum() < 20
    assert ((measured - depth).abs()[~exact] > 0).float().mean() > 0.3
