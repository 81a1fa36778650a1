"""Whole frames with and without hands, of people that no training saw: held before the camera, and in rooms.

Frames of three cameras and all sensor models in turn. Not a benchmark itself: `hand_finder.py` looks at them,
and `views.py` at the same hands from two sides.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from murauer import Camera
from murauer.capture.sources.simulated import SimulatedSource
from murauer.geometry.camera import CAMERAS, xyz_to_uvd
from murauer.geometry.rig import CameraRig
from murauer.geometry.skeletons import convert
from murauer.hand.clutter import sample_clutter
from murauer.hand.model import HandModel
from murauer.hand.pose_prior import PosePrior
from murauer.hand.room_sampler import RoomSampler
from murauer.hand.rooms import EVERYDAY, PALM, RoomPrior, Rooms
from murauer.hand.scenes import Scenes
from murauer.hand.sensors import SENSORS, Sensor
from murauer.hand.shape import ShapePrior
from murauer.hand.viewpoint import sample_viewpoints
from murauer.handfinder.training.frames import SEEN
from murauer.progress import Progress
from murauer.random_streams import random_stream

TESTED = (CAMERAS["nyu"], CAMERAS["sr305"], Camera(365.0, 365.0, 255.5, 211.5, 512, 424))
BATCH = 5
OUT_OF_SIGHT = torch.tensor([1e4, 0.0, 0.0])

GRASPS = replace(EVERYDAY, own_view=0.0, holding=1.0, distance_mm=(300.0, 1000.0))
OWN_VIEWS = replace(EVERYDAY, own_view=1.0)
HOUSEHOLD = replace(EVERYDAY, household=1.0)


@dataclass(frozen=True)
class Frame:
    """A frame and the hands in it.

    Attributes:
        depth: (H, W) in mm.
        camera: that took it.
        joints: (K, 14, 3) in mm.
        left: which are left hands, (K,).
        share: of each that is not behind something else, (K,).
    """

    depth: NDArray[np.float32]
    camera: Camera
    joints: NDArray[np.float32]
    left: NDArray[np.bool_]
    share: NDArray[np.float32]

    @property
    def palms(self) -> NDArray[np.float32]:
        """Centre joints, (K, 3)."""
        return self.joints[:, PALM]


class HeldHands:
    """Draws hands that are held before a camera, and what is around them."""

    def __init__(self) -> None:
        self.model, self.poses, self.shapes = HandModel(), PosePrior(), ShapePrior()

    def sample(self, batch: int, stream: Generator, *, hands: bool = True) -> tuple[Scenes, Tensor]:
        """Draw scenes, and the joints (B, 14, 3) of their hands; without `hands` these are out of sight."""
        z = 500 + 600 * torch.rand(batch, generator=stream)
        x, y = (torch.rand(2, batch, generator=stream) * 2 - 1) * 0.15 * z
        scenes = Scenes(
            self.model(self.poses.sample(batch, stream), self.shapes.sample(batch, stream)),
            self.model.faces,
            sample_viewpoints(batch, stream),
            torch.stack((x, y, z), -1),
        )
        joints = scenes.joints("nyu14")
        scenes = replace(scenes, clutter=sample_clutter(joints[:, PALM], stream))
        if not hands:
            scenes = replace(scenes, position=scenes.position + OUT_OF_SIGHT)
        return scenes, joints


def held(count: int, hands: int, seed: int) -> Iterator[Frame]:
    """Render hands held before the camera, right and left ones in turn; with `hands` = 0 all but the hand."""
    held_hands = HeldHands()
    with Progress(f"scenes with {hands} hands", count, unit="scene") as progress:
        for number in range(-(-count // BATCH)):
            stream = random_stream(seed, "held", hands, number)
            camera, sensor = _device(number)
            scenes, joints = held_hands.sample(BATCH, stream, hands=hands > 0)
            depth = _measured(scenes, camera, sensor, stream)
            for row in range(min(BATCH, count - number * BATCH)):
                yield _one_held(depth[row].numpy(), camera, joints[row].numpy(), left=(number + row) % 2 == 1)
                progress.advance()


def _device(number: int) -> tuple[Camera, Sensor]:
    return TESTED[number % len(TESTED)], list(SENSORS.values())[number // len(TESTED) % len(SENSORS)]()


def _measured(scenes: Scenes, camera: Camera, sensor: Sensor, stream: Generator) -> Tensor:
    intrinsics = camera.intrinsics().expand(BATCH, 4)
    rig = CameraRig((camera,), torch.eye(4)[None])
    return sensor(scenes.depth(rig, 0, intrinsics, camera.height, camera.width), intrinsics, stream)


def _one_held(
    depth: NDArray[np.float32], camera: Camera, joints: NDArray[np.float32], *, left: bool
) -> Frame:
    """A right hand, or as in a mirror a left one; nothing hides it but itself."""
    if left:
        depth, joints = np.ascontiguousarray(depth[:, ::-1]), joints * np.float32([-1, 1, 1])
        camera = replace(camera, u0=camera.width - 1 - camera.u0)
    return Frame(depth, camera, joints[None], np.array([left]), np.ones(1, np.float32))


def stream(number: int, frames: int, seed: int) -> Iterator[Frame]:
    """Render a hand that moves before a person, 30 frames a second; every second one is a left hand."""
    sensors = tuple(SENSORS)
    source = SimulatedSource(
        seed=seed + number, person=seed + number, sensor=sensors[number % len(sensors)], paced=False
    )
    for index in range(frames):
        moment = source.frame(index)
        assert moment.joints is not None and source.skeleton is not None
        joints = convert(moment.joints, source.skeleton.name, "nyu14").astype(np.float32)
        yield _one_held(moment.depths[0], source.cameras[0].camera, joints, left=number % 2 == 1)


def rooms(
    count: int, hands: int, seed: int, prior: RoomPrior | None = None, series: str = "benchmark"
) -> Iterator[Frame]:
    """Render rooms in which exactly so many hands are in sight; each series shows other rooms."""
    sampler = RoomSampler(replace(prior or RoomPrior(), first=float(hands > 0), second=float(hands > 1)))
    given = number = 0
    with Progress(f"{series}, {hands} hands", count, unit="room") as progress:
        while given < count:
            stream = random_stream(seed, series, hands, number)
            camera, sensor = _device(number)
            number += 1
            scene, intrinsics = sampler.sample(BATCH, stream), camera.intrinsics().expand(BATCH, 4)
            exact, share = scene.depth(intrinsics, camera.height, camera.width)
            depth = sensor(exact, intrinsics, stream)
            seen = _in_sight(scene, camera, share)
            for row in torch.nonzero((seen.sum(1) == hands) & (depth > 0).any(2).any(1))[:, 0].tolist():
                if given == count:
                    return
                yield _one_room(scene, depth, camera, row, seen[row], share)
                given += 1
                progress.advance()


def put_down(count: int, before: int, after: int, seed: int) -> Iterator[list[Frame]]:
    """Render streams of what a hand holds: some frames with the hand, then some without it, which stay."""
    sampler = RoomSampler(replace(GRASPS, first=1.0, second=0.0))
    given = number = 0
    with Progress("things put down", count, unit="stream") as progress:
        while given < count:
            stream = random_stream(seed, "put down", number)
            camera, sensor = _device(number)
            number += 1
            scene, intrinsics = sampler.sample(BATCH, stream), camera.intrinsics().expand(BATCH, 4)
            left = replace(scene, hands=torch.zeros_like(scene.hands), there=torch.zeros_like(scene.there))
            exact, share = scene.depth(intrinsics, camera.height, camera.width)
            still, _ = left.depth(intrinsics, camera.height, camera.width)
            seen = _in_sight(scene, camera, share)
            shown = [sensor(exact, intrinsics, stream) for _ in range(before)]
            shown += [sensor(still, intrinsics, stream) for _ in range(after)]
            for row in torch.nonzero(seen.any(1) & (still > 0).any(2).any(1))[:, 0].tolist():
                if given == count:
                    return
                yield [_one_room(scene, depth, camera, row, seen[row], share) for depth in shown]
                given += 1
                progress.advance()


def _in_sight(scene: Rooms, camera: Camera, share: Tensor) -> Tensor:
    """Which hands are in the image and not hidden, (B, HANDS)."""
    uvd = xyz_to_uvd(scene.palms, camera.intrinsics().expand(BATCH, 4))
    inside = (uvd[..., :2] >= 0) & (uvd[..., :2] < torch.tensor([camera.width, camera.height]))
    return inside.all(-1) & (share > SEEN)


def _one_room(scene: Rooms, depth: Tensor, camera: Camera, row: int, seen: Tensor, share: Tensor) -> Frame:
    parts = (scene.joints[row, seen], scene.left[row, seen], share[row, seen])
    return Frame(depth[row].numpy(), camera, *(part.numpy() for part in parts))
