"""Configs: what differs from the paper, or from another config."""

import json
from pathlib import Path

import msgspec
import pytest

from murauer.errors import UserError
from murauer.training.config import Config, config_names, load_config, read_config, whole_config


@pytest.mark.parametrize("name", config_names())
def test_packaged_configs_are_configurations(name: str) -> None:
    config = load_config(name)
    config.loss_weights.scaled(config.network)  # they fit each other


def test_config_paper_has_the_values_of_the_paper() -> None:
    """As its section 4.1 and its supplement state them; nothing that the small configs add."""
    paper = load_config("paper")
    assert paper == Config()
    network, training, varied = paper.network, paper.training, paper.augmentation
    assert (network.patch_size, network.features, network.joints, paper.cube_mm) == (128, 1024, 14, 300)
    assert (network.stem_channels, network.stage_widths, network.blocks_per_stage) == (
        32,
        (64, 128, 256, 256),
        5,
    )
    assert (network.mapping_blocks, network.generator_channels) == (2, (512, 256, 128, 64))
    assert (training.pretraining_iterations, training.joint_iterations) == (170_000, 136_000)
    assert training.pretraining_batch == 4 * training.set_size == 64
    assert training.learning_rate == training.pretraining_learning_rate == 3.3e-4
    assert (training.weight_decay, training.schedule, training.ema_decay) == (1e-3, "paper", 0)
    assert (varied.rotation_deg, varied.offset_mm, varied.noise_mm) == (60, 5, 5)
    step = training.step
    assert (step.mini_batch, step.batch_norm, step.views) == ("equal", "set_after_set", "paper")
    assert not (network.identity_start or training.generator_pretraining)
    assert network.latent_normalisation == "none"
    assert (training.generator_learns_from, training.matching_reaches) == ("both", "mapping")


def test_a_config_changes_only_what_it_says(tmp_path: Path) -> None:
    base = load_config("small")
    path = tmp_path / "longer.json"
    path.write_text(json.dumps({"extends": "small", "training": {"joint_iterations": 9}, "cube_mm": 250}))
    changed = read_config(str(path))
    assert changed.training.joint_iterations == 9 and changed.cube_mm == 250
    training = msgspec.structs.replace(changed.training, joint_iterations=base.training.joint_iterations)
    assert msgspec.structs.replace(changed, training=training, cube_mm=base.cube_mm) == base


def test_without_a_base_the_rest_is_the_paper() -> None:
    assert msgspec.convert(whole_config({"cube_mm": 250.0}), Config) == Config(cube_mm=250.0)


def test_an_unknown_base_is_named(tmp_path: Path) -> None:
    path = tmp_path / "odd.json"
    path.write_text('{"extends": "tiny"}')
    with pytest.raises(UserError, match=r"unknown config 'tiny'; choose one of .*small"):
        read_config(str(path))
