"""A simulated camera: a hand that moves in front of a person, for trying everything without hardware."""

import math
import time
from collections.abc import Iterator
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from murauer.capture.camera_file import CaptureCamera
from murauer.capture.depth import DEPTH_UNIT_MM
from murauer.capture.sources.source import Source, SourceFrame, check_positive
from murauer.errors import UserError
from murauer.geometry.camera import CAMERAS
from murauer.geometry.rig import nyu_like_rig
from murauer.geometry.skeletons import SKELETONS
from murauer.hand.clutter import ClutterPrior, sample_clutter
from murauer.hand.model import HandModel
from murauer.hand.pose_prior import PosePrior
from murauer.hand.scenes import Scenes
from murauer.hand.sensors import SENSORS
from murauer.hand.shape import SHAPE_NAMES, ShapePrior
from murauer.hand.viewpoint import sample_viewpoints
from murauer.random_streams import random_stream

SECONDS_PER_POSE = 0.7
SWAY_MM = (80.0, 60.0, 100.0)
"""How far the hand moves to either side, up and down, to and fro."""

NAMES = ("front", "side", "other_side")
POSES_AT_A_TIME = 32


class SimulatedSource(Source):
    """One to three synchronised cameras with the noise of a sensor; endless, and the same for the same seed.

    Args:
        address: Nothing.
        cameras: How many; the others are 35 degrees to the side of the first.
        rate: Frames a second.
        seed: Of the motion and the noise.
        person: Whose hand it is; any number.
        sensor: Sensor model, see `murauer info`.
        distance: From the cameras to the middle of where the hand moves, in mm.
        hand_size: Factor on the size of the hand.
        things: Objects, and as many arms, around that the hand moves among.
        paced: Whether time passes as it does for a camera: a frame can be had when it has come, and those
            that come while the last one is being worked on are lost. Without, they come as fast as they
            are rendered.

    Raises:
        UserError: There is no such sensor, or a number is out of range.
    """

    def __init__(
        self,
        address: str = "",
        *,
        cameras: int = 1,
        rate: float = 30.0,
        seed: int = 0,
        person: int = 0,
        sensor: str = "structured_light",
        distance: float = 800.0,
        hand_size: float = 1.0,
        things: int = 0,
        paced: bool = True,
    ) -> None:
        if address:
            raise UserError(f"the source simulated: takes no address, got {address!r}; give options after ?")
        if not 1 <= cameras <= len(NAMES):
            raise UserError(f"the source simulated: has 1 to {len(NAMES)} cameras, not {cameras}")
        check_positive(rate, "the rate of the source simulated:")
        check_positive(
            distance - SWAY_MM[2],
            "the distance of the source simulated:, less the 100 mm that the hand sways,",
        )
        check_positive(hand_size, "the hand_size of the source simulated:")
        if sensor not in SENSORS:
            raise UserError(f"unknown sensor {sensor!r}; choose one of {', '.join(SENSORS)}")
        self.rate, self.live = rate, paced
        self.skeleton = SKELETONS["hand21"]
        self._seed = seed
        self._sensor = SENSORS[sensor]()
        self._motion = Motion(seed, distance)
        self._person = ShapePrior().sample(1, random_stream(person, "person"), spread=0.5)
        self._person[:, SHAPE_NAMES.index("size")] += math.log(hand_size)
        self._rig = nyu_like_rig(CAMERAS["nyu"], distance)
        self.cameras = tuple(
            CaptureCamera(
                NAMES[view],
                self._rig.cameras[view],
                depth_scale=DEPTH_UNIT_MM,
                camera_from_world=pose.double().numpy(),
            )
            for view, pose in enumerate(self._rig.camera_from_world[:cameras])
        )
        room = random_stream(person, "room")
        place = torch.tensor([[0.0, 0.0, distance + SWAY_MM[2]]])
        self._clutter = sample_clutter(place, room, ClutterPrior(body=1.0, table=0.0, object=0.0, arm=0.0))
        for _ in range(things):
            beside = place + (torch.rand(1, 3, generator=room) * 2 - 1) * torch.tensor(SWAY_MM)
            self._clutter += sample_clutter(
                beside, room, ClutterPrior(body=0.0, table=0.0, object=1.0, arm=1.0)
            )

    @cached_property
    def _hand(self) -> HandModel:
        return HandModel()

    def frame(self, index: int, dropped: int = 0) -> SourceFrame:
        """Render one frame.

        Args:
            index: Its number, from 0.
            dropped: What it says of the frames before it.
        """
        assert self.rate is not None and self.skeleton is not None
        time_s = index / self.rate
        angles, rotation, position = self._motion.at(time_s)
        hands = self._hand(angles, self._person)
        scenes = Scenes(hands, self._hand.faces, rotation, position, self._clutter)
        noise = random_stream(self._seed, "noise", index)
        depths = []
        for view, each in enumerate(self.cameras):
            intrinsics = each.camera.intrinsics()[None]
            exact = scenes.depth(self._rig, view, intrinsics, each.camera.height, each.camera.width)
            depths.append(self._sensor(exact, intrinsics, noise)[0].numpy())
        joints = scenes.joints(self.skeleton.name)[0].numpy()
        return SourceFrame(time_s, tuple(depths), dropped, joints)

    def __iter__(self) -> Iterator[SourceFrame]:
        """Give frames without end; see `Source`."""
        assert self.rate is not None
        started, index = time.monotonic(), 0
        while True:
            dropped = 0
            if self.live:
                dropped = max(0, int((time.monotonic() - started) * self.rate) - index)
                time.sleep(max(0.0, started + index / self.rate - time.monotonic()))
            yield self.frame(index + dropped, dropped)
            index += dropped + 1


class Motion:
    """A hand that goes from pose to pose and from place to place, resting a little at each.

    Between two poses of the prior fingers may touch a little deeper than they can.
    """

    def __init__(self, seed: int, distance_mm: float) -> None:
        self._block = lru_cache(maxsize=4)(lambda block: _poses(seed, block, distance_mm))

    def at(self, time_s: float) -> tuple[Tensor, Tensor, Tensor]:
        """Where the hand is: angles (1, D), rotation (1, 3, 3), and position (1, 3) in mm."""
        before, share = divmod(time_s / SECONDS_PER_POSE, 1.0)
        eased = share * share * (3 - 2 * share)
        angles, rotation, position = (
            torch.lerp(first, second, eased)
            for first, second in zip(self._pose(int(before)), self._pose(int(before) + 1), strict=True)
        )
        u, _, vt = torch.linalg.svd(rotation)  # the rotation nearest to the mean of two
        return angles, u @ vt, position

    def _pose(self, index: int) -> tuple[Tensor, ...]:
        block, row = divmod(index, POSES_AT_A_TIME)
        return tuple(values[row : row + 1] for values in self._block(block))


def _poses(seed: int, block: int, distance_mm: float) -> tuple[Tensor, Tensor, Tensor]:
    """Draw `POSES_AT_A_TIME` poses with their rotations and places around some distance."""
    stream = random_stream(seed, "motion", block)
    angles = PosePrior(variation=0.5).sample(POSES_AT_A_TIME, stream)
    rotation = sample_viewpoints(
        POSES_AT_A_TIME, stream, palm_share=1.0, tilt_deg=20.0, roll_deg=15.0, any_share=0.0
    )
    sway = (torch.rand(POSES_AT_A_TIME, 3, generator=stream) * 2 - 1) * torch.tensor(SWAY_MM)
    return angles, rotation, sway + torch.tensor([0.0, 0.0, distance_mm])
