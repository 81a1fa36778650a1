"""p: latent representation to joint positions (Sec. 3.1 and the supplement)."""

from typing import NamedTuple

from torch import Tensor, nn

from murauer.nets.output_layer import OutputLayer


class PoseOutput(NamedTuple):
    """What the pose head gives for a batch."""

    joints: Tensor
    """(B, J, 3), in units of half the cube around the crop centre, rotated with the patch."""

    hidden: Tensor
    """(B, F), rectified activations of the first layer, from which g predicts the other view."""


class PoseHead(nn.Module):
    """The function p of Eq. (3): two fully connected layers with ReLU between.

    Args:
        features: F, width of the latent space and of the hidden layer.
        joints: J.
    """

    def __init__(self, features: int = 1024, joints: int = 14) -> None:
        super().__init__()
        self.hidden = nn.Linear(features, features)
        self.joints = OutputLayer(features, 3 * joints)
        self.relu = nn.ReLU()
        nn.init.kaiming_normal_(self.hidden.weight, nonlinearity="relu")
        nn.init.zeros_(self.hidden.bias)
        # A start close to the mean of the normalised joints, 0, whatever the scale of z.
        nn.init.normal_(self.joints.weight, std=0.1 * features**-0.5)
        nn.init.zeros_(self.joints.bias)

    def forward(self, latent: Tensor) -> PoseOutput:
        """Joints and hidden activations for z of shape (B, F)."""
        hidden = self.relu(self.hidden(latent))
        return PoseOutput(self.joints(hidden).unflatten(1, (-1, 3)), hidden)
