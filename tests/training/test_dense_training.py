"""A dense network in joint training: what it is to predict, and what each loss teaches."""

import dataclasses
from pathlib import Path

import msgspec
import pytest
import torch
from torch import nn

from murauer.errors import UserError
from murauer.geometry.skeletons import convert
from murauer.nets.config import DenseConfig
from murauer.nets.dense_network import DenseHandPoseNetwork
from murauer.nets.model_file import load_model, save_model
from murauer.nets.network import make_discriminator
from murauer.store.store import Store
from murauer.training.batch import Batch
from murauer.training.batch_source import BatchSource
from murauer.training.config import Config, load_config
from murauer.training.forward import ForwardPass, forward_pass
from murauer.training.loop import Training
from murauer.training.loss_terms import discriminator, loss_factors, losses_of
from murauer.training.start import config_for
from murauer.training.train import train
from murauer.training.variants import VARIANTS

SIZES = DenseConfig(
    patch_size=32, stride=4, widths=(8, 12), encoder_blocks=(0, 1), decoder_blocks=(1,), hidden=8,
    mapping_blocks=1, generator_channels=(8, 8),
)  # fmt: skip


@pytest.fixture(scope="module")
def config(tiny_store: Store) -> Config:
    smoke, base = load_config("smoke"), load_config("base")
    training = msgspec.structs.replace(smoke.training, pretraining_iterations=2, joint_iterations=2)
    settings = {"dense": SIZES, "training": training, "loss_weights": base.loss_weights}
    settings |= {"augmentation": base.augmentation}
    return config_for(msgspec.structs.replace(smoke, **settings), tiny_store)


@pytest.fixture(scope="module")
def batch(tiny_store: Store, config: Config) -> Batch:
    return BatchSource(tiny_store, config, VARIANTS["full"], tiny_store.labelled_rows(10, 0), 0).joint(0)


def pass_of(batch: Batch, config: Config, **training: object) -> ForwardPass:
    """What an untrained network makes of a batch; its m is no identity, and p looks at the patch."""
    torch.manual_seed(0)
    network, h = DenseHandPoseNetwork(SIZES).train(), make_discriminator(SIZES)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d):
            nn.init.normal_(module.weight, std=0.2)
    settings = msgspec.structs.replace(config.training, **training)
    return forward_pass(network, h, batch, settings)


def gradients(seen: ForwardPass, name: str) -> set[str]:
    """Parameters of the network that a loss changes."""
    weights = load_config("base").loss_weights.scaled(SIZES)
    losses_of(seen, loss_factors(weights))[name].backward()
    return {key for key, p in seen.network.named_parameters() if p.grad is not None and p.grad.any()}


def parts(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names}


def test_targets_are_joints_as_the_patch_shows_them(tiny_store: Store, config: Config, batch: Batch) -> None:
    rows = batch.rows["synthetic"]
    mm = batch.crop.part(rows).from_patch(batch.joints[rows])
    centre = tiny_store.skeleton.centre
    known = torch.from_numpy(tiny_store.require("synthetic").joints.reshape(-1, 14, 3))
    nearest = (mm[:, None] - known).norm(dim=-1).mean(-1).amin(1)
    assert mm.shape[1] == 14 and nearest.max() < 0.1 and (mm[:, centre, 2] > 100).all()
    assert batch.crop.cube_mm.std() > 1  # cubes of several sizes


def test_a_prediction_is_compared_in_the_skeleton_of_the_store(batch: Batch) -> None:
    """By sums of its joints in space, whatever the rotation and size of the crop."""
    crop = batch.crop.part(batch.rows["labelled_real"])
    generator = torch.Generator().manual_seed(0)
    hand = crop.centre[:, None] + 60 * torch.randn(len(crop.centre), 21, 3, generator=generator)
    seen = SIZES.comparable(crop, crop.to_patch(hand), "nyu14")
    torch.testing.assert_close(seen, crop.to_patch(convert(hand, "hand21", "nyu14")), atol=1e-4, rtol=1e-3)
    assert SIZES.comparable(crop, crop.to_patch(hand), "hand21").equal(crop.to_patch(hand))


def test_the_pose_loss_teaches_f_m_and_p(batch: Batch, config: Config) -> None:
    names = gradients(pass_of(batch, config), "pose")
    assert parts(names) == {"extractor", "mapping", "pose_head"}
    assert {"pose_head.votes", "pose_head.weights.weight", "pose_head.hidden.weight"} < names
    assert not any("error" in name for name in names)  # of which only the error's own loss is one


