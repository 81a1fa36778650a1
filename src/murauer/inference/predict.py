"""Depth frames -> 3D joints: locate the hand, cut its cube, run f, m and p, and go back to millimetres."""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from murauer.camera import Camera, uvd_to_xyz, xyz_to_uvd
from murauer.crop import BACKGROUND, crop_hand
from murauer.errors import UserError
from murauer.inference.localisation import locate_hand
from murauer.nets.network import HandPoseNetwork
from murauer.skeletons import Skeleton

MINIMUM_HAND_SHARE = 0.005
"""Share of a patch that must show something: a finger tip covers more than this."""


@dataclass(frozen=True, eq=False)
class HandPoses:
    """Predictions for B frames.

    Attributes:
        joints_xyz: (B, J, 3) camera coordinates in mm, y down.
        joints_uvd: (B, J, 3) pixel, pixel, mm.
        centre: (B, 3) centre of the cube that was cut out in the last pass, camera coordinates in mm.
        skeleton: Names the J joints.
    """

    joints_xyz: Tensor
    joints_uvd: Tensor
    centre: Tensor
    skeleton: Skeleton


class HandPosePredictor:
    """A trained network with all that is between it and depth frames.

    Args:
        network: f, m and p; put into evaluation mode.
        skeleton: The joints that it predicts.
        cube_mm: Side of the hand cube that it was trained with.
        passes: Times that the hand is cut out and predicted. From the second on the cube is centred on the
            centre joint predicted before, since in training it was centred on that joint.

    Raises:
        ValueError: If the network predicts another number of joints.
    """

    def __init__(
        self, network: HandPoseNetwork, skeleton: Skeleton, *, cube_mm: float = 300.0, passes: int = 2
    ) -> None:
        if network.config.joints != len(skeleton):
            joints = network.config.joints
            raise ValueError(f"the network predicts {joints} joints, {skeleton.name} has {len(skeleton)}")
        self.network = network.eval()
        self.skeleton = skeleton
        self.cube_mm = cube_mm
        self.passes = passes

    @torch.inference_mode()
    def __call__(self, depth: Tensor, camera: Camera, centre: Tensor | None = None) -> HandPoses:
        """Predict the joints of one hand in each frame.

        Args:
            depth: (B, H, W) in mm, 0 = no measurement.
            camera: The camera that took them.
            centre: (B, 3) about the middle of the hand, camera coordinates in mm; without it the hand
                nearest to the camera is located.

        Returns:
            The poses, on the device of `depth`.

        Raises:
            UserError: If no hand is found, or the cube around the given centre is empty.
        """
        if centre is None:
            centre = torch.stack([locate_hand(frame, camera) for frame in depth])
        intrinsics = camera.intrinsics(depth.device)
        patch, poses = self._predict_at(depth, intrinsics, centre)
        shown = (patch < BACKGROUND).flatten(1).float().mean(dim=1)
        if bool((shown < MINIMUM_HAND_SHARE).any()):
            raise UserError(_empty_cube(centre[shown.argmin()], camera))
        for _ in range(self.passes - 1):
            predicted = poses.joints_xyz[:, self.skeleton.centre]
            near = (predicted - centre).norm(dim=-1, keepdim=True) < self.cube_mm / 4
            centre = torch.where(near & (predicted[:, 2:] > 0), predicted, centre)  # farther is a failure
            _, poses = self._predict_at(depth, intrinsics, centre)
        return poses

    def _predict_at(self, depth: Tensor, intrinsics: Tensor, centre: Tensor) -> tuple[Tensor, HandPoses]:
        """Cut the cubes around (B, 3) centres out and predict; returns the patches (B, P, P), too."""
        size = self.network.config.patch_size
        patch, geometry = crop_hand(depth, intrinsics, centre, cube_mm=self.cube_mm, patch_size=size)
        xyz = geometry.denormalise_joints(cast(Tensor, self.network(patch[:, None])))
        return patch, HandPoses(xyz, xyz_to_uvd(xyz, intrinsics), centre, self.skeleton)


def centre_from_uvd(uvd: tuple[float, float, float], camera: Camera) -> Tensor:
    """Turn a centre that a user points at, pixel, pixel and mm, into camera coordinates, shape (3,).

    Raises:
        UserError: If it is outside the image or not in front of the camera.
    """
    u, v, d = uvd
    if not (0 <= u < camera.width and 0 <= v < camera.height):
        size = f"{camera.width} x {camera.height}"
        raise UserError(f"the centre {u:g},{v:g} is outside the image of {size} pixels; give column,row,mm")
    if not 0 < d < float("inf"):
        raise UserError(f"the depth of the centre must be positive and in mm, got {d:g}")
    return uvd_to_xyz(torch.tensor(uvd), camera.intrinsics())


def _empty_cube(centre: Tensor, camera: Camera) -> str:
    u, v, d = xyz_to_uvd(centre, camera.intrinsics(centre.device)).tolist()
    return f"the hand cube around {u:.0f},{v:.0f},{d:.0f} (pixel, pixel, mm) is empty; correct the centre"
