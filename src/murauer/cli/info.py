"""Show what is installed: versions, device, skeletons, cameras; and configs, variants, sensors to train with.

With --config also the configuration and the number of parameters of f, m, p, g and h. With --data what a
store holds instead; --verify compares its files with the checksums that were written with them.
"""

import argparse
import json
import platform
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from murauer.arguments import add_data, add_json
from murauer.errors import UserError
from murauer.version import __version__


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--config", metavar="NAME", help="show this config and the size of its networks")
    add_data(parser, required=False)
    parser.add_argument("--verify", action="store_true", help="check the files of --data by their checksums")
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Carry the command out."""
    if args.data:
        _show_store(args)
        return
    if args.verify:
        raise UserError("--verify checks a store; name it with --data")
    facts = _installation() | (_config(args.config) if args.config else {})
    if args.json:
        print(json.dumps(facts, indent=1))
        return
    for name, value in facts.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {_text(item)}" for key, item in value.items())
        elif isinstance(value, list):
            value = ", ".join(value)
        print(f"{name.replace('_', ' ') + ':':14} {value}")


def _show_store(args: argparse.Namespace) -> None:
    """Tell what a store holds, and with --verify whether it is still what was written."""
    from murauer.store.integrity import verify  # start-up
    from murauer.store.store import open_store  # start-up
    from murauer.store.summary import store_facts, summary  # start-up

    store = open_store(args.data)
    verified = verify(args.data, store.manifest.checksums) if args.verify else None
    if args.json:
        print(json.dumps(store_facts(store) | {"verified_files": verified}, indent=1))
        return
    print(summary(store))
    if verified is not None:
        print(f"  {verified} files agree with their checksums")


def _installation() -> dict[str, Any]:
    """Collect what does not depend on a config."""
    from murauer.capture.camera_file import NAMED_CAMERAS, camera_document  # start-up
    from murauer.geometry.skeletons import SKELETONS  # start-up
    from murauer.nets.model_facts import packaged_model  # start-up

    default_model = packaged_model("onnx")
    facts = {
        "murauer": __version__,
        "python": platform.python_version(),
        "onnxruntime": version("onnxruntime"),
        "default_model": str(default_model) if default_model.exists() else "not installed",
        "skeletons": {name: len(skeleton) for name, skeleton in SKELETONS.items()},
        "cameras": camera_document(NAMED_CAMERAS.values()),
    }
    if find_spec("torch") is None:
        return facts | {"training": "needs PyTorch: pip install 'murauer[train]'"}
    return facts | _for_training()


def _for_training() -> dict[str, Any]:
    """Collect what the extra "train" brings."""
    import torch  # extra

    from murauer.hand.sensors import SENSORS  # start-up
    from murauer.nets.backbone import BACKBONES  # start-up
    from murauer.training.config import config_names  # start-up
    from murauer.training.loss_terms import LOSS_TERMS  # start-up
    from murauer.training.variants import VARIANTS  # start-up

    cuda = torch.cuda.is_available()
    return {
        "torch": torch.__version__,
        "warp": version("warp-lang"),
        "device": torch.cuda.get_device_name() if cuda else f"CPU, {torch.get_num_threads()} threads",
        "configs": config_names(),
        "variants": list(VARIANTS),
        "losses": list(LOSS_TERMS),
        "backbones": list(BACKBONES),
        "sensors": list(SENSORS),
    }


def _config(name: str) -> dict[str, Any]:
    """Build the networks of a config and count their parameters."""
    import msgspec  # start-up

    from murauer.nets.deployed import make_network  # start-up
    from murauer.nets.network import make_discriminator, parameter_counts  # start-up
    from murauer.training.config import load_config  # start-up

    config = load_config(name)
    counts = parameter_counts(make_network(config.sizes), make_discriminator(config.sizes))
    return {"config_name": name, "parameters": counts, "config": msgspec.to_builtins(config)}


def _text(value: object) -> str:
    """Format a number with separators, and a group of settings in brackets."""
    if isinstance(value, dict):
        return "(" + ", ".join(f"{key} {_text(item)}" for key, item in value.items()) + ")"
    return f"{value:,}" if isinstance(value, int) else str(value)
