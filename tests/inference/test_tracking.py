import gc
import tracemalloc
from collections.abc import Iterator, Sequence
from itertools import count, islice

import numpy as np
import pytest
import torch

from known_hands import KnownHands, hand
from murauer import Estimator, HandPose, Smoothing, UserError
from murauer.geometry.camera import CAMERAS, Camera
from murauer.hand.clutter import merge_depth
from murauer.hand.rasteriser import rasterise_depth
from murauer.hand.solids import ball, cylinder, unit_cube
from murauer.handfinder.finder import FoundHand
from murauer.inference.backends.load import load_backend
from murauer.inference.smoothing import OneEuroFilter
from murauer.inference.tracking import REFINED_EVERY, REFINED_FIRST, SIDE_EVERY

CAMERA = CAMERAS["nyu"]


@pytest.fixture(scope="module")
def estimator() -> Estimator:
    return Estimator.load("default")


@pytest.fixture(scope="module")
def best(estimator: Estimator, scene) -> int:
    """The scene with the right hand that the model is surest of."""
    poses = estimator.batch(scene.depth, CAMERA)
    return int(np.argmax([pose.confidence * (pose.handedness == "right") for pose in poses]))


@pytest.fixture(scope="module")
def frame(scene, best: int) -> np.ndarray:
    """Its depth, (480, 640) uint16."""
    return scene.depth[best].round().numpy().astype(np.uint16)


class Followed:
    """Frames of a hand that stands still, and a finder that is told what it sees in each."""

    def __init__(self, scene, best: int, frame: np.ndarray) -> None:
        self.centre, self.frame = scene.centre[best].numpy(), frame
        self.finder = KnownHands()
        self.estimator = Estimator(load_backend("default"), lambda: self.finder)

    def __call__(self, looks: Sequence[FoundHand | None], handedness="auto") -> list[HandPose]:
        """Follow the hand, the finder seeing one hand or none in each frame."""

        def frames() -> Iterator[np.ndarray]:
            for look in looks:
                self.finder.hands = [] if look is None else [look]
                yield self.frame

        return list(self.estimator.track(frames(), CAMERA, handedness, smoothing=Smoothing.off()))


@pytest.fixture
def followed(scene, best: int, frame: np.ndarray) -> Followed:
    return Followed(scene, best, frame)


def moving(frame: np.ndarray, step: int = 2) -> Iterator[np.ndarray]:
    for index in count():
        shift = round(40 * np.sin(step * index / 40))
        yield np.roll(frame, shift, axis=1)


def test_a_hand_is_located_once_and_followed(estimator: Estimator, frame) -> None:
    poses = list(estimator.track(islice(moving(frame), 60), CAMERA, smoothing=Smoothing.off()))
    assert all(poses) and poses[0].timings.localisation > 0
    assert sum(pose.timings.localisation > 0 for pose in poses) <= 6
    palm = np.stack([pose.joints_uvd[13, 0] for pose in poses])
    expected = np.array([round(40 * np.sin(index / 20)) for index in range(60)])
    np.testing.assert_allclose(palm - palm[0], expected, atol=6)


def test_it_agrees_with_single_frames(estimator: Estimator, frame) -> None:
    *_, last = estimator.track([frame] * 5, CAMERA, smoothing=Smoothing.off())
    alone = estimator(frame, CAMERA)
    assert np.linalg.norm(last.joints_xyz - alone.joints_xyz, axis=-1).mean() < 8


def test_one_frame_does_not_flip_the_hand(followed: Followed) -> None:
    right, left = hand(followed.centre, right=0.9), hand(followed.centre, right=0.001)
    poses = followed([right, right, left, right, right])
    assert [pose.handedness for pose in poses] == ["right"] * 5


def test_what_is_seen_for_long_wins(followed: Followed) -> None:
    right, left = hand(followed.centre, right=0.9), hand(followed.centre, right=0.1)
    poses = followed([right] * 20 + [left] * 20 * SIDE_EVERY)
    sides = [pose.handedness for pose in poses]
    turned = sides.index("left")
    assert turned > 40 and set(sides[:turned]) == {"right"} and set(sides[turned:]) == {"left"}


def test_the_side_that_is_said_is_kept(followed: Followed) -> None:
    for handedness, seen in (("right", 0.001), ("left", 0.999)):
        poses = followed([hand(followed.centre, right=seen)] * 25, handedness)
        assert {pose.handedness for pose in poses} == {handedness}


