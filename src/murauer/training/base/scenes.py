"""What the base model learns from: hands of anybody, in any pose, before any camera and in any clutter."""

from dataclasses import dataclass, field, replace

import torch
from torch import Generator, Tensor

from murauer.capture.depth import DEPTH_UNIT_MM
from murauer.geometry.camera import Camera, xyz_to_uvd
from murauer.geometry.hand_size import hand_scale
from murauer.geometry.rig import CameraRig
from murauer.geometry.skeletons import SKELETONS
from murauer.geometry.windows import window_intrinsics
from murauer.hand.clutter import ClutterPrior, sample_clutter
from murauer.hand.everyday import EverydayPrior, EverydayScenes
from murauer.hand.model import HandModel
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

HIDDEN_MM = 60.0
"""A joint is hidden by what is farther in front of it than a hand is thick."""

LEAST_SHOWN = 0.5
"""Share of joints that must not be hidden."""


@dataclass(frozen=True)
class BaseScenes:
    """Draws scenes with one hand each and renders the windows around the hands.

    Attributes:
        window_px: side of the windows.
        window_mm: their side at the hand's depth, for hands up to the mean adult's size; larger for larger.
        distance_mm: nearest and farthest hand.
        off_axis: largest distance from the optical axis, as a share of the depth.
        any_share: share of hands in a uniformly random orientation.
        poses: joint angles.
        shapes: people.
        everyday: grasps, views of the own hand, the other hand, and tables.
        clutter: things around, besides.
        sensor: what measures.
    """

    window_px: int = 160
    window_mm: float = 500.0
    distance_mm: tuple[float, float] = (250.0, 1300.0)
    off_axis: float = 0.45
    any_share: float = 0.35
    poses: PosePrior = field(default=ANY_POSE)
    shapes: ShapePrior = field(default_factory=lambda: ShapePrior(ANYBODY))
    everyday: EverydayPrior = field(
        default_factory=lambda: EverydayPrior(grasp=0.2, own_view=0.2, second_hand=0.1, table=0.2)
    )
    clutter: ClutterPrior = field(default_factory=lambda: ClutterPrior(0.7, 0.2, 0.35, 0.25))
    sensor: Sensor = field(default_factory=MixedSensor)

    def render(self, hand: HandModel, frames: int, generator: Generator) -> dict[str, Tensor]:
        """Render windows; those whose hand is hidden are left out.

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
        shown = _shown(depth, intrinsics, joints) > LEAST_SHOWN
        depth, intrinsics, joints = depth[shown], intrinsics[shown], joints[shown]
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
        everyday = EverydayScenes(hand, self.everyday, self.poses)
        return everyday(angles, shape, rotation, position, generator)


def _shown(depth: Tensor, intrinsics: Tensor, joints: Tensor) -> Tensor:
    """Share of joints (B, J, 3) that nothing hides in exact depth (B, R, R), (B,)."""
    pixel = xyz_to_uvd(joints, intrinsics)[..., :2].round().long().clamp(0, depth.shape[-1] - 1)
    surface = depth.flatten(1).gather(1, pixel[..., 1] * depth.shape[-1] + pixel[..., 0])
    return ((surface == 0) | (surface > joints[..., 2] - HIDDEN_MM)).float().mean(1)
