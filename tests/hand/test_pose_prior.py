"""Pose prior, self-penetration, viewpoints and shapes."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from murauer.hand.articulation import ANGLE_LIMITS, ANGLE_NAMES
from murauer.hand.gestures import GESTURE_NAMES, gesture
from murauer.hand.model import HandModel
from murauer.hand.penetration import TOLERANCE_MM, penetration, segment_distance
from murauer.hand.pose_prior import PosePrior
from murauer.hand.shape import ADULT, SHAPE_NAMES, ShapePrior, ShapeRange
from murauer.hand.viewpoint import sample_viewpoints

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from pose_prior_coverage import aligned_rms, load_poses, nearest


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def joints_of(angles: torch.Tensor, skeleton: str = "anny21") -> torch.Tensor:
    return HandModel().pose_joints(angles, torch.zeros(1, len(SHAPE_NAMES)), skeleton)


def within_limits(angles: torch.Tensor) -> bool:
    low, high = ANGLE_LIMITS.T
    return bool(((angles >= low - 1e-5) & (angles <= high + 1e-5)).all())


@pytest.mark.parametrize("variation", [0.0, 1.0, 3.0])
def test_samples_respect_the_limits(variation: float) -> None:
    assert within_limits(PosePrior(variation=variation).sample(500, generator()))


def test_samples_are_deterministic_and_varied() -> None:
    prior = PosePrior()
    first, again, other = (prior.sample(100, generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert (first.std(0) > 0.02).all(), "every angle varies"


def test_samples_do_not_penetrate() -> None:
    depth = penetration(joints_of(PosePrior().sample(2000, generator())))
    assert (depth > TOLERANCE_MM).float().mean() < 0.002
    assert depth.max() < 3 * TOLERANCE_MM


def test_opening_leaves_harmless_poses_alone() -> None:
    prior = PosePrior()
    harmless = gesture("spread")[None]
    assert torch.equal(prior._opened(harmless), harmless)
    # The thumb as for the three, through fingers bent as for the fist.
    of_thumb = torch.tensor([name.startswith("thumb") for name in ANGLE_NAMES])
    fist = torch.where(of_thumb, gesture("three"), gesture("fist"))[None]
    assert penetration(joints_of(fist)) > TOLERANCE_MM
    assert penetration(joints_of(prior._opened(fist))) <= TOLERANCE_MM


def test_last_joint_follows_the_middle_one_and_neighbours_are_alike() -> None:
    angles = PosePrior().sample(4000, generator())

    def correlation(a: str, b: str) -> float:
        return float(torch.corrcoef(angles[:, [ANGLE_NAMES.index(a), ANGLE_NAMES.index(b)]].T)[0, 1])

    assert correlation("middle_pip_flexion", "middle_dip_flexion") > 0.8
    assert correlation("ring_pip_flexion", "pinky_pip_flexion") > 0.5
    assert correlation("ring_pip_flexion", "pinky_pip_flexion") > correlation(
        "index_pip_flexion", "pinky_pip_flexion"
    )


@pytest.mark.parametrize("name", GESTURE_NAMES)
def test_gestures_are_possible(name: str) -> None:
    angles = gesture(name)[None]
    assert within_limits(angles)
    assert penetration(joints_of(angles)) < TOLERANCE_MM + 2.5


@pytest.mark.parametrize(
    ("name", "tip"), [("ok", 8), ("pinch_middle", 12), ("pinch_ring", 16), ("pinch_pinky", 20)]
)
def test_pinches_touch(name: str, tip: int) -> None:
    joints = joints_of(gesture(name)[None])[0]
    assert (joints[4] - joints[tip]).norm() < 16, "the pads touch when the tips' centres are two radii apart"


def test_segment_distance_equals_dense_search() -> None:
    ends = torch.randn(200, 4, 3, generator=generator(), dtype=torch.float64)
    grid = torch.linspace(0, 1, 201, dtype=torch.float64)
    a = torch.lerp(ends[:, None, 0], ends[:, None, 1], grid[None, :, None])
    b = torch.lerp(ends[:, None, 2], ends[:, None, 3], grid[None, :, None])
    slow = torch.cdist(a, b).amin((1, 2))
    assert (segment_distance(*ends.unbind(1)) - slow).abs().max() < 0.02


def test_viewpoints_are_rotations_with_the_promised_shares() -> None:
    rotations = sample_viewpoints(4000, generator(), any_share=0.0)
    torch.testing.assert_close(rotations @ rotations.mT, torch.eye(3).expand(4000, 3, 3), atol=1e-5, rtol=0)
    assert (torch.linalg.det(rotations) > 0).all()
    # The palm looks along hand z; towards the camera is camera -z.
    assert (rotations[:, 2, 2] < 0).float().mean() == pytest.approx(0.7, abs=0.08)
    assert (rotations[:, 1, 1] < 0).float().mean() > 0.75, "fingers mostly up in the image"
    assert torch.equal(rotations, sample_viewpoints(4000, generator(), any_share=0.0))


def test_full_range_is_uniform() -> None:
    rotations = sample_viewpoints(20000, generator(), any_share=1.0)
    assert rotations.mean(0).abs().max() < 0.02
    # The angle of a uniform rotation has density (1 - cos a) / pi.
    angle = ((rotations.diagonal(dim1=1, dim2=2).sum(1) - 1) / 2).clamp(-1, 1).arccos()
    assert float(angle.mean()) == pytest.approx(np.pi / 2 + 2 / np.pi, abs=0.02)


def test_shapes_respect_their_ranges() -> None:
    shapes = ShapePrior().sample(2000, generator())
    for k, name in enumerate(SHAPE_NAMES):
        assert shapes[:, k].min() >= ADULT[name].low and shapes[:, k].max() <= ADULT[name].high
        assert shapes[:, k].std() > 0
    assert torch.equal(shapes, ShapePrior().sample(2000, generator()))
    alike = ShapePrior().sample(3, generator(), spread=0.0)
    assert torch.equal(alike[0], alike[2])
    fixed = ShapePrior({**ADULT, "size": ShapeRange(0.05, 0.0, 0.0, 0.1)}).sample(5, generator())
    assert fixed[:, 0].tolist() == pytest.approx([0.05] * 5)


def slow_alignment(a: np.ndarray, b: np.ndarray) -> float:
    """Residual of b fitted to a, with scipy's rotation and the closed form of the scale."""
    a, b = a - a.mean(0), b - b.mean(0)
    rotation, _ = Rotation.align_vectors(a, b)
    turned = rotation.apply(b)
    scale = (a * turned).sum() / (turned**2).sum()
    return float(np.sqrt(((a - scale * turned) ** 2).sum() / len(a)))


def test_alignment_equals_slow_reference() -> None:
    joints = joints_of(PosePrior().sample(12, generator()), "nyu14").double()
    real, samples = joints[:4] @ torch.tensor(Rotation.random(4, random_state=1).as_matrix()), joints[4:]
    fast = aligned_rms(real, samples)
    for i in range(4):
        for k in range(8):
            assert float(fast[i, k]) == pytest.approx(
                slow_alignment(real[i].numpy(), samples[k].numpy()), abs=1e-4
            )


def test_prior_covers_real_poses(shared_dir: Path) -> None:
    poses = load_poses(shared_dir / "data" / "nyu")
    if poses is None:
        pytest.skip("no NYU test labels")
    real = poses[:: len(poses) // 60]
    one_pose = joints_of(gesture("relaxed")[None], "nyu14")
    few, many = (
        nearest(real, joints_of(PosePrior().sample(n, generator()), "nyu14")).mean() for n in (30, 3000)
    )
    assert many < 12.0
    assert many < few - 2.0, "more samples come closer"
    assert many < 0.5 * nearest(real, one_pose).mean(), "much closer than a hand that never moves"
