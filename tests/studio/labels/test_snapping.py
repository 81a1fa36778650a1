"""Joints are put below the surface that is there, and nowhere else."""

import numpy as np

from murauer.geometry.camera import Camera
from murauer.studio.albums.album import AlbumView
from murauer.studio.labels.snapping import snap

CAMERA = Camera(fx=500.0, fy=500.0, u0=32.0, v0=24.0, width=64, height=48)


def seen(depth: np.ndarray, motion: np.ndarray | None = None) -> AlbumView:
    return AlbumView("front", depth, CAMERA, np.eye(4) if motion is None else motion)


def test_along_the_ray_onto_the_surface() -> None:
    depth = np.full((48, 64), 600.0, np.float32)
    joint = np.array([12.0, -6.0, 630.0], np.float32)
    snapped = snap(joint, seen(depth), 8.0)
    assert snapped is not None
    np.testing.assert_allclose(snapped[2], 608, atol=1e-3)
    np.testing.assert_allclose(snapped[:2] / snapped[2], joint[:2] / joint[2], atol=1e-6)


def test_at_the_edge_of_a_finger_not_onto_the_wall() -> None:
    depth = np.full((48, 64), 900.0, np.float32)
    depth[:, :30] = 600.0  # the finger ends three pixels before the joint's
    snapped = snap(np.array([0.0, 0.0, 605.0], np.float32), seen(depth), 8.0)
    assert snapped is not None and abs(snapped[2] - 608) < 1e-3
    assert snap(np.array([12.0, 0.0, 605.0], np.float32), seen(depth), 8.0) is None


def test_nothing_measured_and_behind_the_camera() -> None:
    nothing = seen(np.zeros((48, 64), np.float32))
    assert snap(np.array([0.0, 0.0, 600.0], np.float32), nothing) is None
    assert snap(np.array([0.0, 0.0, -5.0], np.float32), nothing) is None


def test_onto_what_another_camera_sees() -> None:
    """The second camera stands 100 mm to the right and looks along x at 90 degrees."""
    motion = np.eye(4)
    motion[:3, :3] = [[0, 0, 1], [0, 1, 0], [-1, 0, 0]]
    motion[:3, 3] = [-600.0, 0.0, 500.0]  # it sees the first camera's (0, 0, 600) at z = 500
    depth = np.full((48, 64), 480.0, np.float32)
    snapped = snap(np.array([0.0, 0.0, 600.0], np.float32), seen(depth, motion), 5.0)
    assert snapped is not None
    np.testing.assert_allclose(snapped, [15.0, 0.0, 600.0], atol=1e-3)
