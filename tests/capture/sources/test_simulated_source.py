"""The simulated camera."""

import time
from itertools import islice

import numpy as np
import pytest
import torch

from murauer.capture.sources import open_source
from murauer.capture.sources.simulated import Motion, SimulatedSource
from murauer.errors import UserError
from murauer.geometry.camera import xyz_to_uvd
from murauer.geometry.rig import CameraRig


def test_same_seed_gives_the_same_moments_and_another_seed_others() -> None:
    first, second = (next(iter(open_source("simulated:?paced=false&seed=5"))) for _ in range(2))
    other = next(iter(SimulatedSource(seed=6, paced=False)))
    np.testing.assert_array_equal(first.depths[0], second.depths[0])
    assert not np.array_equal(first.depths[0], other.depths[0])


def test_all_cameras_see_the_joints_where_their_poses_say() -> None:
    source = SimulatedSource(cameras=2, paced=False)
    rig = CameraRig(
        tuple(each.camera for each in source.cameras),
        torch.tensor(np.stack([each.camera_from_world for each in source.cameras]), dtype=torch.float32),
    )
    moment = source.frame(7)
    for view, depth in enumerate(moment.depths):
        joints = rig.transform(torch.from_numpy(moment.joints), 0, view)
        u, v, d = xyz_to_uvd(joints, rig.cameras[view].intrinsics()).round().int().numpy().T
        seen = depth[v, u]
        near = (seen > 0) & (np.abs(seen - d) < 40)  # joints lie within the hand; fingers may hide some
        assert near.mean() > 0.6, view
        assert depth.shape == (480, 640) and depth.dtype == np.float32


def test_motion_is_smooth_and_goes_somewhere() -> None:
    motion = Motion(3, 800.0)
    frames = [motion.at(index / 30) for index in range(90)]
    position = torch.cat([position for _, _, position in frames])
    rotation = torch.cat([rotation for _, rotation, _ in frames])
    assert (position[1:] - position[:-1]).norm(dim=-1).max() < 30
    assert (position.amax(0) - position.amin(0)).max() > 40
    torch.testing.assert_close(rotation @ rotation.mT, torch.eye(3).expand(90, 3, 3), atol=1e-5, rtol=0)
    assert (torch.linalg.det(rotation) > 0).all()


def test_distance_hand_and_things_are_those_that_are_asked_for() -> None:
    usual, other = SimulatedSource(), SimulatedSource(distance=1400, hand_size=1.35, things=2)
    near, far = (source.frame(0).joints for source in (usual, other))
    assert near is not None and far is not None
    apart = [np.linalg.norm(joints[0] - joints[-1]) for joints in (near, far)]
    assert apart[1] / apart[0] == pytest.approx(1.35, rel=0.02)
    assert far[:, 2].mean() - near[:, 2].mean() == pytest.approx(600, abs=60)
    assert len(other._clutter) > len(usual._clutter)
    with pytest.raises(UserError, match="hand_size"):
        SimulatedSource(hand_size=0)


def test_moments_that_nobody_took_in_time_are_counted() -> None:
    source = SimulatedSource(rate=20)
    source.frame(0)  # the first moment pays for setting up
    moments = iter(source)
    next(moments)
    time.sleep(0.6)
    late = next(moments)
    assert late.dropped >= 8
    assert late.time_s == pytest.approx((late.dropped + 1) / 20)


def test_without_pace_nothing_is_dropped() -> None:
    moments = islice(SimulatedSource(rate=1000, paced=False), 4)
    assert [(m.time_s, m.dropped) for m in moments] == [(0, 0), (0.001, 0), (0.002, 0), (0.003, 0)]
