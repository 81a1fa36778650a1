"""The table of losses, and one that is added from outside the package."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import torch
from torch import Tensor

from murauer.errors import UserError
from murauer.nets.network import HandPoseNetwork, make_discriminator
from murauer.store.store import Store
from murauer.training.batch_source import BatchSource
from murauer.training.config import Config, load_config
from murauer.training.forward import ForwardPass, forward_pass
from murauer.training.loop import Training
from murauer.training.loss_terms import LOSS_TERMS, LossTerm, loss_factors, losses_of, register_loss
from murauer.training.train import train
from murauer.training.variants import VARIANTS


def thumb_reach(seen: ForwardPass) -> Tensor:
    """A loss on frames without labels: how far first and last joint are apart in the real views."""
    rows, first = seen.batch.rows["views_real"], seen.batch.posed.start
    joints = seen.pose.joints[rows.start - first : rows.stop - first]
    return (joints[:, 0] - joints[:, -1]).square().sum()


@pytest.fixture
def config() -> Iterator[Config]:
    register_loss("thumb", LossTerm("l_t", thumb_reach, rows=("views_real",)))
    yield with_factor(0.25)
    del LOSS_TERMS["thumb"]


def with_factor(factor: float | None) -> Config:
    smoke = load_config("smoke")
    others = {} if factor is None else {"thumb": factor}
    training = msgspec.structs.replace(smoke.training, pretraining_iterations=2, joint_iterations=2)
    weights = msgspec.structs.replace(smoke.loss_weights, others=others)
    return msgspec.structs.replace(smoke, loss_weights=weights, training=training)


def losses(store: Store, config: Config, variant: str) -> tuple[HandPoseNetwork, dict[str, Tensor]]:
    batch = BatchSource(store, config, VARIANTS[variant], store.labelled_rows(10, 0), 0).joint(0)
    torch.manual_seed(0)
    network = HandPoseNetwork(config.network).train()
    discriminator = make_discriminator(config.network) if VARIANTS[variant].matching else None
    seen = forward_pass(network, discriminator, batch, config.training)
    return network, losses_of(seen, loss_factors(config.loss_weights.scaled(config.network)))


def test_a_loss_from_outside_adds_to_the_total_and_teaches_the_network(
    tiny_store: Store, config: Config
) -> None:
    _, without = losses(tiny_store, with_factor(None), "full")
    network, found = losses(tiny_store, config, "full")
    assert found.keys() - without.keys() == {"thumb"} and found["thumb"] > 0
    torch.testing.assert_close(found["total"] - without["total"], 0.25 * found["thumb"], rtol=1e-3, atol=1e-5)
    found["thumb"].backward()
    assert all(parameter.grad.any() for parameter in network.pose_head.joints.parameters())


def test_it_is_left_out_where_the_variant_draws_nothing_that_it_needs(
    tiny_store: Store, config: Config
) -> None:
    _, found = losses(tiny_store, config, "real_and_synth")
    assert found.keys() == {"total", "pose"}


def test_a_run_names_it_and_another_factor_is_another_training(
    tiny_store: Store, config: Config, tmp_path: Path
) -> None:
    train(tiny_store, config, variant="full", labels=10, seed=0, out=tmp_path)
    assert '"thumb": 0.25' in (tmp_path / "config.json").read_text()
    with pytest.raises(UserError, match="belongs to another training"):
        train(tiny_store, with_factor(0.5), variant="full", labels=10, seed=0, out=tmp_path)


def test_its_factor_follows_the_number_of_joints_like_all_others(config: Config) -> None:
    more = msgspec.structs.replace(config.network, joints=28)
    assert loss_factors(config.loss_weights.scaled(more))["thumb"] == 0.5


def test_a_factor_of_no_loss_is_refused_when_training_starts() -> None:
    config = with_factor(0.1)
    with pytest.raises(UserError, match="loss_weights names 'thumb', which is no loss; choose of pose, "):
        Training(HandPoseNetwork(config.network), config)


def test_a_name_is_given_once() -> None:
    with pytest.raises(ValueError, match="there is a loss 'view' already"):
        register_loss("view", LossTerm("l_v", thumb_reach))
