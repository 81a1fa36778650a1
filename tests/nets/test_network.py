import msgspec
import pytest
import torch
from torch.nn import functional

from murauer.nets.config import PAPER, NetworkConfig
from murauer.nets.network import HandPoseNetwork, make_discriminator, parameter_counts

TINY = NetworkConfig(
    patch_size=64, joints=5, stem_channels=4, stage_widths=(8, 16), blocks_per_stage=1, features=12,
    generator_channels=(8, 4),
)  # fmt: skip


def tiny(**changes) -> HandPoseNetwork:
    torch.manual_seed(0)
    fields = {name: getattr(TINY, name) for name in TINY.__struct_fields__} | changes
    network = HandPoseNetwork(NetworkConfig(**fields))
    with torch.no_grad():  # away from the start as identity
        for block in network.mapping.blocks:
            block.second.weight.normal_(std=0.3)
    return network


def patches(n: int = 6) -> torch.Tensor:
    return torch.rand(n, 1, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_paper_size_has_the_published_parameter_counts():
    counts = parameter_counts(HandPoseNetwork(PAPER), make_discriminator(PAPER))
    assert counts == {"f": 5_111_520, "m": 4_198_400, "p": 1_092_650, "g": 11_168_640, "h": 4_199_425}


def test_paper_size_shapes():
    network = HandPoseNetwork(PAPER).eval()
    with torch.no_grad():
        latent = network.latent(torch.ones(2, 1, 128, 128), real=True)
        pose = network.pose(latent)
        view = network.view(pose.hidden, torch.zeros(2, 3))
        scores = make_discriminator(PAPER)(latent)
    assert latent.shape == pose.hidden.shape == (2, 1024)
    assert pose.joints.shape == (2, 14, 3)
    assert view.shape == (2, 1, 128, 128)
    assert scores.shape == (2,)


@pytest.mark.parametrize("patch_size", [32, 64, 96, 128])
@pytest.mark.parametrize("block", ["bottleneck", "basic"])
@pytest.mark.parametrize("stem_stride", [1, 2])
def test_other_sizes(patch_size, block, stem_stride):
    network = HandPoseNetwork(
        NetworkConfig(
            patch_size=patch_size,
            joints=21,
            stem_channels=4,
            stem_stride=stem_stride,
            block=block,
            stage_widths=(8, 16),
            blocks_per_stage=2,
            features=10,
            generator_channels=(8, 8),
        )
    )
    pose = network.pose(network.latent(torch.rand(3, 1, patch_size, patch_size), real=False))
    assert pose.joints.shape == (3, 21, 3)
    assert network.view(pose.hidden, torch.zeros(3, 3)).shape == (3, 1, patch_size, patch_size)


def test_mixed_batch_maps_the_real_samples_only():
    network = tiny().eval()
    real = torch.tensor([True, False, False, True, True, False])
    mixed = network.latent(patches(), real)
    all_real = network.latent(patches(), True)
    all_synthetic = network.latent(patches(), False)
    torch.testing.assert_close(mixed[real], all_real[real])
    torch.testing.assert_close(mixed[~real], all_synthetic[~real])
    assert not torch.allclose(all_real, all_synthetic)


def test_synthetic_samples_give_the_mapping_no_gradient():
    network = tiny()
    network.latent(patches(), torch.zeros(6, dtype=torch.bool)).sum().backward()
    assert all(p.grad is None or not p.grad.any() for p in network.mapping.parameters())
    network.latent(patches(), torch.ones(6, dtype=torch.bool)).sum().backward()
    assert all(p.grad.any() for p in network.mapping.parameters())


def test_extractor_runs_once_for_a_mixed_batch():
    network = tiny()
    calls = []
    network.extractor.register_forward_hook(lambda *_: calls.append(1))
    network.latent(patches(), torch.arange(6) % 2 == 0)
    assert len(calls) == 1


@pytest.mark.parametrize("identity", [True, False])
def test_residual_branches_start_at_zero_only_where_asked(identity):
    config = msgspec.structs.replace(TINY, identity_start=identity)
    network = HandPoseNetwork(config)
    norms = [block.last_norm.weight for stage in network.extractor.stages for block in stage]
    layers = [
        block.second.weight for part in (network.mapping, make_discriminator(config)) for block in part.blocks
    ]
    assert {not weight.any() for weight in (*norms, *layers)} == {identity}
    network.eval()
    assert torch.equal(network.latent(patches(), True), network.latent(patches(), False)) == identity


def test_no_mapping_blocks_make_the_mapping_the_identity():
    network = HandPoseNetwork(NetworkConfig(mapping_blocks=0, features=12, blocks_per_stage=1))
    assert list(network.mapping.parameters()) == []
    features = torch.randn(2, 12)
    assert torch.equal(network.align(features, True), network.align(features, False))


def test_both_layers_of_every_block_learn():
    network = HandPoseNetwork(TINY)
    discriminator = make_discriminator(TINY)
    parameters = {
        f"{part}.{name}": parameter
        for part, module in (("m", network.mapping), ("h", discriminator))
        for name, parameter in module.named_parameters()
    }
    start = {name: parameter.detach().clone() for name, parameter in parameters.items()}
    optimiser = torch.optim.Adam(parameters.values(), lr=1e-2)
    target = torch.rand(6, 12)
    for _ in range(3):
        latent = network.latent(patches(), True)
        loss = (latent - target).square().sum() + (discriminator(latent) - 1).square().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    unmoved = [name for name, parameter in parameters.items() if torch.equal(parameter, start[name])]
    assert unmoved == []


def test_mapping_is_not_affine():
    mapping = tiny().mapping
    a, b = torch.randn(2, 1, 12, generator=torch.Generator().manual_seed(2))
    assert not torch.allclose(mapping(a + b) + mapping(0 * a), mapping(a) + mapping(b), atol=1e-3)


def test_latent_is_rectified():
    network = tiny()
    features = torch.randn(6, 12)
    torch.testing.assert_close(network.align(features, False), features.clamp(min=0))
    torch.testing.assert_close(network.align(features, True), network.mapping(features).clamp(min=0))


def test_layer_normalisation_fixes_the_scale_of_the_latent():
    network = tiny(latent_normalisation="layer")
    features = torch.randn(6, 12)
    latent = network.align(features, True)
    rectified = network.mapping(features).clamp(min=0)
    deviation = rectified - rectified.mean(1, keepdim=True)
    reference = deviation / (deviation.square().mean(1, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(latent, reference)
    grown = network.align(100 * features, False)
    torch.testing.assert_close(grown.square().mean(1), torch.ones(6), atol=1e-3, rtol=0)


def test_forward_is_the_pose_of_the_latent():
    network = tiny().eval()
    joints = network(patches(), real=True)
    assert torch.equal(joints, network.pose(network.latent(patches(), True)).joints)


def test_feature_extractor_starts_with_unit_scale_and_depends_on_its_input():
    torch.manual_seed(0)
    network = HandPoseNetwork(NetworkConfig(patch_size=64, features=256, stage_widths=(64, 128)))
    features = network.features(patches(16))
    assert 0.2 < features.std() < 5
    assert features.std(0).mean() > 0.01


def test_maps_keep_their_order_whatever_the_memory_layout():
    """The fully connected layer must see (C, H, W) in that order, though the maps are channels-last."""
    network = tiny().eval()
    extractor = network.extractor
    maps = extractor.stem(patches())
    for stage in extractor.stages:
        for block in stage:
            maps = functional.relu(block.branch(maps) + block.downsample(maps))
    rows = functional.relu(extractor.norm(maps)).contiguous().reshape(6, -1)
    expected = rows @ extractor.features.weight.T + extractor.features.bias
    torch.testing.assert_close(network.features(patches()), expected, rtol=1e-4, atol=1e-5)


def test_weights_keep_the_plain_layout():
    assert all(tensor.is_contiguous() for tensor in HandPoseNetwork(TINY).state_dict().values())
