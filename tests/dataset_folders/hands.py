"""Hands to write datasets from: rendered, measured by a sensor, with exact joints."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from murauer.datasets.dataset import Dataset
from murauer.geometry.camera import Camera, xyz_to_uvd
from murauer.geometry.rig import CameraRig, nyu_like_rig
from murauer.hand.model import HandModel, place
from murauer.hand.pose_prior import PosePrior
from murauer.hand.rasteriser import rasterise_depth
from murauer.hand.sensors import Sensor
from murauer.hand.shape import ShapePrior
from murauer.hand.viewpoint import sample_viewpoints

WINDOW_MM = 340.0
"""Side of the part of the image that the sensor measures; it is slow, and around it is only the wall."""


@dataclass(frozen=True)
class Hands:
    """N moments seen by V cameras.

    Attributes:
        clean: exact depth of hand and forearm in mm, 0 elsewhere, (N, V, H, W).
        measured: what a sensor makes of it, before a wall if there is one, (N, V, H, W).
        joints: mm in the coordinates of each camera, y down, by skeleton, each (N, V, J, 3).
    """

    clean: Tensor
    measured: Tensor
    joints: dict[str, Tensor]

    def __len__(self) -> int:
        return len(self.clean)


def render_hands(
    count: int,
    camera: Camera,
    skeletons: tuple[str, ...],
    sensor: Sensor,
    *,
    seed: int,
    views: int = 1,
    distance_mm: tuple[float, float] = (750.0, 950.0),
    wall_mm: float | None = None,
) -> Hands:
    """Render the hand of one person.

    Args:
        count: moments N.
        camera: of every view.
        skeletons: joints to give.
        sensor: measures the images.
        seed: of person, poses, places and noise.
        views: up to three cameras around the hand.
        distance_mm: nearest and farthest palm.
        wall_mm: distance of the wall behind; None for nothing behind.
    """
    generator = Generator().manual_seed(seed)
    near, far = distance_mm
    rig: CameraRig = nyu_like_rig(camera, (near + far) / 2)
    hand = HandModel()
    angles = PosePrior().sample(count, generator)
    shape = ShapePrior().sample(1, generator, spread=0.5).expand(count, -1)
    geometry = hand(angles, shape)
    rotation = sample_viewpoints(count, generator, tilt_deg=20, roll_deg=20, any_share=0.0)
    z = near + (far - near) * torch.rand(count, generator=generator)
    x, y = (torch.rand(2, count, generator=generator) - 0.5) * 0.15 * z
    position = torch.stack((x, y, z), -1)
    vertices = place(geometry.vertices, rotation, position)
    intrinsics = camera.intrinsics().expand(count, 4)
    clean, measured = [], []
    for view in range(views):
        depth = rasterise_depth(
            rig.transform(vertices, 0, view), hand.faces, intrinsics, camera.height, camera.width
        )
        clean.append(depth)
        palms = rig.transform(position, 0, view)
        measured.append(_measure(depth, palms, camera, sensor, wall_mm, generator))
    joints = {name: place(geometry.joints(name), rotation, position) for name in skeletons}
    return Hands(
        torch.stack(clean, 1),
        torch.stack(measured, 1),
        {
            name: torch.stack([rig.transform(xyz, 0, view) for view in range(views)], 1)
            for name, xyz in joints.items()
        },
    )


def _measure(
    depth: Tensor, palms: Tensor, camera: Camera, sensor: Sensor, wall_mm: float | None, generator: Generator
) -> Tensor:
    """Let the sensor see a window around each hand; beyond it the wall is exact."""
    scene = depth if wall_mm is None else torch.where(depth > 0, depth, wall_mm)
    measured = scene.clone()
    for index, (u, v, d) in enumerate(xyz_to_uvd(palms, camera.intrinsics()).tolist()):
        half = WINDOW_MM / 2 * camera.fx / d
        left, top = max(0, int(u - half)), max(0, int(v - half))
        window = scene[index : index + 1, top : int(v + half), left : int(u + half)]
        intrinsics = camera.intrinsics() - torch.tensor([0.0, 0.0, left, top])
        seen = sensor(window, intrinsics[None], generator)
        measured[index, top : top + window.shape[1], left : left + window.shape[2]] = seen[0]
    return measured


def distance_to_hand(depth: Tensor, uv: Tensor) -> Tensor:
    """Distance in pixels from image points to the nearest pixel with hand on it, by brute force.

    Args:
        depth: (H, W), 0 where there is no hand.
        uv: (J, 2) column and row.

    Returns:
        (J,)
    """
    rows, columns = torch.nonzero(depth, as_tuple=True)
    return torch.cdist(uv.double(), torch.stack((columns, rows), -1).double()).amin(-1)


def assert_reads(
    dataset: Dataset,
    set_name: str,
    hands: Hands,
    *,
    joints_mm: float,
    depth_mm: float,
    view: int = 0,
    source_view: int | None = None,
    rendered: bool = False,
) -> None:
    """Assert that a set of a dataset is what was written: depth, joints, and joints on the hand.

    Args:
        dataset: the reader.
        set_name: which set of it.
        hands: what was written, as many moments as the set has.
        joints_mm: largest difference of joints that the format may cause.
        depth_mm: and of depth.
        view: of the set.
        source_view: of `hands`; by default the same.
        rendered: whether the set shows the exact images.
    """
    seen = view if source_view is None else source_view
    assert dataset.sets[set_name].frames == len(hands)
    for index in range(len(hands)):
        frame = dataset.view(set_name, index, view)
        assert frame.joints is not None
        expected = (hands.clean if rendered else hands.measured)[index, seen]
        assert (frame.depth - expected).abs().max() <= depth_mm, frame.name
        difference = frame.joints - hands.joints[dataset.skeleton.name][index, seen]
        assert difference.norm(dim=-1).max() <= joints_mm, frame.name
        uv = xyz_to_uvd(frame.joints, frame.camera.intrinsics())[:, :2]
        assert distance_to_hand(hands.clean[index, seen], uv).max() <= 15, frame.name
