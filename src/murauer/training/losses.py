"""The losses, one function per equation of the paper.

All of them are sums over the samples of a batch, as in the paper. How large they are depends on the number of
joints, features and pixels; `LossWeights` says for which numbers the factors in Eq. (1) hold. `loss_terms`
says what of a mini-batch each of them gets.
"""

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor

REAL_LABEL = 1.0
"""l_r, what the discriminator should say of real samples."""

SYNTHETIC_LABEL = 0.0
"""l_s, what the discriminator should say of synthetic samples."""


def pose_loss(predicted: Tensor, joints: Tensor, weight: Tensor | None = None) -> Tensor:
    """Pose loss l_p, Eq. (5).

    Args:
        predicted: p(z), (B, J, 3), in units of half the cube; of a dense network as the patch shows them.
        joints: Ground truth, (B, J, 3), in the same units; NaN for joints without a label.
        weight: How much each sample counts, (B,); 1 by default.

    Returns:
        Scalar, the sum of the squared errors of all labelled coordinates; 0 for an empty batch.
    """
    squares = torch.where(joints.isnan(), 0.0, joints - predicted).square()
    return squares.sum() if weight is None else weight @ squares.sum(dim=(1, 2))


def correspondence_loss(synthetic: Tensor, mapped: Tensor) -> Tensor:
    """Correspondence loss l_c, Eq. (8).

    Args:
        synthetic: z of synthetic images, (B, F), or maps (B, C, S, S), which are compared place by place,
            since both images show a pose at the same place; detached where it is to be a fixed target for m.
        mapped: z of the real images of the same poses, mapped by m, likewise.

    Returns:
        Scalar, the sum of the squared differences.
    """
    return (synthetic - mapped).square().sum()


def view_loss(predicted: Tensor, view: Tensor) -> Tensor:
    """View prediction loss l_g, Eq. (10).

    Args:
        predicted: g(z), (B, 1, P, P), depth in [-1, 1].
        view: Patch of the other camera, of the input's own domain, (B, 1, P, P).

    Returns:
        Scalar, the sum of the absolute differences of all pixels.
    """
    return (view - predicted).abs().sum()


def discriminator_loss(real_scores: Tensor, synthetic_scores: Tensor, factor: float = 0.5) -> Tensor:
    """Least-squares loss l_h of the discriminator h, Eq. (12).

    Args:
        real_scores: h(z) of real samples, (R,).
        synthetic_scores: h(z) of synthetic samples, (S,).
        factor: Of both sums.

    Returns:
        Scalar, half of the summed squared distances to the labels, 1 for real and 0 for synthetic.
    """
    real = (real_scores - REAL_LABEL).square().sum()
    synthetic = (synthetic_scores - SYNTHETIC_LABEL).square().sum()
    return factor * real + factor * synthetic


def mapping_adversarial_loss(real_scores: Tensor, factor: float = 0.5) -> Tensor:
    """Loss l_m of the mapping m for fooling the discriminator h, Eq. (13).

    Args:
        real_scores: h(m(f(x))) of real samples, (R,).
        factor: Of the sum.

    Returns:
        Scalar, half of the summed squared distance to the label "synthetic".
    """
    return factor * (real_scores - SYNTHETIC_LABEL).square().sum()


def total_loss(terms: Mapping[str, Tensor], factors: Mapping[str, float]) -> Tensor:
    """Training loss l of f, m, p and g, Eq. (1).

    Args:
        terms: The losses by name, l_p, l_c, l_g, l_m and any others, scalars.
        factors: Factor of each of them: 1, lambda_c, lambda_g, lambda_m, see `LossWeights.factors`.

    Returns:
        Scalar.
    """
    return cast(Tensor, sum(factors[name] * loss for name, loss in terms.items()))
