"""A dense network on hands around given centres: the second look is around what the first one saw."""

import torch
from torch import Tensor

from murauer.geometry.crop import crop_hand
from murauer.geometry.hand_size import LARGEST_HAND, SMALLEST_HAND, hand_scale
from murauer.geometry.skeletons import convert, find_skeleton
from murauer.nets.dense_network import DenseHandPoseNetwork


@torch.no_grad()
def look_twice(
    network: DenseHandPoseNetwork,
    depth: Tensor,
    intrinsics: Tensor,
    centre: Tensor,
    cube_mm: float,
    real: bool,
) -> Tensor:
    """Predict joints.

    Args:
        network: in evaluation mode.
        depth: (B, H, W) in mm, 0 = no measurement.
        intrinsics: fx, fy, u0, v0 of each image in pixels, (B, 4).
        centre: about the middle of each hand, camera coordinates in mm, (B, 3).
        cube_mm: side of the cube for a hand of the mean adult's size; the second is as large as the hand asks
            for.
        real: whether m applies.

    Returns:
        (B, J, 3) in mm, camera coordinates.
    """
    skeleton, size = find_skeleton(network.config.skeleton), network.config.patch_size
    cube = torch.full((len(centre),), cube_mm)
    for _ in range(2):
        patch, geometry = crop_hand(depth, intrinsics, centre, cube_mm=cube, patch_size=size)
        xyz = geometry.from_patch(network(patch[:, None], real))
        centre = xyz[:, skeleton.centre]
        cube = cube_mm * hand_scale(convert(xyz, skeleton.name, "hand21")).clamp(SMALLEST_HAND, LARGEST_HAND)
    return xyz
