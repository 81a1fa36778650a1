"""Each effect against its closed form, at the resolution of the device and at a quarter of it."""

import math

import pytest
import torch
from torch import Generator, Tensor

from murauer.hand.sensors.disparity import measure_disparity
from murauer.hand.sensors.edges import drop_edges, grow_edges, jitter_lookup, mix_edges
from murauer.hand.sensors.holes import drop_grazing, drop_untextured, drop_weak_signal
from murauer.hand.sensors.shadow import drop_shadow

SCALES = pytest.mark.parametrize("scale", [1.0, 0.25])


def step_edge(near: float = 500.0, far: float = 900.0, images: int = 8) -> Tensor:
    """A straight edge in the middle, near surface on the left."""
    depth = torch.full((images, 200, 80), near, dtype=torch.float32)
    depth[:, :, 40:] = far
    return depth


def tilted_plane(degrees: float) -> tuple[Tensor, Tensor]:
    """A plane at 700 mm, turned about the y axis, seen through a long lens: one incidence angle."""
    camera = torch.tensor([[10_000.0, 10_000.0, 49.5, 49.5]])
    u = (torch.arange(100) - 49.5) / 10_000
    z = 700 / (1 - u * math.tan(math.radians(degrees)))
    return z.expand(1, 100, 100).contiguous(), camera


@SCALES
def test_jitter_moves_edges_by_the_same_number_of_device_pixels_at_every_resolution(scale: float) -> None:
    depth, sigma_px = step_edge(), 1.2
    images = len(depth)
    moved = jitter_lookup(
        depth,
        torch.full((images,), sigma_px * scale),
        torch.full((images,), 3 * scale),
        Generator().manual_seed(0),
    )
    assert set(moved.unique().tolist()) == {500.0, 900.0}
    swapped = (moved != depth).sum() / (images * 200 * 2) / scale
    # Mean of the positive part of a Gaussian displacement, on either side of the edge.
    assert swapped == pytest.approx(sigma_px / math.sqrt(2 * math.pi), rel=0.15)


def test_jitter_leaves_continuous_surfaces_alone() -> None:
    depth, _ = tilted_plane(45)
    one = torch.ones(1)
    assert torch.equal(jitter_lookup(depth, 3 * one, 2 * one, Generator().manual_seed(0)), depth)


@SCALES
def test_edges_lose_the_same_width_at_every_resolution(scale: float) -> None:
    depth, radius_px, probability = step_edge(), 3.0, 0.6
    images = len(depth)
    left = drop_edges(
        depth,
        radius_px=torch.full((images,), radius_px * scale),
        patch_px=torch.full((images,), 3 * scale),
        step_mm=60,
        probability=probability,
        generator=Generator().manual_seed(0),
    )
    lost = left == 0
    assert torch.equal(left[~lost], depth[~lost])
    assert not lost[:, :, :35].any() and not lost[:, :, 45:].any()
    width = lost.sum() / (images * 200 * 2) / scale
    # Mean of the positive part of x over a disc of radius r is 2 r / (3 pi).
    assert width == pytest.approx(probability * 2 * radius_px / (3 * math.pi), rel=0.15)


def test_edges_between_close_surfaces_survive() -> None:
    depth, three = step_edge(500, 550), torch.full((8,), 3.0)
    arguments = {"radius_px": three, "patch_px": three, "probability": 1.0}
    kept = drop_edges(depth, step_mm=60, generator=Generator().manual_seed(0), **arguments)
    assert torch.equal(kept, depth)
    assert (drop_edges(depth, step_mm=40, generator=Generator().manual_seed(0), **arguments) == 0).any()


def test_flying_pixels_lie_between_the_surfaces_and_at_the_edge_only() -> None:
    depth = step_edge()
    mixed = mix_edges(depth, torch.ones(8), 0.75, Generator().manual_seed(0))
    changed = mixed != depth
    assert 0.1 < changed[:, :, 39:41].float().mean() < 0.9
    assert not changed[:, :, :39].any() and not changed[:, :, 41:].any()
    flying = mixed[changed]
    assert flying.min() > 500 and flying.max() < 900 and flying.unique().numel() > 50
    # The nearer surface returns more light: far pixels are drawn to it more than near ones to the other.
    assert (900 - mixed[:, :, 40][changed[:, :, 40]]).mean() > (
        mixed[:, :, 39][changed[:, :, 39]] - 500
    ).mean()


