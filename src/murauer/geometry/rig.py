"""Several calibrated cameras that look at the same hand."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from murauer.errors import UserError
from murauer.foreign.limits import reading
from murauer.geometry.camera import Camera

RIGID_TOLERANCE = 1e-4
MOST_CAMERAS = 64


@dataclass(frozen=True, eq=False)
class CameraRig:
    """Cameras with their rigid poses.

    Attributes:
        cameras: The C cameras.
        camera_from_world: (C, 4, 4) float32; `camera_from_world[c] @ (x, y, z, 1)` takes world coordinates
            in mm to the coordinates of camera c in mm. A rig calibrated relative to one of its cameras has
            the identity there.

    Raises:
        ValueError: If the shapes disagree or a transform is not rigid (rotation and translation only).
    """

    cameras: tuple[Camera, ...]
    camera_from_world: Tensor

    def __post_init__(self) -> None:
        expected = (len(self.cameras), 4, 4)
        if tuple(self.camera_from_world.shape) != expected:
            raise ValueError(
                f"camera_from_world must have shape {expected}, got {tuple(self.camera_from_world.shape)}"
            )
        rotation = self.camera_from_world[:, :3, :3].double()
        identity = torch.eye(3, dtype=torch.float64, device=rotation.device)
        last_row = torch.tensor([0.0, 0.0, 0.0, 1.0], device=self.camera_from_world.device)
        rigid = (
            bool(torch.isfinite(self.camera_from_world).all())
            and bool(((rotation @ rotation.mT - identity).abs() < RIGID_TOLERANCE).all())
            and bool((torch.linalg.det(rotation) > 0).all())
            and bool((self.camera_from_world[:, 3] == last_row).all())
        )
        if not rigid:
            raise ValueError("camera_from_world must hold rigid transforms (rotation and translation)")

    def transform(self, xyz: Tensor, source: int, target: int) -> Tensor:
        """Take points from the coordinates of one camera to those of another.

        Args:
            xyz: Coordinates of camera `source` in mm; shape (..., 3).
            source: Index of the camera that the points are given in.
            target: Index of the camera that they are wanted in.

        Returns:
            Coordinates of camera `target` in mm; shape (..., 3).
        """
        transform = self.target_from_source(source, target).to(xyz)
        return xyz @ transform[:3, :3].mT + transform[:3, 3]

    def target_from_source(self, source: int, target: int) -> Tensor:
        """Return the (4, 4) float64 transform from camera `source` to camera `target`."""
        source_pose, target_pose = self.camera_from_world[[source, target]].double()
        return target_pose @ torch.linalg.inv(source_pose)

    def to_dict(self) -> dict[str, Any]:
        """Return the rig as plain numbers, as `from_dict` and JSON files have them."""
        return {
            "cameras": [camera.to_dict() for camera in self.cameras],
            "camera_from_world": self.camera_from_world.tolist(),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any], where: str = "camera rig") -> "CameraRig":
        """Build a rig from `to_dict`'s plain numbers.

        Raises:
            UserError: If the values do not describe a rig.
        """
        if not isinstance(values, dict) or not {"cameras", "camera_from_world"} <= set(values):
            raise UserError(f"{where} must be an object with cameras and camera_from_world")
        described, poses = values["cameras"], values["camera_from_world"]
        if not isinstance(described, list) or not 0 < len(described) <= MOST_CAMERAS:
            raise UserError(f"{where}: cameras must be a list of cameras, 1 to {MOST_CAMERAS}")
        cameras = tuple(
            Camera.from_dict(camera, where=f"{where}, camera {index}")
            for index, camera in enumerate(described)
        )
        with reading(where, "is no rig", "give a transform of 4 x 4 numbers for each camera"):
            return cls(cameras, torch.tensor(poses, dtype=torch.float32))


def nyu_like_rig(camera: Camera, distance_mm: float) -> CameraRig:
    """Three equal cameras on an arc around the place of the hand: in front, and 35 degrees to either side.

    Args:
        camera: Intrinsics of each camera.
        distance_mm: Distance from the cameras to the middle of the arc.
    """
    pivot = torch.tensor([0.0, 0.0, distance_mm])
    transforms = []
    for azimuth in (0.0, 35.0, -35.0):
        angle = torch.deg2rad(torch.tensor(azimuth))
        cos, sin = torch.cos(angle), torch.sin(angle)
        rotation = torch.tensor([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]])
        transform = torch.eye(4)
        transform[:3, :3] = rotation
        transform[:3, 3] = pivot - rotation @ pivot
        transforms.append(transform)
    return CameraRig((camera, camera, camera), torch.stack(transforms))
