import numpy as np
import pytest

from murauer.geometry.camera import Camera, uvd_to_xyz, xyz_to_uvd
from murauer.geometry.skeletons import SKELETONS
from murauer.handfinder.finder import (
    CUBE_MM,
    INSIDE_MM,
    MOST_PIXELS,
    REACH_MM,
    STRIDE,
    HandFinder,
    Refined,
    at_surface,
    reduced,
)
from murauer.handfinder.handedness import probability

CENTRE = SKELETONS["nyu14"].centre
CAMERA = Camera(588.0, 587.0, 320.0, 240.0, 640, 480)
HAND = np.array([60.0, -40.0, 700.0])


class Oracle(HandFinder):
    """Has networks that know where hands are; what is between them and frames is the real thing."""

    def __init__(self, hands: np.ndarray, camera: Camera, proposed: np.ndarray | None = None) -> None:
        self.hands, self.camera = hands, camera
        self.proposed = hands if proposed is None else proposed
        self._proposal, self._refinement = self, self  # type: ignore[assignment]
        self.asked: list[np.ndarray] = []

    def run(self, outputs, inputs):
        (seen,) = inputs.values()
        _, intrinsics = reduced(np.zeros((self.camera.height, self.camera.width), np.float32), self.camera)
        found = np.full((1, 4, seen.shape[1] // STRIDE, seen.shape[2] // STRIDE), -9.0, np.float32)
        for u, v, z in xyz_to_uvd(self.proposed, intrinsics):
            column, row = (u + 0.5) / STRIDE, (v + 0.5) / STRIDE
            cell = (0, slice(None), int(row), int(column))
            found[cell] = (5, column - int(column) - 0.5, row - int(row) - 0.5, z / 1000)
        return [found]

    def refine(self, depth, camera, centres, cube_mm=CUBE_MM):
        self.asked.append(centres)
        away = self.hands[None] - centres[:, None]
        nearest = np.linalg.norm(away, axis=-1).argmin(1)
        return Refined(
            3.0 - nearest, np.where(nearest == 0, 4.0, -4.0), self.hands[nearest].astype(np.float32)
        )


def blank(camera: Camera) -> np.ndarray:
    return np.zeros((camera.height, camera.width), np.uint16)


@pytest.mark.parametrize(
    "camera",
    [
        CAMERA,
        Camera(476.0, 476.0, 313.7, 242.8, 640, 480),
        Camera(365.0, 365.0, 255.0, 211.0, 512, 424),
        Camera(110.0, 115.0, 80.0, 55.0, 160, 112),
    ],
)
def test_places_come_back_in_camera_coordinates(camera: Camera) -> None:
    places = Oracle(HAND[None], camera).propose(blank(camera), camera)
    np.testing.assert_allclose(places, HAND[None], atol=0.01)


def test_places_move_along_their_rays_to_the_surface() -> None:
    depth = np.full((60, 80), 2000, np.float32)  # a wall, far behind
    depth[20:50, 10:60] = 600
    depth[30, 30] = 0
    intrinsics = np.array([160.0, 160.0, 39.5, 29.5])
    places = np.array([[-30.0, 20.0, 690.0], [200.0, 20.0, 900.0], [0.0, 0.0, 100.0]], np.float32)
    moved = at_surface(places, depth, intrinsics)
    np.testing.assert_allclose(moved[0], places[0] * (600 + INSIDE_MM) / 690, rtol=1e-5)
    np.testing.assert_array_equal(moved[1:], places[1:])  # nothing is near, in depth or in the image


def test_the_refinement_moves_proposals_onto_the_hand() -> None:
    finder = Oracle(HAND[None], CAMERA, proposed=HAND[None] + [25.0, -20.0, 30.0])
    (hand,) = finder(blank(CAMERA), CAMERA)
    np.testing.assert_allclose(hand.centre, HAND, atol=0.01)
    assert hand.confidence == pytest.approx(1 / (1 + np.exp(-3)))
    assert hand.right == pytest.approx(1 / (1 + np.exp(-4)))
    np.testing.assert_allclose(finder.asked[1], HAND[None], atol=0.01)  # it looks twice


def test_the_joint_that_cubes_are_centred_on_is_read_from_the_refinement() -> None:
    places = np.array([[10.0, 20.0, 500.0], [0.0, 0.0, 120.0]], np.float32)
    joints = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 14, 3)).astype(np.float32)
    joints[1, CENTRE] = (0.1, 0.0, -0.9)
    raw = np.concatenate([[[2.0, -1.0], [-3.0, 0.0]], joints.reshape(2, -1)], 1).astype(np.float32)
    refined = Refined.read(raw, places)
    np.testing.assert_allclose(refined.centres[0], places[0] + joints[0, CENTRE] * CUBE_MM / 2, rtol=1e-5)
    assert refined.centres[1].tolist() == pytest.approx([15.0, 0.0, REACH_MM[0]])  # nothing is nearer
    np.testing.assert_allclose(probability(refined.hand), [0.8808, 0.0474], atol=1e-4)
    np.testing.assert_allclose(probability(refined.right), [0.2689, 0.5], atol=1e-4)


def test_two_hands_are_told_apart_and_two_proposals_of_one_are_not() -> None:
    hands = np.stack([HAND, HAND + np.array([-180.0, 30.0, 40.0])])
    found = Oracle(hands, CAMERA)(blank(CAMERA), CAMERA)
    assert [hand.right > 0.5 for hand in found] == [True, False]
    assert found[0].confidence > found[1].confidence
    twice = Oracle(HAND[None], CAMERA, proposed=HAND + np.array([[45.0, 0, 0], [-45.0, 0, 0]]))
    assert len(twice(blank(CAMERA), CAMERA)) == 1


def test_a_frame_at_a_lower_resolution_shows_the_same_places() -> None:
    """Pixels hold their own column: at every pixel the reduced frame must see nearly the ray it says."""
    for camera in (CAMERA, Camera(365.0, 350.0, 255.0, 211.0, 512, 424)):
        columns = np.broadcast_to(np.arange(camera.width) + 1.0, (camera.height, camera.width))
        small, intrinsics = reduced(columns.astype(np.float32), camera)
        assert small.shape[0] % 16 == 0 and small.shape[1] % 16 == 0
        filled = small[0] > 0
        u = np.flatnonzero(filled)
        expected = uvd_to_xyz(np.stack((u, 0 * u, 0 * u + 1000.0), -1), intrinsics)[:, 0]
        seen = (small[0][filled] - 1 - camera.u0) / camera.fx * 1000
        assert np.abs(expected - seen).max() <= 0.51 / camera.fx * 1000
        assert filled.sum() == round(camera.width * 160 / camera.fx)


@pytest.mark.parametrize("focal", [1e-3, 1.88, 40.0, 400.0])
def test_no_camera_makes_the_searched_frame_large(focal: float) -> None:
    camera = Camera(focal, focal, 320.0, 240.0, 640, 480)
    small, intrinsics = reduced(blank(camera), camera)
    assert max(small.shape) <= MOST_PIXELS
    ray = uvd_to_xyz(np.array([0.0, 0.0, 1.0]), intrinsics)  # a pixel of it is where it was in the frame
    u, v, _ = xyz_to_uvd(ray, camera.intrinsics_array())
    assert -0.5 <= u <= 0.5 * 640 and -0.5 <= v <= 0.5 * 480
