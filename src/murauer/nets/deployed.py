"""A network as it is used on real frames: patches in, one array out."""

import torch
from torch import Tensor, nn

from murauer.geometry.patches import Cubes, Floats
from murauer.geometry.skeletons import find_skeleton
from murauer.nets.config import DenseConfig, NetworkConfig
from murauer.nets.dense_network import DenseHandPoseNetwork
from murauer.nets.joints import Dense, predict_joints
from murauer.nets.network import HandPoseNetwork

AnyNetwork = HandPoseNetwork | DenseHandPoseNetwork


def make_network(sizes: NetworkConfig | DenseConfig) -> AnyNetwork:
    """Build the network of these sizes."""
    return DenseHandPoseNetwork(sizes) if isinstance(sizes, DenseConfig) else HandPoseNetwork(sizes)


def device_of(network: AnyNetwork) -> torch.device:
    """Where a network computes."""
    return next(network.parameters()).device


def latent_vectors(network: AnyNetwork, patch: Tensor, real: bool) -> Tensor:
    """Z of patches (B, 1, P, P) as vectors (B, F); of a dense network, its mean over the places."""
    latent = network.latent(patch, real)
    return latent.flatten(2).mean(-1) if latent.ndim > 2 else latent


def predicted(network: AnyNetwork, patch: Tensor, real: bool) -> Tensor:
    """Predict the joints of patches (B, 1, P, P), p(m(f(x))), or p(f(x)) where not real.

    Returns:
        (B, J, 3) in half cubes around the centre, in camera coordinates. From a dense network (B, J, 4):
        column and row from border to border of the patch, depth and expected error in half cubes.
    """
    if isinstance(network, HandPoseNetwork):
        joints: Tensor = network(patch, real)
        return joints
    votes = network.pose(network.latent(patch, real))
    return torch.cat([votes.joints, votes.log_error.exp()[..., None]], -1)


@torch.no_grad()
def joints_around(
    network: AnyNetwork, depth: Tensor, intrinsics: Tensor, centre: Tensor, cube_mm: float, real: bool
) -> Tensor:
    """Predict the joints of right hands around given centres, see `predict_joints`.

    A dense network looks twice, the second time around what it predicted, in a cube as large as the hand asks
    for.

    Args:
        network: f, m and p, in evaluation mode; the rest is the processor's.
        depth: (B, H, W) in mm, 0 = no measurement.
        intrinsics: fx, fy, u0, v0 of each image in pixels, (B, 4).
        centre: About the middle of each hand, camera coordinates in mm, (B, 3).
        cube_mm: Side of the hand cube in mm; for a dense network, of a hand of the mean adult's size.
        real: Whether m applies.

    Returns:
        (B, J, 3) in mm, camera coordinates.
    """
    passes, centre_joint, dense, device = 1, 0, None, device_of(network)
    if isinstance(network, DenseHandPoseNetwork):
        skeleton = find_skeleton(network.config.skeleton)
        passes, centre_joint, dense = 2, skeleton.centre, Dense(skeleton.name, cube_mm)

    def run(patches: Floats) -> Floats:
        joints: Floats = predicted(network, torch.from_numpy(patches)[:, None].to(device), real).cpu().numpy()
        return joints

    config = network.config
    cubes = Cubes(centre.numpy(), intrinsics.numpy(), cube_mm, config.patch_size, box=config.box)
    look = predict_joints(run, depth.numpy(), cubes, passes=passes, centre_joint=centre_joint, dense=dense)
    return torch.from_numpy(look.joints)


class Deployed(nn.Module):
    """`predicted` for real frames, as a module of one input and one output.

    Args:
        network: of either kind.
    """

    def __init__(self, network: AnyNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, patch: Tensor) -> Tensor:
        """Joints of patches (B, 1, P, P)."""
        return predicted(self.network, patch, True)
