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


class StepConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is in a step where paper, supplement and published code leave a choice or differ.

    The defaults are the paper's. Those of the published code are together in the config `published`.

    Attributes:
        mini_batch: How many samples each set has. "equal": 4 `set_size` images pass through f, shared by the
            sets of the variant in equal parts, so all variants do equal work (supplement). "per_set":
            `set_size` samples of each domain of each set. "published": of 4 `set_size`, a third are pairs, a
            third synthetic, a sixth views and a sixth unlabelled ones of each domain.
        batch_norm: Whose statistics BatchNorm has in training: "set_after_set", as f and g see one set after
            the other (published code; the paper is silent), or "mixed", those of all sets together.
        discriminator: Whether h makes its step "last", after f, m, p and g made theirs, or "first", so that
            l_m asks an h that has just learned (published code).
        adversarial_factor: Factor of the sums of Eqs. (12) and (13), 1/2; in the published code 1.
        views: With "published", the view-prediction set is that of the published code. Its synthetic frames
            are the pairs of its real ones, with their offsets, so the store needs pairs of two cameras. The
            target has white noise, too. A real frame is a labelled one with probability 0.3 at least. The
            pose loss of the set's labelled real frames is a mean of squares times the size of the set, and
            (8) acts on them as well.
    """

    mini_batch: Literal["equal", "per_set", "published"] = "equal"
    batch_norm: Literal["set_after_set", "mixed"] = "set_after_set"
    discriminator: Literal["last", "first"] = "last"
    adversarial_factor: float = 0.5
    views: Literal["paper", "published"] = "paper"


class TrainingConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long and how fast to train.

    Attributes:
        pretraining_iterations: Steps of f and p on synthetic data (Sec. 4.1).
        pretraining_batch: Synthetic samples in each of those steps (Sec. 4.1).
        joint_iterations: Steps of the whole model (Sec. 4.1).
        set_size: A quarter of a mini-batch, one of its four sets (supplement), see `StepConfig.mini_batch`.
        pretraining_learning_rate: Learning rate of Adam in pre-training (Sec. 4.1).
        learning_rate: Learning rate of Adam in joint training (Sec. 4.1).
        weight_decay: Plain L2 in Adam (published implementation).
        ema_decay: Decay of the moving average of the weights that is evaluated; 0 for none, as in the paper.
        schedule: Learning-rate multiplier, see `schedule`: "paper" warms up in three stages and decays after
            5,000 iterations (Sec. 4.1), "supplement" decays after two epochs already, "published" is that of
            the published code, "cosine" is for short runs.
        checkpoint_every: Steps between checkpoints.
        accumulation: Parts of a mini-batch that are computed one after the other, for want of memory; their
            gradients add up to that of the whole, but BatchNorm has the statistics of each part.
        precision: Precision of the products in convolutions and layers. "bfloat16" is faster on processors
            that have it. Its effect on the error is known for one short training only, see
            docs/performance.md.
        generator_learns_from: Domains that train g, and p's first layer through it: "both" as in the paper,
            or "synthetic". Then g is a renderer of synthetic features, and views of real frames train f and m
            alone: to give features that this renderer can read, and so can p.
        generator_pretraining: Whether half of each batch of pre-training are views that are not rotated, from
            which g learns, without effect on f and p. In the paper g starts untrained.
        matching_reaches: What l_m trains: m alone as in the published implementation, or f as well.
        labelled_frames: Which n frames are labelled: chosen by the "seed" of the training, or the first n of
            the order that the "published" code draws for NYU.
        step: What is in a step.
    """

    pretraining_iterations: Steps = 170_000
    pretraining_batch: Size = 64
    joint_iterations: Steps = 136_000
    set_size: Size = 16
    pretraining_learning_rate: Rate = 3.3e-4
    learning_rate: Rate = 3.3e-4
    weight_decay: Decay = 1e-3
    ema_decay: Decay = 0.0
    schedule: Literal["paper", "supplement", "published", "cosine"] = "paper"
    checkpoint_every: Steps = 1_000
    accumulation: Steps = 1
    precision: Literal["float32", "bfloat16"] = "float32"
    generator_learns_from: Literal["both", "synthetic"] = "both"
    generator_pretraining: bool = False
    matching_reaches: Literal["mapping", "extractor"] = "mapping"
    labelled_frames: Literal["seed", "published"] = "seed"
    step: StepConfig = msgspec.field(default_factory=StepConfig)


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
