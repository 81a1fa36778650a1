"""From a depth camera to joints: the interface for people who want the joints of a hand and nothing else.

    from murauer import Camera, Estimator

    estimator = Estimator.load("default")
    pose = estimator(depth, Camera(fx=475.1, fy=475.1, u0=315.9, v0=245.0))
    pose.joints_xyz                                 # (14, 3) in mm
    for pose in estimator.track(frames, camera):    # a stream, smoothed
        ...

Everything between depth and network is NumPy; an exported model runs without PyTorch.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from murauer.camera import Camera, xyz_to_uvd
from murauer.distortion import Distortion
from murauer.errors import UserError
from murauer.inference.engines import Engine, EngineName, load_engine
from murauer.inference.inputs import Unit, as_array, millimetres_per_unit, read_centre, read_frame
from murauer.inference.localisation import find_hand
from murauer.inference.patches import BACKGROUND, Cubes, Floats, Mask
from murauer.inference.plausibility import confidence
from murauer.skeletons import Skeleton

if TYPE_CHECKING:
    from murauer.inference.tracking import Smoothing

MIRROR = np.array([-1.0, 1.0, 1.0], np.float32)

Handedness = Literal["right", "left"]

MINIMUM_HAND_SHARE = 0.005
"""Share of a patch that must show something: a finger tip covers more than this."""

PASSES = 2
"""Times that a hand is cut out and predicted when its centre was located or given. The second time the cube
is centred on the centre joint that was predicted first, since in training it was centred on that joint."""


@dataclass(frozen=True)
class Timings:
    """What took how long for a frame, in ms; in a batch, the frame's share of it."""

    total: float
    localisation: float
    network: float


@dataclass(frozen=True, eq=False)
class HandPose:
    """The hand in one frame.

    Attributes:
        joints_xyz: (J, 3) camera coordinates in mm: x right, y down, z forward; NaN if there is a problem.
        joints_uvd: (J, 3) pixel, pixel, mm (of the undistorted image); NaN if there is a problem.
        centre: (3,) centre of the cube that was cut out in the last pass, in mm; NaN if there is a problem.
        confidence: in [0, 1], that the joints are right within 30 mm on average; 0 if there is a problem. See
            `murauer.inference.plausibility`.
        handedness: of the hand that was looked for.
        skeleton: names the J joints.
        timings: what took how long.
        problem: why there are no joints, in one sentence; None if there are.
    """

    joints_xyz: Floats
    joints_uvd: Floats
    centre: Floats
    confidence: float
    handedness: Handedness
    skeleton: Skeleton
    timings: Timings
    problem: str | None = None

    def __bool__(self) -> bool:
        """Whether there are joints."""
        return self.problem is None


