"""Every loss against a slow reference, written with loops from the paper's equations."""

import msgspec
import numpy as np
import pytest
import torch

from murauer.errors import UserError
from murauer.nets.config import NetworkConfig
from murauer.training.loss_weights import LossWeights
from murauer.training.losses import (
    correspondence_loss,
    discriminator_loss,
    mapping_adversarial_loss,
    pose_loss,
    total_loss,
    view_loss,
)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def squared_norms(a: torch.Tensor, b: torch.Tensor) -> float:
    """Sum over samples k of ||a_k - b_k||_2^2."""
    total = 0.0
    for first, second in zip(a.numpy(), b.numpy(), strict=True):
        total += float(np.linalg.norm((first - second).ravel(), 2)) ** 2
    return total


def test_pose_loss_is_equation_5():
    predicted, joints = random(4, 14, 3), random(4, 14, 3, seed=1)
    assert pose_loss(predicted, joints).item() == pytest.approx(squared_norms(joints, predicted))


def test_joints_without_a_label_are_no_part_of_the_pose_loss():
    predicted, joints = random(4, 14, 3).requires_grad_(), random(4, 14, 3, seed=1)
    joints[0, 3], joints[2] = torch.nan, torch.nan
    known = joints.isfinite()
    loss = pose_loss(predicted, joints)
    expected = squared_norms(joints[known][:, None], predicted.detach()[known][:, None])
    assert loss.item() == pytest.approx(expected)
    loss.backward()
    assert predicted.grad is not None and predicted.grad.isfinite().all()
    assert (predicted.grad[~known] == 0).all() and (predicted.grad[known] != 0).all()


def test_pose_loss_of_no_samples_is_zero_with_a_gradient():
    predicted = random(0, 14, 3).requires_grad_()
    pose_loss(predicted, random(0, 14, 3)).backward()
    assert pose_loss(predicted, random(0, 14, 3)).item() == 0


def test_correspondence_loss_is_equation_8():
    synthetic, mapped = random(4, 7), random(4, 7, seed=1)
    assert correspondence_loss(synthetic, mapped).item() == pytest.approx(squared_norms(synthetic, mapped))


def test_view_loss_is_equation_10():
    predicted, view = random(3, 1, 8, 8), random(3, 1, 8, 8, seed=1)
    reference = 0.0
    for k in range(3):
        reference += np.linalg.norm((view[k] - predicted[k]).numpy().ravel(), 1)
    assert view_loss(predicted, view).item() == pytest.approx(reference)


def test_discriminator_loss_is_equation_12():
    real, synthetic = random(5), random(3, seed=1)
    reference = 0.0
    for score in real.tolist():
        reference += 0.5 * (score - 1.0) ** 2
    for score in synthetic.tolist():
        reference += 0.5 * (score - 0.0) ** 2
    assert discriminator_loss(real, synthetic).item() == pytest.approx(reference)


def test_mapping_adversarial_loss_is_equation_13():
    real = random(5)
    reference = sum(0.5 * (score - 0.0) ** 2 for score in real.tolist())
    assert mapping_adversarial_loss(real).item() == pytest.approx(reference)


def test_total_loss_is_equation_1():
    pose, correspondence, view, mapping = torch.tensor([2.0, 3.0, 5.0, 7.0], dtype=torch.float64)
    weights = LossWeights(correspondence=0.1, view=0.01, mapping=0.001)
    terms = {"pose": pose, "correspondence": correspondence, "view": view, "mapping": mapping}
    total = total_loss(terms, weights.factors())
    assert total.item() == pytest.approx(2 + 0.1 * 3 + 0.01 * 5 + 0.001 * 7)


def test_default_weights_are_the_supplements_at_paper_size():
    weights = LossWeights()
    assert (weights.correspondence, weights.view, weights.mapping) == (0.2, 1e-4, 1e-5)
    assert weights.scaled(NetworkConfig()) == weights


def shares(weights: LossWeights, synthetic, mapped, predicted_view, view, predicted, joints, scores):
    """Weighted auxiliary losses relative to the pose loss."""
    pose = pose_loss(predicted, joints)
    return torch.stack(
        [
            weights.correspondence * correspondence_loss(synthetic, mapped) / pose,
            weights.view * view_loss(predicted_view, view) / pose,
            weights.mapping * mapping_adversarial_loss(scores) / pose,
        ]
    )


@pytest.mark.parametrize(("width", "zoom", "repeat"), [(4, 1, 1), (1, 2, 1), (1, 1, 3), (2, 2, 2)])
def test_weights_keep_the_balance_of_the_losses_at_any_size(width, zoom, repeat):
    """The same errors on `width` x the features, `zoom` x the pixels a side, `repeat` x the joints."""
    small = NetworkConfig(features=8, patch_size=32, joints=5, generator_channels=(4,))
    large = NetworkConfig(
        features=8 * width, patch_size=32 * zoom, joints=5 * repeat, generator_channels=(4,)
    )
    latents = random(2, 3, 8)
    views = random(2, 3, 1, 32, 32, seed=1)
    joints = random(2, 3, 5, 3, seed=2)
    scores = random(3, seed=3)
    weights = LossWeights()
    at_small = shares(weights.scaled(small), *latents, *views, *joints, scores)
    at_large = shares(
        weights.scaled(large),
        *latents.repeat(1, 1, width),
        *views.repeat_interleave(zoom, dim=-1).repeat_interleave(zoom, dim=-2),
        *joints.repeat(1, 1, repeat, 1),
        # The more joints, the larger the pose loss: the mapping's factor follows, not its score.
        scores,
    )
    torch.testing.assert_close(at_large, at_small)


def test_scaling_depends_on_the_target_only():
    there = NetworkConfig(features=256, patch_size=64, joints=21)
    elsewhere = NetworkConfig(features=512, patch_size=96, joints=36)
    weights = LossWeights()
    once, twice = weights.scaled(there), weights.scaled(elsewhere).scaled(there)
    for name in ("correspondence", "view", "mapping"):
        assert getattr(once, name) == pytest.approx(getattr(twice, name))
    assert once.scaled(there) == once
    assert once.view == pytest.approx(1e-4 * 4 * 21 / 14)
    assert once.correspondence == pytest.approx(0.2 * 4 * 21 / 14)
    assert once.mapping == pytest.approx(1e-5 * 21 / 14)


SMALL = LossWeights(
    correspondence=0.002,
    view=3e-4,
    mapping=0.03,
    features=256,
    patch_size=64,
    latent_normalisation="layer",
)


def test_weights_of_a_small_normalised_network_hold_for_it_as_they_are():
    network = NetworkConfig(features=256, patch_size=64, latent_normalisation="layer")
    assert SMALL.scaled(network) == SMALL
    assert msgspec.json.decode(msgspec.json.encode(SMALL), type=LossWeights) == SMALL


def test_weights_of_another_kind_of_latent_space_are_refused():
    with pytest.raises(UserError, match='are for latent_normalisation "layer", the network has "none"'):
        SMALL.scaled(NetworkConfig())


@pytest.mark.parametrize(
    "fields",
    [
        {"view": -1.0},
        {"mapping": float("nan")},
        {"correspondence": float("inf")},
        {"features": 0},
        {"others": {"bones": -0.1}},
        {"others": {"view": 0.1}},
    ],
)
def test_impossible_weights_are_refused(fields):
    with pytest.raises(UserError):
        LossWeights(**fields)