def test_the_refinement_looks_often_at_first_and_seldom_later(followed: Followed) -> None:
    poses = followed([hand(followed.centre, right=0.9)] * 65)
    assert all(poses) and followed.finder.searched == 1
    later = 64 // REFINED_EVERY - (REFINED_FIRST - 1) // REFINED_EVERY
    assert len(followed.finder.refined) == (REFINED_FIRST - 1) + later


def test_what_the_refinement_takes_for_no_hand_any_more_is_looked_for(followed: Followed) -> None:
    there = hand(followed.centre, right=0.9)
    poses = followed([there] * 30 + [None] * 2 * REFINED_EVERY)
    assert all(poses[:30]) and poses[-1].confidence == 0
    assert "found no hand" in (poses[-1].problem or "")


class Mistaken(KnownHands):
    """A finder whose search takes things for hands that its refinement, at the palm, does not."""

    def __init__(self, *things: FoundHand) -> None:
        super().__init__()
        self.things = things

    def __call__(self, depth: np.ndarray, camera: Camera) -> list[FoundHand]:
        return sorted([*self.things, *super().__call__(depth, camera)], key=lambda each: -each.confidence)


def kitchen(*things: tuple[str, float]) -> np.ndarray:
    """A table on which things stand: name and x in mm, 600 mm from the camera; depth (480, 640)."""
    cube, faces = unit_cube(torch.device("cpu"))
    tilt = torch.tensor([[1.0, 0, 0], [0, 0.6, -0.8], [0, 0.8, 0.6]])
    shapes = {
        "plate": cylinder(cube) * torch.tensor([90.0, 8, 90]),
        "bowl": ball(cube) * torch.tensor([80.0, 45, 80]),
    }
    solids = [cube * torch.tensor([600.0, 10, 400]) + torch.tensor([0, 55.0, 0])]
    solids += [shapes[name] + torch.tensor([x, 0, 0]) for name, x in things]
    intrinsics, depth = CAMERA.intrinsics()[None], torch.zeros(1, CAMERA.height, CAMERA.width)
    for solid in solids:
        placed = (solid @ tilt.T + torch.tensor([0, 0, 600.0]))[None]
        depth = merge_depth(depth, rasterise_depth(placed, faces, intrinsics, CAMERA.height, CAMERA.width))
    return depth[0].numpy()


def test_a_plate_is_let_go_and_stays_so() -> None:
    finder, table = Mistaken(hand((0, 0, 600), 0.98)), kitchen(("plate", 0))
    estimator = Estimator(load_backend("default"), lambda: finder)
    poses = list(estimator.track([table] * 84, CAMERA))
    taken = [index for index, pose in enumerate(poses) if pose]
    assert taken and max(taken) < 10, taken
    assert "looked like one and is none" in (poses[-1].problem or "")
    looks = len(finder.refined)
    assert looks <= 84  # one a frame, beside the search


def test_plates_and_bowls_do_not_take_turns() -> None:
    finder = Mistaken(hand((-150, 0, 600), 0.98), hand((150, 0, 600), 0.99))
    estimator = Estimator(load_backend("default"), lambda: finder)
    poses = list(estimator.track([kitchen(("plate", -150), ("bowl", 150))] * 60, CAMERA))
    assert not any(poses[20:])


def test_a_hand_that_slides_onto_a_plate_leaves_no_hand_there(followed: Followed) -> None:
    """Followed for long, then the refinement sees none: let go, although the search insists."""
    there = hand(followed.centre, right=0.9)
    followed.finder = finder = Mistaken()
    followed.estimator = Estimator(load_backend("default"), lambda: finder)

    def frames() -> Iterator[np.ndarray]:
        for index in range(80):
            if index == 40:
                finder.hands, finder.things = [], (there,)
            elif index == 0:
                finder.hands = [there]
            yield followed.frame

    poses = list(followed.estimator.track(frames(), CAMERA))
    assert all(poses[:40]) and not any(poses[50:])


