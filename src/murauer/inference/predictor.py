"""From places of hands to their joints: the cube is cut out, the network looks, and looks again."""

import time
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from murauer.errors import UserError
from murauer.geometry.camera import Camera, xyz_to_uvd
from murauer.geometry.patches import Cubes, Floats, shown
from murauer.handfinder.localisation import Sighting
from murauer.inference.backends.backend import Backend
from murauer.inference.plausibility import confidence, confidence_from_errors
from murauer.inference.pose import HandPose, Timings, no_pose
from murauer.nets.joints import VIEWS, Dense, Prediction, predict_joints

MINIMUM_HAND_SHARE = 0.005
"""Share of a patch that must show something: a finger tip covers more than this."""

PASSES = 2
"""Times that a hand is cut out and predicted when its centre was located or given. The second time the cube
is centred on the centre joint that was predicted first, since in training it was centred on that joint; and
that of a dense network is as large as the hand asks for."""

Quality = Literal["fast", "best"]


class PosePredictor:
    """Predicts the poses of sighted hands.

    Args:
        backend: Runs the network.
        quality: "best" averages over several views in the last pass, which takes as many times as long; for
            dense models.

    Raises:
        UserError: The model is not dense, and the best quality is wanted.
    """

    def __init__(self, backend: Backend, quality: Quality = "fast") -> None:
        self.facts = backend.facts
        self._backend = backend
        if quality == "best" and not self.facts.dense:
            raise UserError('quality "best" is for dense models, and this is none; use "fast"')
        views = VIEWS if quality == "best" else ()
        dense = Dense(self.facts.skeleton.name, self.facts.cube_mm, views)
        self._dense = dense if self.facts.dense else None
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
            camera: Camera of the same size.
            sightings: Sighting of each frame.
            start: When the work on these frames began, by `time.perf_counter`.
            passes: Times that the hand is cut out and predicted.
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
            facts = self.facts
            cubes = Cubes(
                places[found], camera.intrinsics_array(), facts.cube_mm, facts.patch_size, box=facts.box
            )
            empty = shown(cubes.cut(seen)) < MINIMUM_HAND_SHARE
            for index in found[empty].tolist():
                problems[index] = _empty_cube(places[index], camera)
            predicted = predict_joints(
                self._backend,
                seen,
                cubes,
                left[found],
                passes=passes,
                centre_joint=facts.skeleton.centre,
                dense=self._dense,
                size=sizes[found],
            )
            xyz[found], places[found] = predicted.joints, predicted.cubes.centre
            if predicted.size is not None:
                sizes[found] = predicted.size
            sure[found] *= self._plausible(predicted)
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

    def _plausible(self, predicted: Prediction) -> Floats:
        """Probability that joints are right within some mm, (B,).

        A dense network was trained on hands alone, so its expected errors say little of a wall.
        """
        fits = confidence(
            predicted.patch, predicted.joints, predicted.cubes, self._bones, self.facts.skeleton.centre
        )
        return fits if predicted.error_mm is None else fits * confidence_from_errors(predicted.error_mm)


def _intrinsics(camera: Camera) -> Floats:
    return camera.intrinsics_array().astype(np.float32)


def _empty_cube(centre: Floats, camera: Camera) -> str:
    u, v, d = xyz_to_uvd(centre, _intrinsics(camera)).tolist()
    return f"the hand cube around {u:.0f},{v:.0f},{d:.0f} (pixel, pixel, mm) is empty; correct the centre"
