import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

import murauer
from known_hands import KnownHands, hand
from murauer import Camera, Estimator, UserError
from murauer.geometry.camera import CAMERAS, xyz_to_uvd
from murauer.geometry.crop import crop_hand
from murauer.geometry.patches import Floats
from murauer.geometry.skeletons import SKELETONS, convert
from murauer.handfinder.finder import FoundHand, HandFinder
from murauer.inference.backends.load import load_backend
from murauer.nets.model_facts import ModelFacts

CAMERA = CAMERAS["nyu"]
NYU14 = SKELETONS["nyu14"]


class PointAt:
    """Stands in for a network: all joints at one place in the cube, whatever the patch; notes its inputs."""

    facts = ModelFacts(NYU14, 300.0, 64)

    def __init__(self, *places: tuple[float, float, float]) -> None:
        self.places = list(places)
        self.seen: list[Floats] = []

    def __call__(self, patches: Floats) -> Floats:
        self.seen.append(patches)
        place = self.places[min(len(self.seen), len(self.places)) - 1]
        return np.broadcast_to(np.float32(place), (len(patches), 14, 3))


@pytest.fixture(scope="module")
def estimator() -> Estimator:
    return Estimator.load("default")


def test_joints_are_in_mm_and_pixels(scene) -> None:
    for index in range(3):
        centre = scene.centre[index]
        pose = Estimator(PointAt((0.0, 0.0, 0.0)))(scene.depth[index], CAMERA, centre, "right")
        expected = centre.expand(14, 3)
        np.testing.assert_allclose(pose.joints_xyz, expected, atol=1e-2)
        np.testing.assert_allclose(pose.joints_uvd, xyz_to_uvd(expected, CAMERA.intrinsics()), atol=1e-2)
        assert pose and pose.problem is None and pose.skeleton is NYU14


def test_half_a_cube_is_150_mm(scene) -> None:
    pose = Estimator(PointAt((0.0, 0.0, 1.0)))(scene.depth[0], CAMERA, scene.centre[0], "right")
    assert pose.joints_xyz[0, 2] - scene.centre[0, 2].item() == pytest.approx(150, abs=1e-2)


def test_second_pass_cuts_around_the_predicted_joint(scene) -> None:
    backend = PointAt((0.1, -0.2, 0.1), (0.0, 0.0, 0.0))
    pose = Estimator(backend)(scene.depth[0], CAMERA, scene.centre[0], "right")
    moved = scene.centre[0] + torch.tensor([15.0, -30.0, 15.0])
    np.testing.assert_allclose(pose.centre, moved, atol=1e-2)
    centre = torch.from_numpy(pose.centre)[None]
    expected, _ = crop_hand(scene.depth[:1], CAMERA.intrinsics(), centre, patch_size=64)
    assert np.array_equal(backend.seen[1], expected.numpy())
    assert not np.array_equal(backend.seen[0], backend.seen[1])


def test_a_failed_first_pass_does_not_move_the_cube(scene) -> None:
    pose = Estimator(PointAt((0.9, 0.9, -0.9)))(scene.depth[0], CAMERA, scene.centre[0], "right")
    assert np.array_equal(pose.centre, scene.centre[0].numpy())


def test_without_centre_the_hand_is_located(scene) -> None:
    finder = KnownHands(hand(scene.centre[0], 0.99, right=0.1), hand((0, 0, 900), 0.98))
    pose = Estimator(PointAt((0.0, 0.0, 0.0)), lambda: finder)(scene.depth[0], CAMERA)
    assert np.linalg.norm(pose.joints_xyz[0] - scene.centre[0].numpy()) < 0.1
    assert pose.handedness == "left"
    assert 0 < pose.timings.localisation < pose.timings.total
    assert 0 < pose.timings.network < pose.timings.total


def test_a_batch_equals_its_frames(estimator: Estimator, scene) -> None:
    batch = estimator.batch(scene.depth[:3], CAMERA, scene.centre[:3])
    for index, pose in enumerate(batch):
        alone = estimator(scene.depth[index], CAMERA, scene.centre[index])
        np.testing.assert_allclose(pose.joints_xyz, alone.joints_xyz, atol=1e-2)
        assert pose.confidence == pytest.approx(alone.confidence, abs=1e-3)
    assert estimator.batch([], CAMERA) == []


def test_the_packaged_model_finds_rendered_hands_better_than_chance(estimator: Estimator, scene) -> None:
    poses = estimator.batch(scene.depth, CAMERA, scene.centre, "right")
    joints = convert(np.stack([pose.joints_xyz for pose in poses]), estimator.skeleton.name, "nyu14")
    error = np.linalg.norm(joints - scene.joints.numpy(), axis=-1).mean(axis=-1)
    assert np.median(error) < 25


