"""What an adapting network learns: joints, each as far as it is believed."""

from torch import Tensor
from torch.nn import functional

from murauer.training.base.losses import TURN


def believed_joint_loss(joints: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Smooth L1 of column, row and depth, (B, J, 3), in which each joint counts as its weight, (B, J)."""
    loss = functional.smooth_l1_loss(joints, target, beta=TURN, reduction="none").mean(-1)
    return (weight * loss).sum() / weight.sum()
