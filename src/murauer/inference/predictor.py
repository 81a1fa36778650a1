"""From places of hands to their joints: the cube is cut out, the network looks, and looks again."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from murauer.geometry.camera import Camera, xyz_to_uvd
from murauer.geometry.patches import Cubes, Floats, Mask, shown
from murauer.handfinder.localisation import Sighting
from murauer.inference.backends.backend import Backend
from murauer.inference.plausibility import confidence
from murauer.inference.pose import HandPose, Timings, no_pose

MIRROR = np.array([-1.0, 1.0, 1.0], np.float32)

MINIMUM_HAND_SHARE = 0.005
"""Share of a patch that must show something: a finger tip covers more than this."""

PASSES = 2
"""Times that a hand is cut out and predicted when its centre was located or given. The second time the cube
is centred on the centre joint that was predicted first, since in training it was centred on that joint."""


class PosePredictor:
    """Predicts the poses of sighted hands.

    Args:
        backend: runs the network.
    """

    def __init__(self, backend: Backend) -> None:
        self.facts = backend.facts
        self._backend = backend
        self._bones = np.array(backend.facts.skeleton.bones, np.int64).reshape(-1, 2)

    def __call__(
        self,
        depth: NDArray[Any],
        camera: Camera,
        sightings: Sequence[Sighting],
        *,
        start: float,
        passes: int = PASSES,
    ) -> list[HandPose]:
        """Predict one pose a frame; without joints where no hand was sighted.

        Args:
            depth: (B, H, W) in mm, 0 = no measurement, undistorted.
            camera: of the same size.
            sightings: of each frame.
            start: when the work on these frames began, by `time.perf_counter`.
            passes: times that the hand is cut out and predicted.
        """
        problems = [sighting.problem for sighting in sightings]
        found = np.flatnonzero([problem is None for problem in problems])
        places = np.array([sighting.centre for sighting in sightings], np.float32)
        sure = np.array([sighting.confidence for sighting in sightings], np.float32)
        left = np.array([sighting.handedness == "left" for sighting in sightings])
        xyz = np.full((len(depth), len(self.facts.skeleton), 3), np.nan, np.float32)
        network = 0.0
        if found.size:
            begin = time.perf_counter()
            seen = depth if found.size == len(depth) else depth[found]  # no copy of a single frame
            xyz[found], centre, plausibility, empty = self._joints(
                seen, camera, places[found], left[found], passes
            )
            for index in found[empty].tolist():
                problems[index] = _empty_cube(places[index], camera)
            places[found] = centre
            sure[found] *= plausibility
            network = 1e3 * (time.perf_counter() - begin) / len(depth)
        uvd = xyz_to_uvd(xyz, _intrinsics(camera))
        looked = [sighting.took_ms for sighting in sightings]
        rest = (1e3 * (time.perf_counter() - start) - sum(looked)) / len(depth)
        poses = []
        for index, (sighting, problem) in enumerate(zip(sightings, problems, strict=True)):
            took = Timings(rest + looked[index], looked[index], network)
            if problem is not None:
                poses.append(no_pose(problem, self.facts.skeleton, took))
                continue
            poses.append(
                HandPose(
                    joints_xyz=xyz[index],
                    joints_uvd=uvd[index],
                    centre=places[index],
                    confidence=float(sure[index]),
                    handedness=sighting.handedness,
                    skeleton=self.facts.skeleton,
                    timings=took,
                )
            )
        return poses

    def _joints(
        self, depth: NDArray[Any], camera: Camera, centre: Floats, left: Mask, passes: int
    ) -> tuple[Floats, Floats, Floats, Mask]:
        """Predict joints around (B, 3) centres: joints, last centres, plausibility, which cubes are empty."""
        facts = self.facts
        cubes = Cubes(centre, camera, facts.cube_mm, facts.patch_size)
        patch = cubes.cut(depth)
        empty = shown(patch) < MINIMUM_HAND_SHARE
        xyz = self._in_cubes(patch, cubes, left)
        for _ in range(passes - 1):
            predicted = xyz[:, facts.skeleton.centre]
            near = (
                np.linalg.norm(predicted - cubes.centre, axis=-1) < facts.cube_mm / 4
            )  # farther is a failure
            near &= predicted[:, 2] > 0
            moved = np.where(near[:, None], predicted, cubes.centre)
            cubes = Cubes(moved, camera, facts.cube_mm, facts.patch_size)
            patch = cubes.cut(depth)
            xyz = self._in_cubes(patch, cubes, left)
        sure = confidence(patch, xyz, cubes, self._bones, facts.skeleton.centre)
        return xyz, cubes.centre, sure, empty

    def _in_cubes(self, patch: Floats, cubes: Cubes, left: Mask) -> Floats:
        """Predict joints in mm, (B, J, 3); those of left hands from the mirror images of their cubes."""
        if not left.any():
            return cubes.denormalise_joints(self._backend(patch))
        mirrored = left[:, None, None]
        joints = self._backend(np.where(mirrored, patch[..., ::-1], patch))
        return cubes.denormalise_joints(np.where(mirrored, joints * MIRROR, joints))


def _intrinsics(camera: Camera) -> Floats:
    return camera.intrinsics_array().astype(np.float32)


def _empty_cube(centre: Floats, camera: Camera) -> str:
    u, v, d = xyz_to_uvd(centre, _intrinsics(camera)).tolist()
    return f"the hand cube around {u:.0f},{v:.0f},{d:.0f} (pixel, pixel, mm) is empty; correct the centre"