def test_left_hands_are_mirrored_right_hands(estimator: Estimator, scene) -> None:
    middle = Camera(588.0, 587.0, 319.5, 240.0)  # of which the mirror image is one, too
    for index in range(3):
        right = estimator(scene.depth[index], middle, scene.centre[index], "right")
        mirrored = scene.centre[index] * torch.tensor([-1.0, 1.0, 1.0])
        left = estimator(scene.depth[index].flip(1), middle, mirrored, "left")
        assert (right.handedness, left.handedness) == ("right", "left")
        np.testing.assert_allclose(left.joints_xyz * [-1, 1, 1], right.joints_xyz, atol=0.5)
        assert not np.allclose(
            estimator(scene.depth[index].flip(1), middle, mirrored, "right").joints_xyz,
            left.joints_xyz,
            atol=5,
        )


def known(*hands: FoundHand) -> tuple[Estimator, KnownHands]:
    """The packaged model with a finder that is told what there is."""
    finder = KnownHands(*hands)
    return Estimator(load_backend("default"), lambda: finder), finder


def test_right_and_left_hands_of_a_batch_are_predicted_together(estimator: Estimator, scene) -> None:
    middle = Camera(588.0, 587.0, 319.5, 240.0)
    centre = scene.centre[0]
    mirrored = centre * torch.tensor([-1.0, 1.0, 1.0])
    both, finder = known(hand(centre, right=0.9), hand(mirrored, right=0.1))
    depths = torch.stack([scene.depth[0], scene.depth[0].flip(1)])
    poses = both.batch(depths, middle, torch.stack([centre, mirrored]), "auto")
    assert [pose.handedness for pose in poses] == ["right", "left"] and finder.searched == 0
    alone = estimator(scene.depth[0], middle, centre, "right")
    np.testing.assert_allclose(poses[0].joints_xyz, alone.joints_xyz, atol=1e-2)
    np.testing.assert_allclose(poses[1].joints_xyz * [-1, 1, 1], alone.joints_xyz, atol=0.5)


def test_whoever_says_which_hand_and_where_needs_no_finder(scene) -> None:
    def refuse() -> HandFinder:
        raise AssertionError("asked although all is given")

    for handedness in ("right", "left"):
        pose = Estimator(PointAt((0.0, 0.0, 0.0)), refuse)(scene.depth[0], CAMERA, (0, 0, 700), handedness)
        assert pose.handedness == handedness


def test_the_side_that_is_said_is_taken_if_it_is_there(scene) -> None:
    hands = hand(scene.centre[0], 0.98, right=0.95), hand(scene.centre[0] + 150, 0.99, right=0.05)
    estimator = Estimator(PointAt((0.0, 0.0, 0.0)), lambda: KnownHands(*hands))
    for handedness, expected, side in (("right", 0, "right"), ("left", 1, "left"), ("auto", 1, "left")):
        pose = estimator(scene.depth[0], CAMERA, None, handedness)
        np.testing.assert_allclose(pose.centre, hands[expected].centre, atol=1e-3)
        assert pose.handedness == side


def test_confidence_is_that_of_the_hand_times_that_of_its_joints(scene) -> None:
    centre = scene.centre[0]
    given = Estimator.load("default")(scene.depth[0], CAMERA, centre, "right").confidence
    for probability in (0.98, 0.995):
        found = known(hand(centre, probability))[0](scene.depth[0], CAMERA, None, "right")
        assert found.confidence == pytest.approx(probability * given, rel=1e-3)


def test_all_hands_of_a_frame(scene) -> None:
    """Two hands and their mirror images side by side."""
    frame = torch.minimum(
        scene.depth[0].masked_fill(scene.depth[0] == 0, 9e3),
        scene.depth[1].flip(1).masked_fill(scene.depth[1].flip(1) == 0, 9e3),
    )
    mirrored = scene.centre[1] * torch.tensor([-1.0, 1.0, 1.0])
    estimator, _ = known(
        hand(scene.centre[0], 0.99, right=0.9), hand(mirrored, 0.98, right=0.2), hand((0, 0, 900), 0.2)
    )
    poses = estimator.hands(frame, CAMERA)
    assert all(poses) and {pose.handedness for pose in poses} == {"right", "left"}
    assert [pose.confidence for pose in poses] == sorted((p.confidence for p in poses), reverse=True)
    for pose in poses:
        place = scene.centre[0] if pose.handedness == "right" else mirrored
        assert np.linalg.norm(pose.joints_xyz[NYU14.centre] - place.numpy()) < 60
    assert known()[0].hands(frame, CAMERA) == []
    with pytest.raises(UserError, match="negative"):
        estimator.hands(-frame, CAMERA)