def test_flying_pixels_next_to_nothing_are_lost_or_kept() -> None:
    depth = step_edge(far=0.0)
    mixed = mix_edges(depth, torch.ones(8), 0.75, Generator().manual_seed(0))
    assert set(mixed.unique().tolist()) == {0.0, 500.0}
    assert (mixed[:, :, 40:] == 0).all()
    assert 0.05 < (mixed[:, :, 39] == 0).float().mean() < 0.5


@pytest.mark.parametrize("z", [400.0, 750.0, 1500.0])
def test_disparity_noise_and_steps_grow_with_the_square_of_the_distance(z: float) -> None:
    depth, focal, baseline, step, sigma = torch.full((4, 60, 60), z), 586.0, 75.0, 0.125, 0.0625
    device = {"focal_px": focal, "baseline_mm": baseline, "patch_px": torch.ones(4)}
    noisy = measure_disparity(
        depth, step_px=0, sigma_px=sigma, generator=Generator().manual_seed(0), **device
    )
    assert noisy.std() == pytest.approx(z**2 / (focal * baseline) * sigma, rel=0.03)
    assert abs(noisy.mean() - z) < 0.1 * noisy.std() + 1e-3 * z
    levels = measure_disparity(
        z + torch.linspace(0, 40, 8000).reshape(4, 40, 50),
        step_px=step,
        sigma_px=0,
        generator=Generator(),
        **device,
    ).unique()
    assert levels.diff().mean() == pytest.approx((z + 20) ** 2 / (focal * baseline) * step, rel=0.1)


def test_nothing_stays_nothing() -> None:
    nothing = torch.zeros(1, 8, 8)
    measured = measure_disparity(
        nothing,
        focal_px=586,
        baseline_mm=75,
        step_px=0.125,
        sigma_px=1.0,
        patch_px=torch.ones(1),
        generator=Generator().manual_seed(0),
    )
    assert torch.equal(measured, nothing)


def lit_pixels(row: Tensor, focal: float, u0: float, baseline: float) -> Tensor:
    """Slow reference: which pixels of one row the projector at (baseline, 0, 0) sees, by ray against segment.

    Every pixel is a small plate as wide as the pixel at its depth.
    """
    lit = torch.ones(len(row), dtype=torch.bool)
    for target, z in enumerate(row.tolist()):
        x = (target - u0) * z / focal
        for blocker, near in enumerate(row.tolist()):
            if near > 0 and near < z - 1:
                share = near / z  # of the way from projector to target, where it passes the blocker's depth
                crossing = baseline + share * (x - baseline)
                if abs(crossing - (blocker - u0) * near / focal) <= 0.5 * near / focal:
                    lit[target] = False
    return lit & (row > 0)


@pytest.mark.parametrize("baseline", [75.0, -75.0])
@pytest.mark.parametrize("width", [4, 30], ids=["finger", "palm"])
def test_shadow_agrees_with_tracing_rays_from_the_projector(width: int, baseline: float) -> None:
    focal, u0 = 300.0, 79.5
    depth = torch.full((1, 2, 160), 900.0)
    depth[:, :, 70 : 70 + width] = 600.0
    depth[:, :, 150:] = 0.0
    shaded = drop_shadow(depth, torch.tensor([[focal, focal, u0, 0.5]]), baseline, torch.zeros(1))
    expected = lit_pixels(depth[0, 0], focal, u0, baseline)
    differ = (shaded[0, 0] > 0) != expected
    assert differ.sum() <= 4  # two borders, each known to a pixel on either side
    shift = focal * 75 * (1 / 600 - 1 / 900)  # 12.5 pixels
    lost = ((shaded[0, 0] == 0) & (depth[0, 0] > 0)).nonzero()[:, 0]
    assert len(lost) == pytest.approx(min(width, shift), abs=2)
    assert (lost < 70).all() if baseline > 0 else (lost >= 70 + width).all()