def test_a_hand_is_taken_although_something_else_seems_surer(followed: Followed) -> None:
    chest, there = hand((150, 250, 945), 0.999), hand(followed.centre, 0.975, right=0.9)
    finder = Mistaken(chest)
    estimator = Estimator(load_backend("default"), lambda: finder)

    def frames() -> Iterator[np.ndarray]:
        for index in range(30):
            finder.hands = [there] if index >= 15 else []
            yield followed.frame

    poses = list(estimator.track(frames(), CAMERA))
    assert not any(poses[10:15]) and all(poses[15:])
    assert np.linalg.norm(poses[-1].joints_xyz[13] - followed.centre) < 60


def test_what_was_let_go_by_mistake_is_taken_again(followed: Followed) -> None:
    there = hand(followed.centre, right=0.9)
    finder = Mistaken(there)
    estimator = Estimator(load_backend("default"), lambda: finder)

    def frames() -> Iterator[np.ndarray]:
        for index in range(60):
            finder.hands = [there] if index >= 30 else []
            yield followed.frame

    poses = list(estimator.track(frames(), CAMERA))
    assert not any(poses[10:30]) and all(poses[40:])


def test_the_same_hand_is_taken_again_when_two_are_there(scene, best, frame, followed: Followed) -> None:
    """It is lost for a moment; the other hand that is then found is surer, but of the other side."""
    own, other = hand(followed.centre, 0.98, right=0.95), hand(followed.centre + 150, 0.99, right=0.1)
    stream = [frame] * 6 + [None] * 3 + [frame * 0] * 3 + [frame] * 3

    def frames() -> Iterator[np.ndarray | None]:
        followed.finder.hands = [own]
        for index, depth in enumerate(stream):
            if index == 6:
                followed.finder.hands = [own, other]
            yield depth

    poses = list(followed.estimator.track(frames(), CAMERA, rate=100.0))
    assert poses[-1].handedness == "right"
    assert np.linalg.norm(poses[-1].joints_xyz[13] - followed.centre) < 60


def test_results_come_with_their_frames(estimator: Estimator, frame) -> None:
    taken = []

    def frames() -> Iterator[np.ndarray]:
        for index in range(5):
            taken.append(index)
            yield frame

    for index, _ in enumerate(estimator.track(frames(), CAMERA)):
        assert taken[-1] == index