def test_a_camera_without_size_takes_that_of_the_image(estimator: Estimator, scene) -> None:
    sized, plain = CAMERA, Camera(CAMERA.fx, CAMERA.fy, CAMERA.u0, CAMERA.v0)
    first, second = (estimator(scene.depth[0], camera) for camera in (sized, plain))
    assert np.array_equal(first.joints_xyz, second.joints_xyz)


@pytest.mark.parametrize(
    ("depth_mm", "centre", "message"),
    [
        (5000, None, "the nearest thing is 5000 mm away"),
        (700, None, "found no hand"),
        (700, (0.0, 0.0, 300.0), r"around 320,240,300 .* is empty"),
    ],
)
def test_a_frame_without_a_hand_is_no_exception(estimator: Estimator, depth_mm, centre, message) -> None:
    pose = estimator(np.full((480, 640), depth_mm, np.uint16), CAMERA, centre)
    assert not pose and pose.confidence == 0
    assert np.isnan(pose.joints_xyz).all() and np.isnan(pose.joints_uvd).all() and np.isnan(pose.centre).all()
    assert pose.problem is not None
    assert re.search(message, pose.problem)


def test_one_frame_without_a_hand_leaves_the_others_of_a_batch(estimator: Estimator, scene) -> None:
    depths = [scene.depth[0], torch.full((480, 640), 5000.0), scene.depth[1]]
    poses = estimator.batch(depths, CAMERA)
    assert [pose.handedness is None for pose in poses] == [False, True, False]
    assert [bool(pose) for pose in poses] == [True, False, True]
    alone = estimator(scene.depth[1], CAMERA)
    np.testing.assert_allclose(poses[2].joints_xyz, alone.joints_xyz, atol=1e-2)


def test_misuse_is_told(estimator: Estimator, scene) -> None:
    depth = scene.depth[0].numpy()
    with pytest.raises(UserError, match=r"use estimator.batch"):
        estimator(depth[None], CAMERA)
    with pytest.raises(UserError, match="handedness must be 'auto', 'right' or 'left', got 'both'"):
        estimator(depth, CAMERA, None, "both")  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"got \['left'\]"):
        estimator(depth, CAMERA, None, ["left"])  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"murauer\.Distortion or None, got \[0\.1"):
        estimator(depth, CAMERA, distortion=[0.1, 0, 0, 0, 0])  # type: ignore[arg-type]
    with pytest.raises(
        UserError, match="unit of depth must be 'mm', 'm' or a number of mm per unit, got None"
    ):
        estimator(depth, CAMERA, unit=None)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"frame 1: .* negative"):
        estimator.batch([depth, -depth], CAMERA)
    with pytest.raises(UserError, match="one size"):
        estimator.batch([depth, depth[100:]], Camera(588, 587, 320, 240))
    with pytest.raises(UserError, match="2 centres for 1 frames"):
        estimator.batch([depth], CAMERA, [(0, 0, 700)] * 2)
    with pytest.raises(UserError, match="say unit='m'"):
        estimator(depth / 1000, CAMERA)


def test_several_threads_share_an_estimator(estimator: Estimator, scene) -> None:
    expected = [estimator(depth, CAMERA).joints_xyz for depth in scene.depth[:4]]
    jobs = [index % 4 for index in range(24)]
    with ThreadPoolExecutor(4) as pool:
        poses = list(pool.map(lambda index: estimator(scene.depth[index], CAMERA), jobs))
    for index, pose in zip(jobs, poses, strict=True):
        assert np.array_equal(pose.joints_xyz, expected[index])


def test_the_package_is_imported_when_it_is_used() -> None:
    code = "import sys, murauer; assert not {'torch', 'numpy'} & set(sys.modules); murauer.Estimator"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = murauer.Nothing
    assert all(hasattr(murauer, name) for name in murauer.__all__)


def test_an_exported_model_predicts_without_pytorch(estimator: Estimator, scene, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    np.save(tmp_path / "depth.npy", scene.depth[0].numpy())
    code = f"""
import sys
for name in ("torch", "scipy", "msgspec", "safetensors", "PIL", "matplotlib", "anny", "warp", "tqdm"):
    sys.modules[name] = None  # any import of it fails
import numpy as np
from murauer import Camera, Distortion, Estimator
estimator = Estimator.load("default")
depth, camera = np.load({str(tmp_path / "depth.npy")!r}), Camera(588.03, 587.07, 320.0, 240.0)
pose = estimator(depth, camera)
poses = list(estimator.track([depth, None, depth], camera, distortion=Distortion(k1=0.01)))
assert [bool(each) for each in poses] == [True, False, True], poses
np.save({str(tmp_path / "joints.npy")!r}, pose.joints_xyz)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    expected = estimator(scene.depth[0], CAMERA).joints_xyz
    np.testing.assert_allclose(np.load(tmp_path / "joints.npy"), expected, atol=1e-2)
