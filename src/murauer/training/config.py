"""The configuration of a training: one typed tree, the paper's values as defaults.

A config is a small JSON file in `murauer/configs` that says only what differs from the paper. The resolved
configuration is saved beside every result.
"""

import json
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import msgspec

from murauer.errors import UserError
from murauer.foreign.documents import convert_json
from murauer.foreign.ranges import Decay, Millimetres, Rate, Size, Steps
from murauer.nets.config import DenseConfig, NetworkConfig
from murauer.store.augmentation import AugmentationConfig
from murauer.text_files import read_json
from murauer.training.loss_weights import LossWeights


class TrainingConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long and how fast to train.

    Attributes:
        pretraining_iterations: Steps of f and p on synthetic data (Sec. 4.1).
        pretraining_batch: Synthetic samples in each of those steps (Sec. 4.1).
        joint_iterations: Steps of the whole model (Sec. 4.1).
        set_size: Samples in each of the four sets of a mini-batch (supplement).
        pretraining_learning_rate: Learning rate of Adam in pre-training (Sec. 4.1).
        learning_rate: Learning rate of Adam in joint training (Sec. 4.1).
        weight_decay: Plain L2 in Adam (published implementation).
        ema_decay: Decay of the moving average of the weights that is evaluated; 0 for none, as in the paper.
        schedule: Learning-rate multiplier; "supplement" warms up in two epochs and decays with exp(-0.04 e),
            "published" is that of the published code, "cosine" warms up over the first twentieth of a short
            run and decays to zero at its end.
        checkpoint_every: Steps between checkpoints.
        accumulation: Parts of a mini-batch that are computed one after the other, for want of memory; their
            gradients add up to that of the whole, but BatchNorm has the statistics of each part.
        precision: Precision of the products in convolutions and layers. "bfloat16" is faster on processors
            that have it. Its effect on the error is known for one short training only, see
            docs/performance.md.
        generator_learns_from: Domains that train g, and p's first layer through it: "both" as in the paper,
            or "synthetic". Then g is a renderer of synthetic features, and views of real frames train f and m
            alone: to give features that this renderer can read, and so can p.
        matching_reaches: What l_m trains: m alone as in the published implementation, or f as well.
    """

    pretraining_iterations: Steps = 170_000
    pretraining_batch: Size = 64
    joint_iterations: Steps = 136_000
    set_size: Size = 16
    pretraining_learning_rate: Rate = 3.3e-4
    learning_rate: Rate = 3.3e-4
    weight_decay: Decay = 1e-3
    ema_decay: Decay = 0.0
    schedule: Literal["supplement", "published", "cosine"] = "supplement"
    checkpoint_every: Steps = 1_000
    accumulation: Steps = 1
    precision: Literal["float32", "bfloat16"] = "float32"
    generator_learns_from: Literal["both", "synthetic"] = "both"
    matching_reaches: Literal["mapping", "extractor"] = "mapping"


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that determines a training apart from data, variant, labels and seed.

    Attributes:
        start: Model whose f and p a training starts from, and whose sizes it takes: "default", another
            packaged model, a run folder or a model file. "scratch" for random weights.
        network: Size and shape of f, m, p, g and h.
        dense: Size and shape of a dense network, which there may be in place of the paper's.
        loss_weights: lambda_c, lambda_g and lambda_m of eq. (1).
        augmentation: Variation of each sample.
        training: Iterations and optimiser.
        skeleton: Names of the joints. The paper's network has those of its store, a dense one its own.
        cube_mm: Side of the hand cube; likewise.
    """

    network: NetworkConfig = msgspec.field(default_factory=NetworkConfig)
    loss_weights: LossWeights = msgspec.field(default_factory=LossWeights)
    augmentation: AugmentationConfig = msgspec.field(default_factory=AugmentationConfig)
    training: TrainingConfig = msgspec.field(default_factory=TrainingConfig)
    skeleton: str = "nyu14"
    cube_mm: Millimetres = 300.0
    dense: DenseConfig | None = None
    start: str = "scratch"

    @property
    def sizes(self) -> NetworkConfig | DenseConfig:
        """Of the network that there is."""
        return self.network if self.dense is None else self.dense


def config_names() -> list[str]:
    """Names of the packaged configs."""
    files = resources.files("murauer").joinpath("configs").iterdir()
    return sorted(file.name.removesuffix(".json") for file in files if file.name.endswith(".json"))


def load_config(name: str) -> Config:
    """Read a packaged config.

    Raises:
        UserError: There is none of that name.
    """
    if name not in config_names():
        raise UserError(f"unknown config '{name}'; choose one of {', '.join(config_names())}")
    text = resources.files("murauer").joinpath("configs", f"{name}.json").read_text()
    return msgspec.convert(whole_config(json.loads(text)), type=Config)


def whole_config(document: dict[str, Any]) -> dict[str, Any]:
    """Fill in a config that says what differs from another one.

    Args:
        document: Fields of `Config`, as in a file; "extends" among them names the packaged config that has
            the rest. Without it the rest are the paper's values.

    Returns:
        All that differs from the paper.

    Raises:
        UserError: There is no such config.
    """
    if "extends" not in document:
        return document
    base = msgspec.to_builtins(load_config(str(document["extends"])))
    return _merged(base, {key: value for key, value in document.items() if key != "extends"})


def _merged(base: Any, changes: Any) -> Any:
    if not (isinstance(base, dict) and isinstance(changes, dict)):
        return changes
    return base | {key: _merged(base.get(key), value) for key, value in changes.items()}


def encode_config(config: Config) -> str:
    """A configuration as JSON text."""
    return msgspec.json.encode(config).decode()


def decode_config(text: str, source: Path) -> Config:
    """A configuration from JSON text.

    Raises:
        UserError: A field is unknown or has a wrong value.
    """
    return convert_json(text, Config, f"the configuration in {source} is not valid")


def read_config(name: str) -> Config:
    """Load a packaged config, or a file: a config of one's own or the `config.json` of a run."""
    if not name.endswith(".json"):
        return load_config(name)
    document = read_json(Path(name))
    if isinstance(document, dict):
        document = document.get("config", document)  # a run has variant, labels, seed and store beside it
    if isinstance(document, dict):
        try:
            document = whole_config(document)
        except UserError as error:
            raise UserError(f"{name}: {error}") from error
    return decode_config(json.dumps(document), Path(name))
