import pytest
import torch

from murauer.nets.config import DenseConfig
from murauer.nets.dense_network import DenseHandPoseNetwork, PlacewiseDiscriminator
from murauer.training.losses import (
    correspondence_loss,
    discriminator_loss,
    mapping_adversarial_loss,
    pose_loss,
    view_loss,
)

SMALL = DenseConfig(
    skeleton="nyu14",
    patch_size=32,
    widths=(8, 12, 16),
    encoder_blocks=(0, 1, 1),
    decoder_blocks=(1, 1),
    hidden=6,
    generator_channels=(8, 8, 8),
)


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = DenseHandPoseNetwork(SMALL)
    # Blocks start as identities; a trained network's do not.
    for name, parameter in network.named_parameters():
        if parameter.abs().max() == 0 or "branch" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    return network


@pytest.fixture
def patch():
    return torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1


def reached(network, loss):
    """Letters of the parts in which the gradient of a loss is not zero."""
    network.zero_grad()
    loss.backward()
    parts = {
        "f": network.extractor,
        "m": network.mapping,
        "p": network.pose_head,
        "g": network.view_generator,
    }
    return {
        letter
        for letter, part in parts.items()
        if any(p.grad is not None and p.grad.abs().max() > 0 for p in part.parameters())
    }


def test_shapes(network, patch):
    features = network.features(patch)
    assert features.shape == (4, 8, 8, 8)
    assert (features < 0).any()  # m works on features that are not rectified
    latent = network.align(features, torch.tensor([True, False, True, False]))
    assert (latent >= 0).all()
    votes = network.pose(latent)
    assert votes.joints.shape == (4, 14, 3)
    assert votes.log_error.shape == (4, 14)
    assert network.view(votes.hidden, torch.rand(4, 3) * 500).shape == (4, 1, 32, 32)
    assert PlacewiseDiscriminator(SMALL)(latent).shape == (4,)


def test_a_new_network_maps_real_images_as_synthetic_ones(patch):
    network = DenseHandPoseNetwork(SMALL).eval()
    torch.testing.assert_close(network(patch, True), network(patch, False))


def test_only_real_samples_are_mapped(network, patch):
    network.eval()
    mixed = network(patch, torch.tensor([True, False, True, False]))
    torch.testing.assert_close(mixed[::2], network(patch, True)[::2])
    torch.testing.assert_close(mixed[1::2], network(patch, False)[1::2])
    assert (network(patch, True) - network(patch, False)).abs().max() > 1e-3


def test_joints_are_the_weighted_mean_of_the_votes_of_all_places(network, patch):
    latent = network.latent(patch, False)
    head = network.pose_head
    weights, hidden = head.weighted(latent)
    torch.testing.assert_close(weights.sum(-1), torch.ones(4, 14))
    places = torch.arange(64).expand(4, -1)
    votes = head.votes_at(hidden.transpose(1, 2), places)
    mean = torch.einsum("bjn,bnjc->bjc", weights, votes)
    torch.testing.assert_close(network.pose(latent).joints, mean, atol=1e-5, rtol=1e-4)


def test_places_are_where_the_patch_shows_them(network):
    grid = network.pose_head.grid.unflatten(0, (8, 8))
    assert grid[0, 0].tolist() == [-0.875, -0.875]
    assert grid[0, 7].tolist() == [0.875, -0.875]  # columns first
    # The middle of place (2, 5) is that of the patch pixels 20..23 by 8..11.
    column = torch.tensor([(pixel + 0.5) * 2 / 32 - 1 for pixel in range(20, 24)]).mean()
    assert grid[2, 5, 0] == pytest.approx(float(column))


def test_each_loss_reaches_what_it_is_for(network, patch):
    """Eq. (1) and its terms, with the stops of `murauer.training.joint`."""
    target = torch.zeros(4, 14, 3)
    features = network.features(patch)
    assert reached(network, pose_loss(network.pose(network.align(features, False)).joints, target)) == {
        "f",
        "p",
    }
    features = network.features(patch)
    real = network.align(features, True)
    assert reached(network, pose_loss(network.pose(real).joints, target)) == {"f", "m", "p"}

    features = network.features(patch)
    real, synthetic = network.align(features[:2], True), network.align(features[2:], False)
    assert reached(network, correspondence_loss(synthetic.detach(), real)) == {"f", "m"}

    votes = network.pose(network.latent(patch, True))
    views = network.view(votes.hidden, torch.rand(4, 3) * 500)
    assert reached(network, view_loss(views, torch.zeros_like(views))) == {"f", "m", "p", "g"}

    discriminator = PlacewiseDiscriminator(SMALL)
    mapped = network.align(network.features(patch).detach(), True)
    assert reached(network, mapping_adversarial_loss(discriminator(mapped))) == {"m"}
    scores = discriminator(mapped.detach())
    discriminator_loss(scores[:2], scores[2:]).backward()
    assert all(p.grad is not None for p in discriminator.parameters())


def test_expected_errors_are_learned_beside_the_joints(network, patch):
    network.zero_grad()
    network.pose(network.latent(patch, False)).log_error.sum().backward()
    touched = {
        name for name, p in network.named_parameters() if p.grad is not None and p.grad.abs().max() > 0
    }
    assert touched == {"pose_head.error", "pose_head.error_bias"}


@pytest.mark.parametrize("half", [False, True])
def test_half_precision_gives_about_the_same(network, patch, half):
    network.eval()
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        joints = network(patch)
    assert joints.dtype == torch.float32
    torch.testing.assert_close(joints, network(patch), atol=0.1 if half else 0, rtol=0)