def test_narrow_shadows_go_unnoticed() -> None:
    depth = torch.full((1, 2, 160), 900.0)
    depth[:, :, 70:100] = 600.0
    camera = torch.tensor([[300.0, 300.0, 79.5, 0.5]])
    assert torch.equal(drop_shadow(depth, camera, 75.0, torch.tensor([13.0])), depth)
    assert not torch.equal(drop_shadow(depth, camera, 75.0, torch.tensor([12.0])), depth)


@pytest.mark.parametrize(("degrees", "lost"), [(0, 0.0), (60, 0.0), (80, 0.5), (86, 0.8), (89.5, 1.0)])
def test_grazing_surfaces_get_lost(degrees: float, lost: float) -> None:
    depth, camera = tilted_plane(degrees)
    kept = drop_grazing(
        depth.repeat(4, 1, 1),
        camera.repeat(4, 1),
        from_degrees=70,
        to_degrees=89 if degrees > 89 else 90,
        patch_px=torch.ones(4),
        generator=Generator().manual_seed(0),
    )
    assert (kept == 0).float().mean() == pytest.approx(lost, abs=0.03)


def test_weak_light_is_lost() -> None:
    def lost_at(z: float, cosine: float, spread: float) -> float:
        depth = torch.full((4, 50, 50), float(z))
        arguments = {"range_mm": 2000, "patch_px": torch.ones(4), "generator": Generator().manual_seed(0)}
        kept = drop_weak_signal(
            depth, torch.full_like(depth, cosine), reflectivity_spread=spread, **arguments
        )
        return (kept == 0).float().mean().item()

    assert lost_at(1990, 1.0, 0.0) == 0
    assert lost_at(2010, 1.0, 0.0) == 1
    assert lost_at(1000, 0.26, 0.0) == 0
    assert lost_at(1000, 0.24, 0.0) == 1
    assert lost_at(2000, 1.0, 0.7) == pytest.approx(0.5, abs=0.02)


@SCALES
def test_near_surfaces_grow_by_the_same_width_at_every_resolution(scale: float) -> None:
    depth, growth_px = step_edge(), 3.0
    images = len(depth)
    grown = grow_edges(
        depth,
        torch.full((images,), growth_px * scale),
        torch.full((images,), 3 * scale),
        Generator().manual_seed(0),
    )
    assert torch.equal(grown[:, :, :40], depth[:, :, :40]), "the near surface loses nothing"
    assert not (grown[:, :, 45:] != 900).any()
    smeared = grown != depth
    # Mean of the positive part of x over a disc of radius r is 2 r / (3 pi).
    assert smeared.sum() / (images * 200) / scale == pytest.approx(2 * growth_px / (3 * math.pi), rel=0.15)
    between = smeared & (grown > 500.1)
    assert 0.2 < between.sum() / smeared.sum() < 0.45
    assert grown[between].max() < 900


def test_near_surfaces_grow_over_nothing() -> None:
    depth = step_edge(far=0.0)
    three = torch.full((8,), 3.0)
    grown = grow_edges(depth, three, three, Generator().manual_seed(0))
    assert set(grown.unique().tolist()) == {0.0, 500.0}
    assert (grown > 0).sum() > (depth > 0).sum()


def test_holes_without_texture_grow_with_the_square_of_the_distance() -> None:
    def lost_at(z: float) -> float:
        depth = torch.full((40, 60, 60), z)
        kept = drop_untextured(
            depth, share=0.02, spread=0.0, patch_px=torch.ones(40), generator=Generator().manual_seed(0)
        )
        return (kept == 0).float().mean().item()

    assert lost_at(1000.0) == pytest.approx(0.02, rel=0.1)
    assert lost_at(3000.0) == pytest.approx(0.18, rel=0.1)
    assert lost_at(300.0) < 0.004
