"""A network as it is used on real frames: patches in, one array out."""

import torch
from torch import Tensor, nn

from murauer.nets.config import ModelConfig
from murauer.nets.dense_network import DenseHandPoseNetwork
from murauer.nets.network import HandPoseNetwork

AnyNetwork = HandPoseNetwork | DenseHandPoseNetwork


def make_network(config: ModelConfig) -> AnyNetwork:
    """Build the network that a configuration describes."""
    return HandPoseNetwork(config.network) if config.dense is None else DenseHandPoseNetwork(config.dense)


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
