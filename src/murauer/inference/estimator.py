"""From a depth camera to joints: the interface for people who want the joints of a hand and nothing else.

    from murauer import Camera, Estimator

    estimator = Estimator.load("default")
    pose = estimator(depth, Camera(fx=475.1, fy=475.1, u0=315.9, v0=245.0))
    pose.joints_xyz                                 # (21, 3) in mm
    for pose in estimator.hands(depth, camera):     # all hands in the frame
        ...
    for pose in estimator.track(frames, camera):    # a stream, smoothed
        ...

Everything between depth and network is NumPy; an exported model runs without PyTorch.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from murauer.capture.depth import Unit, check_device, read_centre, read_frame
from murauer.errors import UserError
from murauer.geometry.arrays import as_array
from murauer.geometry.camera import Camera
from murauer.geometry.distortion import Distortion
from murauer.geometry.patches import Floats
from murauer.geometry.skeletons import Skeleton
from murauer.hand.handedness import GivenHandedness
from murauer.handfinder.finder import HandFinder
from murauer.handfinder.handedness import evidence, given_log_odds
from murauer.handfinder.localisation import (
    Sighting,
    look_at_place,
    look_for_hand,
    look_for_hands,
    packaged_finder,
)
from murauer.inference.backends.backend import Backend
from murauer.inference.backends.load import load_backend
from murauer.inference.pose import HandPose
from murauer.inference.predictor import PosePredictor, Quality
from murauer.inference.smoothing import Smoothing
from murauer.inference.tracking import Tracker
from murauer.nets.model_facts import BackendName


class Estimator:
    """A trained model, ready to predict joints from depth frames.

    Depth frames are NumPy arrays or tensors, (H, W), of integers or floats. `unit` is "mm", "m", or a number
    of mm per unit. 0, NaN and infinity mean that nothing was measured. `distortion` is that of the lens, for
    frames that have not been undistorted; results are then for the undistorted image.

    A frame that is no depth image of this camera raises a `UserError`. A frame without a hand does not: its
    `HandPose` is false, its `problem` says why, and its joints are NaN.

    An estimator keeps nothing between calls and may be used from several threads at once.

    Args:
        backend: Runs the network.
        finder: Gives what finds hands, when it is needed first; the packaged one by default.
        quality: "best" averages the joints over several rotations of the hand's image, which takes several
            times as long.
    """

    def __init__(
        self,
        backend: Backend,
        finder: Callable[[], HandFinder] = packaged_finder,
        quality: Quality = "fast",
    ) -> None:
        self._predictor = PosePredictor(backend, quality)
        self._finder = finder

    @classmethod
    def load(
        cls,
        source: str | Path = "default",
        *,
        backend: BackendName | None = None,
        device: str = "cpu",
        threads: int | None = None,
        quality: Quality = "fast",
    ) -> "Estimator":
        """Load a model.

        Args:
            source: "default" or "small" for the packaged models, a run folder, a .safetensors model file, or
                an .onnx file that `murauer export` made.
            backend: "onnx" or "torch", of which "default" comes for both; by default ONNX Runtime if it is
                installed, which is several times as fast on a CPU and gives the same joints.
            device: For PyTorch, such as "cuda".
            threads: Of ONNX Runtime for one prediction; by default 1, which is best for small networks.
            quality: "best" averages the joints over several rotations of the hand's image, which takes
                several times as long.

        Raises:
            UserError: If the model, or what it needs to run, is missing or damaged.
        """
        return cls(load_backend(source, backend=backend, device=device, threads=threads), quality=quality)

    @property
    def skeleton(self) -> Skeleton:
        """Names the joints."""
        return self._predictor.facts.skeleton

    @property
    def cube_mm(self) -> float:
        """Side of the hand cube in mm."""
        return self._predictor.facts.cube_mm

    def __call__(
        self,
        depth: Any,
        camera: Camera,
        centre: Any = None,
        handedness: GivenHandedness = "auto",
        *,
        unit: Unit = "mm",
        distortion: Distortion | None = None,
    ) -> HandPose:
        """Predict the joints of one hand.

        Args:
            depth: (H, W).
            camera: Camera that took the frame.
            centre: (3,) about the middle of the hand, camera coordinates in mm. Without it, a hand is looked
                for in the whole frame.
            handedness: Which hand it is; "auto" leaves it to the hand finder. Of several hands, the named one
                is taken, and with "auto" the surest. Models are trained on right hands; left ones are
                mirrored.
            unit: Unit of the depth.
            distortion: Distortion of the lens.

        Returns:
            The pose, which is false if no hand was found.

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
        handedness: GivenHandedness = "auto",
        *,
        unit: Unit = "mm",
        distortion: Distortion | None = None,
    ) -> list[HandPose]:
        """Predict the joints of one hand in each of several frames; the network sees them together.

        Args:
            depths: (B, H, W), or a sequence of (H, W).
            camera: Camera that took the frames.
            centres: (B, 3) as in `__call__`.
            handedness: Which hand it is, as in `__call__`.
            unit: Unit of the depth.
            distortion: Distortion of the lens.

        Raises:
            UserError: As for `__call__`; it names the frame.
        """
        start = time.perf_counter()
        right = given_log_odds(handedness)
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
        sightings = [
            self._sight(image, camera, centre, right) for image, centre in zip(images, given, strict=True)
        ]
        return self._predictor(images, camera, sightings, start=start)

    def hands(
        self, depth: Any, camera: Camera, *, unit: Unit = "mm", distortion: Distortion | None = None
    ) -> list[HandPose]:
        """Predict the joints of all hands in a frame, right and left, of one person or several.

        Args:
            depth: (H, W).
            camera: Camera that took the frame.
            unit: Unit of the depth.
            distortion: Distortion of the lens.

        Returns:
            The surest hand first; none if the hand finder is sure of none.

        Raises:
            UserError: As for `__call__`.
        """
        start = time.perf_counter()
        image = read_frame(depth, camera, unit, distortion)
        camera = camera.for_image(image.shape[1], image.shape[0])
        sightings = look_for_hands(self._finder(), image, camera)
        poses = [self._predictor(image[None], camera, [each], start=start)[0] for each in sightings]
        return sorted(poses, key=lambda pose: -pose.confidence)

    def track(
        self,
        frames: Iterable[Any],
        camera: Camera,
        handedness: GivenHandedness = "auto",
        *,
        unit: Unit = "mm",
        distortion: Distortion | None = None,
        rate: float = 30.0,
        smoothing: Smoothing | None = None,
    ) -> Iterator[HandPose]:
        """Follow one hand through a stream: located where it was in the last frame, smoothed over time.

        Every frame gives its result before the next is taken; smoothing looks back only. No frame ends the
        stream: one that is missing, damaged, of another size or without a hand gives a result with its
        `problem`, and the hand is found again as soon as it can be seen.

        Args:
            frames: Depth images as for `__call__`; or pairs of the time in seconds and the image, if they do
                not come at a constant rate; None where one was dropped.
            camera: Camera that takes the frames.
            handedness: As in `__call__`. With "auto" what frames say of it is added up, so that one of them
                does not turn a right hand into a left one.
            unit: Unit of the depth.
            distortion: Distortion of the lens.
            rate: Frames a second, for frames without a time.
            smoothing: How much to smooth; by default `Smoothing()`, and `Smoothing.off()` for none.

        Returns:
            An iterator over the results, one a frame.

        Raises:
            UserError: If an argument cannot be, or the hand finder cannot be loaded, at once.
        """
        right = given_log_odds(handedness)
        check_device(camera, unit, distortion)
        if not rate > 0:
            raise UserError(f"the rate must be a positive number of frames a second, got {rate!r}")
        tracker = Tracker(
            self._predictor, self._finder(), camera, right, unit, distortion, smoothing or Smoothing()
        )
        return tracker.follow(frames, rate)

    def _sight(self, image: NDArray[Any], camera: Camera, centre: Floats | None, right: float) -> Sighting:
        """Look for the hand. A given centre is taken at its word; only which hand it is may be asked for."""
        if centre is None:
            return look_for_hand(self._finder(), image, camera, right)
        start = time.perf_counter()
        if math.isfinite(right):
            right += evidence(look_at_place(self._finder(), image, camera, centre).right)
        return Sighting(centre, 1.0, right, took_ms=1e3 * (time.perf_counter() - start))
