"""Show what is installed, or what a file is and where it comes from.

murauer info
murauer info runs/full
murauer info stores/a --verify
murauer info --self-test

Without PATH: versions, device, skeletons, cameras; and configs, variants, sensors to train with. With
--config also the configuration and the number of parameters of f, m, p, g and h. PATH is a store, a run
folder, a model, a checkpoint or a result; --data STORE is the same for a store. --verify compares its files
with the checksums that were written with them. --self-test finds out in some seconds whether this machine
computes what it shall: layers, a rendered hand, a prediction.
"""

import argparse
import json
import platform
from dataclasses import asdict
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from murauer.arguments import add_data, add_json
from murauer.errors import UserError, printable
from murauer.version import __version__

if TYPE_CHECKING:
    from murauer.provenance import Provenance


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("path", nargs="?", type=Path, metavar="PATH", help="show where this comes from")
    parser.add_argument("--config", metavar="NAME", help="show this config and the size of its networks")
    add_data(parser, required=False)
    parser.add_argument("--verify", action="store_true", help="check the files of --data by their checksums")
    about = "compare layers, a rendered hand and a prediction with what they shall be"
    parser.add_argument("--self-test", action="store_true", help=about)
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Carry the command out."""
    if args.self_test:
        _test_itself(args)
        return
    if args.data or _is_store(args.path):
        _show_store(args.data or args.path, args)
        return
    if args.verify:
        raise UserError("--verify checks a store; name it with --data")
    if args.path:
        _show_origin(args)
        return
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


def _test_itself(args: argparse.Namespace) -> None:
    """Tell what the self-test finds; a failure is an error."""
    from murauer.selftest.self_test import PYTORCH, remember, require, self_test  # start-up

    outcomes = self_test()
    if args.json:
        told = {name: None if each is None else asdict(each) for name, each in outcomes.items()}
        print(json.dumps(told, indent=1))
    else:
        for name, each in outcomes.items():
            print(f"{name}: " + (f"left out, {PYTORCH}" if each is None else str(each)))
    require(outcomes)
    remember(outcomes)


def _show_store(folder: Path, args: argparse.Namespace) -> None:
    """Tell what a store holds, and with --verify whether it is still what was written."""
    from murauer.store.integrity import verify  # start-up
    from murauer.store.store import open_store  # start-up
    from murauer.store.summary import store_facts, summary  # start-up

    store = open_store(folder)
    verified = verify(folder, store.manifest.checksums) if args.verify else None
    if args.json:
        print(json.dumps(store_facts(store) | {"verified_files": verified}, indent=1))
        return
    print(summary(store))
    _print_provenance(store.manifest.provenance)
    if verified is not None:
        print(f"  {verified} files agree with their checksums")


def _is_store(path: Path | None) -> bool:
    if path is None or not path.is_dir():
        return False
    from murauer.store.manifest import MANIFEST_FILE  # start-up

    return (path / MANIFEST_FILE).is_file()


def _show_origin(args: argparse.Namespace) -> None:
    """Tell where a file comes from."""
    import msgspec  # start-up

    from murauer.evaluation.origin import read_origin  # start-up

    origin = read_origin(args.path)
    if args.json:
        told = {"path": str(origin.path), "kind": origin.kind, "facts": origin.facts}
        made = msgspec.to_builtins(origin.made)
        print(json.dumps(told | {"provenance": made[""] if made.keys() == {""} else made}, indent=1))
        return
    print(printable(f"{origin.path}: {origin.kind}"))
    if origin.facts:
        print(printable(f"  {_text(origin.facts)[1:-1]}"))
    for name, own in origin.made.items():
        if name:
            print(printable(f" {name}"))
        _print_provenance(own)


def _print_provenance(made: "Provenance | None") -> None:
    if made is None:
        print("  provenance: none; it was made before murauer wrote that down, or by another program")
        return
    told = made.words() | ({"configuration": json.dumps(made.config)} if made.config else {})
    for name, text in told.items():
        print(f"  {name + ':':14} {printable(text, longest=None)}")


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
