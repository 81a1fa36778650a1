"""The error of a dense network on a store, hands cut out twice as the estimator does."""

import torch
from torch import Tensor

from murauer.geometry.crop import CropGeometry, crop_hand
from murauer.geometry.hand_size import hand_scale
from murauer.geometry.skeletons import SKELETONS, convert
from murauer.nets.dense_network import DenseHandPoseNetwork
from murauer.store.frame_set import Region
from murauer.store.store import Store

SKELETON = "hand21"
CENTRE = SKELETONS[SKELETON].centre


def stored_hands(store: Store, name: str) -> Region:
    """All hands of the first camera of a set."""
    frames = store.need(name)
    return frames.regions(frames.usable_rows(0, labelled=True))


@torch.no_grad()
def predict_twice(
    network: DenseHandPoseNetwork, region: Region, cube_mm: float, real: bool = False
) -> Tensor:
    """Joints (B, 21, 3) in mm in camera coordinates, the second time around what was predicted first."""
    network.eval()
    centre, cube = region.centre, torch.full((len(region.centre),), cube_mm)
    for _ in range(2):
        patch, geometry = crop_hand(
            region.depth, region.intrinsics, centre, cube_mm=cube, patch_size=network.config.patch_size
        )
        xyz = joints_in(network, patch, geometry, real)
        centre, cube = xyz[:, CENTRE], cube_mm * hand_scale(xyz).clamp(0.6, 1.4)
    return xyz


def joints_in(network: DenseHandPoseNetwork, patch: Tensor, geometry: CropGeometry, real: bool) -> Tensor:
    """Joints in mm of patches (B, P, P), 100 patches at a time."""
    joints = torch.cat([network(part[:, None], real) for part in patch.split(100)])
    return geometry.from_patch(joints)


def error_mm(network: DenseHandPoseNetwork, region: Region, skeleton: str, cube_mm: float) -> Tensor:
    """Distance of each joint from where a store of some skeleton has it, (B, J) in mm."""
    predicted = convert(predict_twice(network, region, cube_mm), SKELETON, skeleton)
    return (predicted - region.joints).norm(dim=-1)
