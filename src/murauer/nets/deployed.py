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


class Deployed(nn.Module):
    """p(m(f(x))) of one input and one output.

    Args:
        network: of either kind.
    """

    def __init__(self, network: AnyNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, patch: Tensor) -> Tensor:
        """Predict the joints of patches (B, 1, P, P).

        Returns:
            (B, J, 3) in half cubes around the centre, in camera coordinates. From a dense network (B, J, 4):
            column and row from border to border of the patch, depth and expected error in half cubes.
        """
        if isinstance(self.network, HandPoseNetwork):
            joints: Tensor = self.network(patch, True)
            return joints
        votes = self.network.pose(self.network.latent(patch, True))
        return torch.cat([votes.joints, votes.log_error.exp()[..., None]], -1)
