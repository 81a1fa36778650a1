"""From places of hands to their joints: the cube is cut out, the network looks, and looks again."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from murauer.errors import UserError
from murauer.geometry.camera import Camera, xyz_to_uvd
from murauer.geometry.hand_size import LARGEST_HAND, SMALLEST_HAND, hand_scale
from murauer.geometry.patches import Cubes, Floats, Mask, shown
from murauer.geometry.skeletons import convert
from murauer.handfinder.localisation import Sighting
from murauer.inference.backends.backend import Backend
from murauer.inference.plausibility import confidence, confidence_from_errors
from murauer.inference.pose import HandPose, Timings, no_pose

MIRROR = np.array([-1.0, 1.0, 1.0], np.float32)

MINIMUM_HAND_SHARE = 0.005
"""Share of a patch that must show something: a finger tip covers more than this."""

PASSES = 2
"""Times that a hand is cut out and predicted when its centre was located or given. The second time the cube
is centred on the centre joint that was predicted first, since in training it was centred on that joint; and
that of a dense network is as large as the hand asks for."""

VIEWS = ((-40.0, 0.9), (-20.0, 1.08), (0.0, 1.0), (20.0, 1.08), (40.0, 0.9))
"""In-plane rotations in degrees, and sizes of the cube, whose predictions are averaged for the best quality."""

TRUST = -4
"""Power of the expected error that a joint is weighted with in this average."""

Quality = Literal["fast", "best"]


class PosePredictor:
    """Predicts the poses of sighted hands.

    Args:
        backend: runs the network.
        quality: "best" averages over several views in the last pass, which takes as many times as long; for
            dense models.

    Raises:
        UserError: The model is not dense, and the best quality is wanted.
    """

    def __init__(self, backend: Backend, quality: Quality = "fast") -> None:
        self.facts = backend.facts
        self._backend = backend
        self._views = VIEWS if quality == "best" else ()
        if self._views and not self.facts.dense:
            raise UserError('quality "best" is for dense models, and this is none; use "fast"')
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
        sizes = np.array([sighting.size for sighting in sightings], np.float32)
        sure = np.array([sighting.confidence for sighting in sightings], np.float32)
        left = np.array([sighting.handedness == "left" for sighting in sightings])
        xyz = np.full((len(depth), len(self.facts.skeleton), 3), np.nan, np.float32)
        network = 0.0
        if found.size:
            begin = time.perf_counter()
            seen = depth if found.size == len(depth) else depth[found]  # no copy of a single frame
            look = self._look(seen, camera, places[found], sizes[found], left[found], passes)
            for index in found[look.empty].tolist():
                problems[index] = _empty_cube(places[index], camera)
            xyz[found], places[found], sizes[found] = look.xyz, look.centre, look.size
            sure[found] *= look.plausibility
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
                    size=float(sizes[index]),
                )
            )
        return poses

    def _look(
        self, depth: NDArray[Any], camera: Camera, centre: Floats, size: Floats, left: Mask, passes: int
    ) -> "_Look":
        """Predict joints around centres (B, 3), of hands of known size (B,) or NaN."""
        facts = self.facts
        cubes = self._cubes(centre, camera, size)
        patch = cubes.cut(depth)
        empty = shown(patch) < MINIMUM_HAND_SHARE
        xyz, error = self._in_cubes(patch, cubes, left)
        for _ in range(passes - 1):
            predicted = xyz[:, facts.skeleton.centre]
            near = np.linalg.norm(predicted - cubes.centre, axis=-1) < facts.cube_mm / 4  # else a failure
            near &= predicted[:, 2] > 0
            moved = np.where(near[:, None], predicted, cubes.centre)
            cubes = self._cubes(moved, camera, np.where(near & np.isnan(size), self._size(xyz), size))
            patch = cubes.cut(depth)
            xyz, error = self._in_cubes(patch, cubes, left)
        if self._views:
            xyz, error = self._averaged(depth, cubes, left)
        if error is None:
            sure = confidence(patch, xyz, cubes, self._bones, facts.skeleton.centre)
        else:
            sure = confidence_from_errors(error)
        return _Look(xyz, cubes.centre, self._size(xyz), sure, empty)

    def _cubes(self, centre: Floats, camera: Camera, size: Floats) -> Cubes:
        side: float | Floats = self.facts.cube_mm
        if self.facts.dense:
            known = np.where(np.isnan(size), np.float32(1.0), size)
            side = (self.facts.cube_mm * known.clip(SMALLEST_HAND, LARGEST_HAND)).astype(np.float32)
        return Cubes(centre, camera, side, self.facts.patch_size)

    def _size(self, xyz: Floats) -> Floats:
        """Sizes of hands with joints (B, J, 3), for a dense network's cubes; NaN for any other."""
        if not self.facts.dense:
            return np.full(len(xyz), np.nan, np.float32)
        return hand_scale(convert(xyz, self.facts.skeleton.name, "hand21"))

    def _averaged(self, depth: NDArray[Any], cubes: Cubes, left: Mask) -> tuple[Floats, Floats]:
        """Predict as in `_in_cubes`, the mean over several views, weighted by what is expected of each joint."""
        views, hands = len(self._views), len(cubes.centre)
        angles, scales = np.repeat(np.array(self._views, np.float32), hands, axis=0).T
        turned = replace(
            cubes,
            centre=np.tile(cubes.centre, (views, 1)),
            cube_mm=np.tile(np.broadcast_to(cubes.cube_mm, hands), views) * scales,
            rotation=np.deg2rad(angles),
        )
        patch = turned.cut(np.tile(depth, (views, 1, 1)))
        xyz, error = self._in_cubes(patch, turned, np.tile(left, views))
        assert error is not None
        xyz, error = (part.reshape(views, hands, *part.shape[1:]) for part in (xyz, error))
        weights = (error / error.max(0)) ** TRUST
        mean = (xyz * weights[..., None]).sum(0) / weights.sum(0)[..., None]
        return mean, (error * weights).sum(0) / weights.sum(0)

    def _in_cubes(self, patch: Floats, cubes: Cubes, left: Mask) -> tuple[Floats, Floats | None]:
        """Predict joints in mm, (B, J, 3); those of left hands from the mirror images of their cubes.

        A dense network says as well how wrong it expects each to be, in mm, (B, J).
        """
        mirrored = left[:, None, None]
        joints = self._backend(np.where(mirrored, patch[..., ::-1], patch) if left.any() else patch)
        error = joints[..., 3] * cubes.half_mm[..., 0] if self.facts.dense else None
        joints = joints[..., :3]
        if left.any():
            joints = np.where(mirrored, joints * MIRROR, joints)
        return (cubes.from_patch if self.facts.dense else cubes.denormalise_joints)(joints), error


class _Look(NamedTuple):
    """Joints, last centres, sizes and plausibility of hands, and which cubes are empty."""

    xyz: Floats
    centre: Floats
    size: Floats
    plausibility: Floats
    empty: Mask


def _intrinsics(camera: Camera) -> Floats:
    return camera.intrinsics_array().astype(np.float32)


def _empty_cube(centre: Floats, camera: Camera) -> str:
    u, v, d = xyz_to_uvd(centre, _intrinsics(camera)).tolist()
    return f"the hand cube around {u:.0f},{v:.0f},{d:.0f} (pixel, pixel, mm) is empty; correct the centre"
