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
