"""Captures, simulated: people with tables and bodies around them, written as a camera would."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Generator, Tensor

from murauer.capture.camera_file import CaptureCamera
from murauer.capture.writer import CaptureWriter
from murauer.geometry.camera import Camera
from murauer.geometry.distortion import PINHOLE, Distortion
from murauer.geometry.rig import CameraRig, nyu_like_rig
from murauer.geometry.skeletons import SKELETONS
from murauer.hand.clutter import ClutterPrior, sample_clutter
from murauer.hand.model import HandModel
from murauer.hand.pose_prior import PosePrior
from murauer.hand.scenes import Scenes
from murauer.hand.shape import ShapePrior
from murauer.hand.viewpoint import sample_viewpoints

CAMERA = Camera(fx=294.0, fy=293.5, u0=160.0, v0=120.0, width=320, height=240)
NAMES = ("front", "side", "other")


@dataclass(frozen=True)
class Recorded:
    """What was in front of the cameras.

    Attributes:
        clean: depth of hand and forearm alone, as the pinhole camera sees it, mm, (N, V, H, W).
        seen: depth with all other things, likewise.
        joints: mm in the coordinates of each camera, (N, V, J, 3).
        rig: the cameras.
    """

    clean: Tensor
    seen: Tensor
    joints: Tensor
    rig: CameraRig


def simulate_frames(
    count: int, views: int, skeleton: str = "nyu14", seed: int = 0, camera: Camera = CAMERA
) -> Recorded:
    """Show hands, raised and palm first, with things around some of them."""
    stream = Generator().manual_seed(seed)
    rig = nyu_like_rig(camera, 700.0)
    rig = CameraRig(rig.cameras[:views], rig.camera_from_world[:views])
    hand = HandModel()
    position = torch.tensor([0.0, 0.0, 620.0]) + torch.rand(count, 3, generator=stream) * 120
    shape = ShapePrior().sample(1, stream).expand(count, -1)
    rotation = sample_viewpoints(count, stream, palm_share=1, tilt_deg=12, roll_deg=15, any_share=0)
    bare = Scenes(hand(PosePrior().sample(count, stream), shape), hand.faces, rotation, position)
    joints = bare.joints(skeleton)
    prior = ClutterPrior(body=0.7, table=0.4, object=0.0, arm=0.0)
    around = sample_clutter(bare.joints("nyu14")[:, SKELETONS["nyu14"].centre], stream, prior)
    intrinsics = camera.intrinsics().expand(count, 4)

    def images(scenes: Scenes) -> Tensor:
        size = (camera.height, camera.width)
        return torch.stack([scenes.depth(rig, view, intrinsics, *size) for view in range(views)], 1)

    return Recorded(
        clean=images(bare),
        seen=images(replace(bare, clutter=around)),
        joints=torch.stack([rig.transform(joints, 0, view) for view in range(views)], 1),
        rig=rig,
    )


def through_lens(depth: Tensor, camera: Camera, lens: Distortion) -> Tensor:
    """Show a pinhole image as a lens does, by searching for the ray of every pixel; (..., H, W)."""
    v, u = torch.meshgrid(torch.arange(camera.height), torch.arange(camera.width), indexing="ij")
    goal = torch.stack(((u - camera.u0) / camera.fx, (v - camera.v0) / camera.fy), -1).double()
    rays = goal.clone()
    for _ in range(30):
        rays = rays + goal - lens.distort(rays)
    column = (rays[..., 0] * camera.fx + camera.u0).round().long().clamp(0, camera.width - 1)
    row = (rays[..., 1] * camera.fy + camera.v0).round().long().clamp(0, camera.height - 1)
    return depth[..., row, column]


def write_capture(
    folder: Path,
    recorded: Recorded,
    *,
    skeleton: str = "nyu14",
    labelled: Sequence[int] = (),
    pairs: bool = False,
    extrinsics: bool = True,
    lens: Distortion = PINHOLE,
    depth_scale: float = 0.25,
    held_out: Callable[[int], str | None] = lambda index: None,
    person: Callable[[int], int] = lambda index: 0,
) -> None:
    """Write what was simulated as a capture; labels are those of the first camera."""
    rig = recorded.rig
    cameras = [
        CaptureCamera(name, camera, lens, depth_scale, pose.double().numpy() if extrinsics else None)
        for name, camera, pose in zip(NAMES, rig.cameras, rig.camera_from_world, strict=False)
    ]
    with CaptureWriter(folder, cameras, SKELETONS[skeleton] if labelled else None) as writer:
        for index, images in enumerate(recorded.seen):
            writer.write(
                list((images if lens.is_pinhole else through_lens(images, rig.cameras[0], lens)).numpy()),
                joints={0: recorded.joints[index, 0].numpy()} if index in labelled else None,
                person=person(index),
                held_out=held_out(index),  # type: ignore[arg-type]
                pairs=[recorded.clean[index, 0].numpy()] if pairs else (),
            )