class Estimator:
    """A trained model with all that is between it and depth frames.

    Depth frames are NumPy arrays or tensors, (H, W), of integers or floats; `unit` says of what: "mm", "m",
    or a number of mm per unit. 0, NaN and infinity mean that nothing was measured. `distortion` is that of
    the lens, for frames that have not been undistorted; results are then for the undistorted image.

    A frame that is no depth image of this camera raises a `UserError`. A frame without a hand does not: its
    `HandPose` says so, is false, and its joints are NaN.

    An estimator keeps nothing between calls and may be used from several threads at once.

    Args:
        engine: runs the network.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._bones = np.array(engine.facts.skeleton.bones, np.int64).reshape(-1, 2)

    @classmethod
    def load(
        cls,
        source: str | Path = "default",
        *,
        engine: EngineName | None = None,
        device: str = "cpu",
        threads: int | None = None,
    ) -> "Estimator":
        """Load a model.

        Args:
            source: "default" for the packaged model, a run folder, a .safetensors model file, or an .onnx
                file that `murauer export` made.
            engine: "onnx" or "torch", of which "default" comes for both; by default ONNX Runtime if it is
                installed, which is several times as fast on a CPU and gives the same joints.
            device: for PyTorch, such as "cuda".
            threads: of ONNX Runtime for one prediction; by default 1, which is best for small networks.

        Raises:
            UserError: If the model, or what it needs to run, is missing or damaged.
        """
        return cls(load_engine(source, engine=engine, device=device, threads=threads))

    @property
    def skeleton(self) -> Skeleton:
        """Names the joints."""
        return self._engine.facts.skeleton

    @property
    def cube_mm(self) -> float:
        """Side of the hand cube in mm."""
        return self._engine.facts.cube_mm

    def __call__(
        self,
        depth: Any,
        camera: Camera,
        centre: Any = None,
        handedness: Handedness = "right",
        *,
        unit: Unit = "mm",
        distortion: Distortion | None = None,
    ) -> HandPose:
        """Predict the joints of one hand.

        Args:
            depth: (H, W).
            camera: that took it.
            centre: (3,) about the middle of the hand, camera coordinates in mm; without it the hand nearest
                to the camera is located.
            handedness: which hand it is. Models are trained on right hands; left ones are mirrored.
            unit: of the depth.
            distortion: of the lens.

        Raises:
            UserError: If the frame is no depth image of this camera and unit, or an argument cannot be.
        """
        if as_array(depth).ndim == 3:
            raise UserError("got several images, of shape (batch, height, width); use estimator.batch(...)")
        return self.batch(
            [depth],
            camera,
            None if centre is None else [centre],
            handedness,
            unit=unit,
            distortion=distortion,
        )[0]

    def batch(
        self,
        depths: Sequence[Any] | Any,
        camera: Camera,
        centres: Any = None,
        handedness: Handedness = "right",
        *,
        unit: Unit = "mm",
        distortion: Distortion | None = None,
    ) -> list[HandPose]:
        """Predict the joints of one hand in each of several frames; the network sees them together.

        Args:
            depths: (B, H, W), or a sequence of (H, W).
            camera: that took them.
            centres: (B, 3) as in `__call__`.
            handedness: as in `__call__`.
            unit: of the depth.
            distortion: of the lens.

        Raises:
            UserError: As for `__call__`; it names the frame.
        """
        start = time.perf_counter()
        check_handedness(handedness)
        frames = []
        for index, depth in enumerate(depths):
            try:
                frames.append(read_frame(depth, camera, unit, distortion))
            except UserError as error:
                raise UserError(str(error) if len(depths) == 1 else f"frame {index}: {error}") from error
        if not frames:
            return []
        camera = camera.for_image(frames[0].shape[1], frames[0].shape[0])
        if len({frame.shape for frame in frames}) > 1:
            raise UserError("the frames of a batch must have one size")
        if centres is not None and len(centres) != len(frames):
            raise UserError(f"got {len(centres)} centres for {len(frames)} frames; give one a frame")
        given = [None] * len(frames) if centres is None else [read_centre(centre) for centre in centres]
        images = frames[0][None] if len(frames) == 1 else np.stack(frames)
        return self.predict(images, camera, given, handedness, start=start)

    def track(
        self,
        frames: Iterable[Any],
        camera: Camera,
        handedness: Handedness = "right",
        *,
        unit: Unit = "mm",
        distortion: Distortion | None = None,
        rate: float = 30.0,
        smoothing: "Smoothing | None" = None,
    ) -> Iterator[HandPose]:
        """Follow one hand through a stream: located where it was in the last frame, smoothed over time.

        Every frame gives its result before the next is taken; smoothing looks back only. No frame ends the
        stream: one that is missing, damaged, of another size or without a hand gives a result with its
        `problem`, and the hand is found again as soon as it can be seen.

        Args:
            frames: depth images as for `__call__`; or pairs of the time in seconds and the image, if they do
                not come at a constant rate; None where one was dropped.
            camera: that takes them.
            handedness: as in `__call__`.
            unit: of the depth.
            distortion: of the lens.
            rate: frames a second, for those without a time.
            smoothing: how much; by default `Smoothing()`, and `Smoothing.off()` for none.

        Returns:
            An iterator over the results, one a frame.

        Raises:
            UserError: If an argument cannot be, at once.
        """
        from murauer.inference.tracking import Smoothing, Tracker

        check_handedness(handedness)
        millimetres_per_unit(unit)
        if not rate > 0:
            raise UserError(f"the rate must be a positive number of frames a second, got {rate!r}")
        tracker = Tracker(self, camera, handedness, unit, distortion, smoothing or Smoothing())
        return tracker.follow(frames, rate)

    def predict(
        self,
        depth: NDArray[Any],
        camera: Camera,
        centres: Sequence[Floats | None],
        handedness: Handedness = "right",
        *,
        passes: int = PASSES,
        start: float | None = None,
    ) -> list[HandPose]:
        """Predict joints from depth that is known to be good; what all else ends in.

        Args:
            depth: (B, H, W) in mm, 0 = no measurement, undistorted.
            camera: of the same size.
            centres: of each frame, mm, (3,); None where the hand is to be located.
            handedness: which hand it is.
            passes: times that the hand is cut out and predicted.
            start: when the work on these frames began, by `time.perf_counter`.
        """
        start = time.perf_counter() if start is None else start
        problems: list[str | None] = [None] * len(depth)
        places = np.full((len(depth), 3), np.nan, np.float32)
        localisation = [0.0] * len(depth)
        for index, centre in enumerate(centres):
            begin = time.perf_counter()
            if centre is not None:
                places[index] = centre
                continue
            try:
                places[index] = find_hand(depth[index], camera)[0]
            except UserError as error:
                problems[index] = str(error)
            localisation[index] = 1e3 * (time.perf_counter() - begin)
        found = np.flatnonzero([problem is None for problem in problems])
        xyz = np.full((len(depth), len(self.skeleton), 3), np.nan, np.float32)
        sure = np.zeros(len(depth), np.float32)
        network = 0.0
        if found.size:
            begin = time.perf_counter()
            left = handedness == "left"
            xyz[found], centre, sure[found], empty = self._predict_at(
                depth if found.size == len(depth) else depth[found],  # no copy of a single frame
                camera,
                places[found],
                left,
                passes,
            )
            given, places[found] = places[found], centre
            for index in np.flatnonzero(empty).tolist():
                problems[found[index]] = _empty_cube(given[index], camera)
                xyz[found[index]], places[found[index]], sure[found[index]] = np.nan, np.nan, 0
            network = 1e3 * (time.perf_counter() - begin) / len(depth)
        uvd = xyz_to_uvd(xyz, _intrinsics(camera))
        rest = (1e3 * (time.perf_counter() - start) - sum(localisation)) / len(depth)
        return [
            HandPose(
                joints_xyz=xyz[index],
                joints_uvd=uvd[index],
                centre=places[index],
                confidence=float(sure[index]),
                handedness=handedness,
                skeleton=self.skeleton,
                timings=Timings(rest + localisation[index], localisation[index], network),
                problem=problems[index],
            )
            for index in range(len(depth))
        ]

    def _predict_at(
        self, depth: NDArray[Any], camera: Camera, centre: Floats, mirrored: bool, passes: int
    ) -> tuple[Floats, Floats, Floats, Mask]:
        """Predict joints around (B, 3) centres: joints, last centres, confidence, which cubes are empty."""
        facts = self._engine.facts
        first = Cubes(centre, camera, facts.cube_mm, facts.patch_size)
        cubes, patch = first, first.cut(depth)
        empty = (patch < BACKGROUND).mean(axis=(1, 2)) < MINIMUM_HAND_SHARE
        xyz = self._joints(patch, cubes, mirrored)
        for _ in range(passes - 1):
            predicted = xyz[:, facts.skeleton.centre]
            near = (
                np.linalg.norm(predicted - cubes.centre, axis=-1) < facts.cube_mm / 4
            )  # farther is a failure
            near &= predicted[:, 2] > 0
            moved = np.where(near[:, None], predicted, cubes.centre)
            cubes = Cubes(moved, camera, facts.cube_mm, facts.patch_size)
            patch = cubes.cut(depth)
            xyz = self._joints(patch, cubes, mirrored)
        sure = confidence(patch, xyz, cubes, self._bones, facts.skeleton.centre)
        return xyz, cubes.centre, sure, empty

    def _joints(self, patch: Floats, cubes: Cubes, mirrored: bool) -> Floats:
        """Predict joints in mm, (B, J, 3); those of a left hand from the mirror image of its cube."""
        if not mirrored:
            return cubes.denormalise_joints(self._engine(patch))
        joints = self._engine(np.ascontiguousarray(patch[..., ::-1]))
        return cubes.denormalise_joints(joints * MIRROR)


def check_handedness(handedness: str) -> None:
    """Refuse what is neither.

    Raises:
        UserError: If it is not "right" or "left".
    """
    if handedness not in ("right", "left"):
        raise UserError(f"handedness must be 'right' or 'left', got {handedness!r}")


def _intrinsics(camera: Camera) -> Floats:
    return np.array([camera.fx, camera.fy, camera.u0, camera.v0], np.float32)


def _empty_cube(centre: Floats, camera: Camera) -> str:
    u, v, d = xyz_to_uvd(centre, _intrinsics(camera)).tolist()
    return f"the hand cube around {u:.0f},{v:.0f},{d:.0f} (pixel, pixel, mm) is empty; correct the centre"