def test_correspondence_teaches_the_real_side_of_f_and_m(batch: Batch, config: Config) -> None:
    seen = pass_of(batch, config)
    assert seen.latent.ndim == 4
    assert parts(gradients(seen, "correspondence")) == {"extractor", "mapping"}
    mapped = seen.latent_of("labelled_real")[batch.paired]
    expected = (seen.latent_of("pairs").double() - mapped.double()).square().sum()
    weights = loss_factors(load_config("base").loss_weights.scaled(SIZES))
    torch.testing.assert_close(losses_of(seen, weights)["correspondence"].double(), expected)


def test_view_prediction_teaches_g_and_what_it_starts_from(batch: Batch, config: Config) -> None:
    names = gradients(pass_of(batch, config), "view")
    assert parts(names) == {"extractor", "mapping", "pose_head", "view_generator"}
    head = {name.removeprefix("pose_head.") for name in names if name.startswith("pose_head")}
    softmax_is_blind_to = {"weights.bias"}
    assert head - softmax_is_blind_to == {"hidden.weight", "hidden.bias", "weights.weight"}


@pytest.mark.parametrize("reached", ["mapping", "extractor"])
def test_the_mapping_loss_teaches_m_and_f_where_told(batch: Batch, config: Config, reached: str) -> None:
    names = gradients(pass_of(batch, config, matching_reaches=reached), "mapping")
    assert parts(names) == {"mapping"} | ({"extractor"} if reached == "extractor" else set())


def test_the_discriminator_learns_from_its_own_loss_alone(batch: Batch, config: Config) -> None:
    seen = pass_of(batch, config)
    assert seen.discriminator is not None
    discriminator(seen.discriminator, *seen.compared()).backward()
    assert all(p.grad is not None for p in seen.discriminator.parameters())
    assert all(p.grad is None for p in seen.network.parameters())


def test_steps_in_half_precision_leave_joints_exact(batch: Batch, config: Config) -> None:
    found = []
    for precision in ("float32", "bfloat16"):
        settings = msgspec.structs.replace(config.training, precision=precision)
        half = msgspec.structs.replace(config, training=settings)
        torch.manual_seed(0)
        h = make_discriminator(SIZES)
        found.append(Training(DenseHandPoseNetwork(SIZES), half, h).step(batch)["pose"])
    assert 0 < (found[0] - found[1]).abs() / found[0] < 0.01


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory, config: Config) -> Path:
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("start") / "start.safetensors"
    save_model(path, DenseHandPoseNetwork(SIZES), config)
    return path


def test_a_training_starts_from_a_model_and_ends_with_one_of_its_kind(
    tiny_store: Store, config: Config, start: Path, tmp_path: Path
) -> None:
    still = msgspec.structs.replace(config.training, learning_rate=0.0, pretraining_learning_rate=0.0)
    other = msgspec.structs.replace(config, start=str(start), dense=None, training=still)
    model = train(tiny_store, other, variant="full", labels=5, seed=0, out=tmp_path)
    network, found = load_model(model)
    first, _ = load_model(start)
    assert found.dense == SIZES and found.skeleton == "hand21"
    for name, weights in first.named_parameters():
        if not name.startswith("mapping"):
            torch.testing.assert_close(network.get_parameter(name), weights)
    features = torch.randn(2, 8, 8, 8)
    assert network.mapping(features).equal(features)  # m starts as the identity


def test_another_start_is_another_training(
    tiny_store: Store, config: Config, start: Path, tmp_path: Path
) -> None:
    other = msgspec.structs.replace(config, start=str(start))
    train(tiny_store, other, variant="real_only", labels=5, seed=0, out=tmp_path)
    torch.manual_seed(2)
    save_model(start, DenseHandPoseNetwork(SIZES), config)
    with pytest.raises(UserError, match="belongs to another training"):
        train(tiny_store, other, variant="real_only", labels=5, seed=0, out=tmp_path)


def test_joints_that_cannot_be_converted_are_refused(tiny_store: Store, config: Config) -> None:
    skeleton = dataclasses.replace(tiny_store.skeleton, name="nyu36")
    with pytest.raises(UserError, match="no conversion from skeleton hand21 to nyu36"):
        config_for(config, dataclasses.replace(tiny_store, skeleton=skeleton))
    small = msgspec.structs.replace(config, start="small", dense=None)
    skeleton = dataclasses.replace(tiny_store.skeleton, name="icvl16")
    with pytest.raises(UserError, match=r"small predicts the joints nyu14, but .* has icvl16"):
        config_for(small, dataclasses.replace(tiny_store, skeleton=skeleton))
