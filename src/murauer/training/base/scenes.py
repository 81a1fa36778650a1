"""What the base model learns from: hands of anybody, in any pose, before any camera and in any clutter."""

from dataclasses import dataclass, field, replace

import torch
from torch import Generator, Tensor

from murauer.capture.depth import DEPTH_UNIT_MM
from murauer.geometry.camera import Camera
from murauer.geometry.hand_size import hand_scale
from murauer.geometry.rig import CameraRig
from murauer.geometry.skeletons import SKELETONS
from murauer.geometry.windows import window_intrinsics
from murauer.hand.clutter import ClutterPiece, ClutterPrior, sample_clutter
from murauer.hand.grasps import GraspSampler
from murauer.hand.model import HandModel, place
from murauer.hand.pose_prior import ANY_POSE, PosePrior
from murauer.hand.scenes import Scenes
from murauer.hand.sensors import MixedSensor, Sensor
from murauer.hand.shape import ANYBODY, ShapePrior
from murauer.hand.viewpoint import sample_viewpoints

SKELETON = "hand21"
CENTRE = SKELETONS[SKELETON].centre

CAMERA = Camera(fx=500.0, fy=500.0, u0=320.0, v0=240.0, width=640, height=480)
"""Any: windows have intrinsics of their own."""

RIG = CameraRig((CAMERA,), torch.eye(4)[None])


@dataclass(frozen=True)
class BaseScenes:
    """Draws scenes with one hand each and renders the windows around the hands.

    Attributes:
        window_px: side of the windows.
        window_mm: their side at the hand's depth, for hands up to the mean adult's size; larger for larger.
        distance_mm: nearest and farthest hand.
        off_axis: largest distance from the optical axis, as a share of the depth.
        any_share: share of hands in a uniformly random orientation.
        grasp_share: share of hands that hold something.
        poses: joint angles.
        shapes: people.
        clutter: things around.
        sensor: what measures.
    """

    window_px: int = 160
    window_mm: float = 500.0
    distance_mm: tuple[float, float] = (250.0, 1300.0)
    off_axis: float = 0.45
    any_share: float = 0.35
    grasp_share: float = 0.15
    poses: PosePrior = field(default=ANY_POSE)
    shapes: ShapePrior = field(default_factory=lambda: ShapePrior(ANYBODY))
    clutter: ClutterPrior = field(default_factory=lambda: ClutterPrior(0.8, 0.3, 0.4, 0.3))
    sensor: Sensor = field(default_factory=MixedSensor)

    def render(self, hand: HandModel, frames: int, generator: Generator) -> dict[str, Tensor]:
        """Render windows.

        Returns:
            "depth" (B, R, R) in units of `DEPTH_UNIT_MM`, uint16; "intrinsics" (B, 4) of the windows;
            "joints" (B, 21, 3) in mm in camera coordinates.
        """
        scenes = self._hands(hand, frames, generator)
        joints = scenes.joints(SKELETON)
        around = sample_clutter(joints[:, CENTRE], generator, self.clutter)
        scenes = replace(scenes, clutter=(*scenes.clutter, *around))
        side = self.window_mm * hand_scale(joints).clamp(min=1.0)
        intrinsics = window_intrinsics(joints[:, CENTRE], CAMERA.intrinsics(), self.window_px, side)
        depth = scenes.depth(RIG, 0, intrinsics, self.window_px, self.window_px)
        measured = self.sensor(depth, intrinsics, generator)
        return {
            "depth": (measured / DEPTH_UNIT_MM).round_().clamp_(0, 65535).to(torch.uint16),
            "intrinsics": intrinsics,
            "joints": joints,
        }

    def _hands(self, hand: HandModel, frames: int, generator: Generator) -> Scenes:
        angles = self.poses.sample(frames, generator)
        rotation = sample_viewpoints(frames, generator, any_share=self.any_share)
        near, far = self.distance_mm
        # Nearer hands are more frequent: as often between 0.3 and 0.6 m as between 0.6 and 1.2 m.
        z = near * (far / near) ** torch.rand(frames, generator=generator)
        x, y = (torch.rand(2, frames, generator=generator) * 2 - 1) * self.off_axis * z
        shape, position = self.shapes.sample(frames, generator), torch.stack((x, y, z), -1)
        holding = torch.nonzero(torch.rand(frames, generator=generator) < self.grasp_share)[:, 0]
        grasps = GraspSampler(hand).sample(shape[holding], generator)
        holding = holding[grasps.there]
        angles[holding] = grasps.angles[grasps.there]
        parts, corners = grasps.vertices.shape[1:3]
        things = torch.zeros(frames, parts * corners, 3)  # in a point, which is not seen, where none is held
        things[holding] = grasps.vertices[grasps.there].flatten(1, 2)
        faces = torch.cat([grasps.faces + part * corners for part in range(parts)])
        held = ClutterPiece("held", place(things, rotation, position), faces)
        return Scenes(hand(angles, shape), hand.faces, rotation, position, (held,))