def test_bad_frames_are_reported_and_the_hand_is_found_again(estimator: Estimator, frame) -> None:
    depth = frame.astype(np.float32)
    bad = {
        "dropped": None,
        "no measurement": np.zeros_like(frame),
        "every pixel is 0, NaN": np.full_like(depth, np.nan),
        "320 x 240 pixels but the camera": frame[::2, ::2],
        "shape (0,)": np.empty(0),
        "shape (3, 480, 640)": np.stack([frame] * 3),
        "negative": -depth,
        "say unit='m'": depth / 1000,
        "got the shape ()": "frame.png",
        "got object": object(),
        "nearest thing is 5000 mm away": np.full_like(frame, 5000),
        "found no hand": np.full_like(frame, 700),
        "expected a depth image, or a pair": (1, 2, 3),
    }
    stream = [each for name in bad for each in (frame, bad[name])] + [frame]
    poses = list(estimator.track(stream, CAMERA))
    assert len(poses) == len(stream)
    for index, pose in enumerate(poses):
        if index % 2 == 0:
            assert pose and np.isfinite(pose.joints_xyz).all(), index
        else:
            message = list(bad)[index // 2]
            assert pose.problem is not None and message in pose.problem, (message, pose.problem)
            assert np.isnan(pose.joints_xyz).all() and pose.confidence == 0 and not pose


def test_a_hand_that_moved_while_it_was_out_of_sight(estimator: Estimator, frame) -> None:
    elsewhere = np.roll(frame, -150, axis=1)
    for gap in (1, 40):  # shorter and longer than it is remembered
        poses = list(estimator.track([frame] * 3 + [None] * gap + [elsewhere] * 3, CAMERA))
        alone = estimator(elsewhere, CAMERA)
        assert np.linalg.norm(poses[-1].joints_xyz - alone.joints_xyz, axis=-1).mean() < 10


def test_times_of_frames(estimator: Estimator, frame) -> None:
    times = [np.float32(0.0), 0.033, 0.033, 0.02, float("nan"), "now", 0.066]
    poses = list(estimator.track([(time, frame) for time in times], CAMERA))
    assert [bool(pose) for pose in poses] == [True, True, False, False, False, False, True]
    assert "not after the one before it" in (poses[2].problem or "")


def test_a_clock_that_jumps_costs_one_frame(estimator: Estimator, frame) -> None:
    times = [5.0, 1e9, 5.033, 5.066, 0.0, 0.033]
    poses = list(estimator.track([(time, frame) for time in times], CAMERA))
    assert [bool(pose) for pose in poses] == [True, True, False, True, False, True]


def test_left_hands_metres_and_misuse(estimator: Estimator, frame) -> None:
    pose = next(estimator.track([frame[:, ::-1] / 1000], CAMERA, "left", unit="m"))
    assert pose and pose.handedness == "left"
    for arguments, message in (
        ({"handedness": "both"}, "'auto', 'right' or 'left'"),
        ({"unit": "inch"}, "unit of depth"),
        ({"handedness": ["left"]}, "'auto', 'right' or 'left'"),
        ({"unit": None}, "unit of depth"),
        ({"distortion": [0.1, 0.2]}, "must be a murauer.Distortion or None"),
        ({"rate": 0}, "positive number of frames"),
        ({"camera": None}, "expected a murauer.Camera"),
    ):
        with pytest.raises(UserError, match=message):
            estimator.track([], **({"camera": CAMERA} | arguments))


def test_hundreds_of_frames_with_bad_ones_among_them_leave_memory_flat(estimator: Estimator, frame) -> None:
    random = np.random.default_rng(0)
    spoil = [
        lambda depth: None,
        lambda depth: depth * 0,
        lambda depth: depth[:100],
        lambda depth: np.full(depth.shape, np.nan),
    ]
    kinds = random.integers(0, 16, size=400)  # a quarter is bad

    def frames() -> Iterator[object]:
        for kind, depth in zip(kinds, moving(frame), strict=False):
            yield spoil[kind](depth) if kind < len(spoil) else depth

    usage = []
    tracemalloc.start()
    try:
        for index, pose in enumerate(estimator.track(frames(), CAMERA)):
            assert bool(pose) == (kinds[index] >= len(spoil)), (index, pose.problem)
            if index in (100, 399):
                del pose
                gc.collect()
                usage.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert usage[1] - usage[0] < 50_000  # one kept frame would be 600,000


def steps(smoothing: Smoothing, points: np.ndarray, rate: float = 30.0) -> np.ndarray:
    smooth = OneEuroFilter(smoothing)
    return np.stack([smooth(each, 1 / rate) for each in points.astype(np.float32)])


def test_jitter_at_rest_is_more_than_halved() -> None:
    noise = np.random.default_rng(0).normal(0, 3, size=(300, 14, 3))
    assert steps(Smoothing(), noise)[30:].std() < 0.5 * noise.std()
    assert np.array_equal(steps(Smoothing.off(), noise), noise.astype(np.float32))


@pytest.mark.parametrize("speed_mm_s", [100.0, 500.0, 2000.0])
def test_steady_motion_is_followed_closely(speed_mm_s: float) -> None:
    along = speed_mm_s * np.arange(90)[:, None, None] / 30 * np.array([1.0, 0.0, 0.0])
    behind = (along - steps(Smoothing(), along))[60:, 0, 0]
    assert behind.min() >= 0 and behind.max() < 1 / (2 * np.pi * Smoothing().beta)


def test_the_filter_is_that_of_the_paper() -> None:
    """Against a scalar one, written from the equations of Casiez et al."""
    values = np.random.default_rng(1).normal(0, 20, size=50).cumsum()
    smoothing, rate = Smoothing(cutoff_hz=1.2, beta=0.02, speed_cutoff_hz=0.9), 45.0

    def alpha(cutoff: float) -> float:
        return 1 / (1 + rate / (2 * np.pi * cutoff))

    expected, derivative = [values[0]], 0.0
    for value in values[1:]:
        derivative = alpha(0.9) * (value - expected[-1]) * rate + (1 - alpha(0.9)) * derivative
        weight = alpha(1.2 + 0.02 * abs(derivative))
        expected.append(weight * value + (1 - weight) * expected[-1])
    points = np.zeros((50, 1, 3))
    points[:, 0, 1] = values
    np.testing.assert_allclose(steps(smoothing, points, rate)[:, 0, 1], expected, rtol=1e-4, atol=1e-3)
