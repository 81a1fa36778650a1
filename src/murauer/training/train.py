"""The whole training of one model: pre-training of f and p on synthetic data, then joint training."""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from murauer.errors import UserError
from murauer.files import file_digest, written_whole
from murauer.foreign.documents import parse_object
from murauer.foreign.limits import MOST_SETTINGS
from murauer.nets.model_facts import MODEL_FILE
from murauer.nets.model_file import read_tensors, save_model
from murauer.nets.network import make_discriminator
from murauer.provenance import Provenance, provenance
from murauer.store.manifest import PAIRS, data_digest, store_identity
from murauer.store.store import MAKERS, Store
from murauer.text_files import read_text
from murauer.training.batch_source import BatchSource
from murauer.training.checkpoint import CHECKPOINT_FILE
from murauer.training.config import Config, encode_config
from murauer.training.device import CPU, slowness
from murauer.training.loop import Training
from murauer.training.parallel import alone_in_folder, leads, own_parts, wait_for_all
from murauer.training.plan import Plan, Stage
from murauer.training.start import config_for, first_network, load_pretrained, origin_of, without_mapping
from murauer.training.variants import Variant, find_variant

PRETRAINED_FILE = "pretrained.safetensors"
PRETRAINING_CHECKPOINT_FILE = f"pretraining_{CHECKPOINT_FILE}"
PRETRAINING = "pre-training"
RUN_FILE = "config.json"
"""Settings of the training in a run folder."""


@alone_in_folder
def pretrain(
    store: Store,
    config: Config,
    seed: int,
    out: Path,
    device: torch.device = CPU,
    followed_by: tuple[Stage, ...] = (),
) -> Path:
    """Train f and p on synthetic data (Sec. 3.1, 4.1), resuming where a former run stopped.

    With `generator_pretraining`, g learns on the side to predict views of synthetic hands from what p has.
    Its gradient does not reach f and p; they notice it only in that the half of each batch that g learns from
    is not rotated. In the paper g starts untrained; in a run of a few thousand steps, that g would have
    nothing to teach about real frames for most of the time.

    Args:
        store: Where the synthetic frames are.
        config: Sizes, augmentation, iterations.
        seed: Seed of the initial weights and the batches.
        out: Folder for the result, the checkpoint and the log.
        device: Where to compute; a run may go on on another one.
        followed_by: Stages that come after it, for the progress.

    Returns:
        File of the trained network.

    Raises:
        UserError: The data or the folder cannot be used, or the training diverged.
    """
    result = out / PRETRAINED_FILE
    if is_pretrained(store, config, seed, out):
        return result
    config = config_for(config, store)
    bare = without_mapping(config)
    torch.manual_seed(seed)
    training = Training(first_network(bare).to(device), config, pretraining=True)
    synthetic = Variant("pre-training", real=False)
    source = BatchSource(store, config, synthetic, np.zeros(0, int), seed, device)
    parts = own_parts(config.training.accumulation, max(config.training.pretraining_batch // 4, 1))
    identity = training_identity(store, config, seed, "pretraining", *origin_of(config))
    checkpoint = out / PRETRAINING_CHECKPOINT_FILE
    plan = Plan((pretraining_stage(config), *followed_by))
    if not followed_by:
        plan.tell(f"pre-training, seed {seed},", out, device, [training.network])
    made = training.run(
        PRETRAINING,
        lambda step: [source.pretraining(step, part) for part in parts],
        checkpoint,
        identity,
        plan,
        _made_from(store, config, seed, device),
    )
    if leads():
        save_model(result, training.average.module, bare, made=made, identity=identity)
    wait_for_all()
    return result


def pretraining_stage(config: Config) -> Stage:
    """The stage of pre-training."""
    return Stage(PRETRAINING, config.training.pretraining_iterations, config.training.pretraining_batch)


def is_pretrained(store: Store, config: Config, seed: int, out: Path) -> bool:
    """Whether `pretrain` has come to its end in a folder, with the same data and settings.

    Raises:
        UserError: The file of the network is damaged.
    """
    path = out / PRETRAINED_FILE
    config = config_for(config, store)
    identity = training_identity(store, config, seed, "pretraining", *origin_of(config))
    facts = read_tensors(path)[1].get("facts", "{}") if path.exists() else "{}"
    return bool(parse_object(facts, f"the description in {path} is damaged").get("identity") == identity)


@alone_in_folder
def train(
    store: Store,
    config: Config,
    *,
    variant: str,
    labels: int,
    seed: int,
    out: Path,
    pretrained: Path | None = None,
    label_rows: np.ndarray | None = None,
    device: torch.device = CPU,
) -> Path:
    """Train a model: pre-training, unless given, and joint training (eq. 1), resuming where a run stopped.

    Args:
        store: Synthetic, real and synthetic pair frames.
        config: Sizes, loss weights, augmentation, iterations.
        variant: Name of a variant of the paper.
        labels: Number n of real frames whose labels are used, chosen by `Store.labelled_rows`.
        seed: Seed of weights, batches and the choice of the labelled frames.
        out: Run folder for model, configuration, checkpoint and log.
        pretrained: Result of `pretrain` to start from.
        label_rows: The labelled frames themselves, indices in `real`, in place of a choice by the seed;
            `labels` is then their number.
        device: Where to compute; a run may go on on another one.

    Returns:
        File of the trained model.

    Raises:
        UserError: The data or the folder cannot be used, or the training diverged.
    """
    chosen = find_variant(variant)
    if chosen.real and labels < 1:
        raise UserError(f"variant '{variant}' needs labelled real frames; give --labels 1 or more")
    config = config_for(config, store)
    if not chosen.mapping:
        config = without_mapping(config)
    rows = label_rows
    if rows is None:
        published = config.training.labelled_frames == "published"
        rows = store.labelled_rows(labels if chosen.real else 0, seed, published)
    source = BatchSource(store, config, chosen, rows, seed, device)
    settings: dict[str, object] = {"variant": variant, "labels": labels, "seed": seed}
    settings["pretrained"] = pretrained and str(pretrained)
    chosen_rows = [] if label_rows is None else [rows.tolist()]
    if chosen_rows:
        settings["label_rows"] = chosen_rows[0]
    _start_run(out, settings, config, store)
    if chosen.mapping and store.pairs is None and leads():
        print(
            f"murauer: {store.folder} has no synthetic pairs, so the correspondence loss, eq. (8), is left "
            f"out; {MAKERS[PAIRS].format(folder=store.folder)} to have it",
            file=sys.stderr,
        )
    slow = slowness(config.training.precision, device.type)
    if slow and leads():
        print(f"murauer: {slow}", file=sys.stderr)
    torch.manual_seed(seed)
    network = first_network(config)
    discriminator = make_discriminator(config.sizes) if chosen.matching else None
    origin = "".join(origin_of(config))
    if chosen.synthetic and pretrained:
        load_pretrained(network, discriminator, pretrained)
    joint = Stage(variant, config.training.joint_iterations, source.images)
    plan = Plan((joint,))
    if chosen.synthetic and not pretrained and not is_pretrained(store, config, seed, out):
        plan = Plan((pretraining_stage(config), joint))
    trained = [network] if discriminator is None else [network, discriminator]
    plan.tell(f"{variant} with {len(rows):,} labelled frames, seed {seed},", out, device, trained)
    if chosen.synthetic:
        if not pretrained:
            pretrained = pretrain(store, config, seed, out, device, followed_by=(joint,))
            load_pretrained(network, discriminator, pretrained)
        origin = file_digest(pretrained)
    network.to(device)
    if discriminator is not None:
        discriminator.to(device)
    training = Training(network, config, discriminator)
    parts = own_parts(config.training.accumulation, min(source.sizes.values()))
    identity = training_identity(store, config, seed, variant, labels, origin, *chosen_rows)
    inputs = {"pretrained": origin} if chosen.synthetic else {}
    made = training.run(
        variant,
        lambda step: [source.joint(step, part) for part in parts],
        out / CHECKPOINT_FILE,
        identity,
        plan,
        _made_from(store, config, seed, device, **inputs),
    )
    model = out / MODEL_FILE
    if leads():
        choice = config.training.labelled_frames
        facts: dict[str, Any] = {
            "variant": variant,
            "labels": labels,
            "seed": seed,
            "labelled_frames": choice,
        }
        save_model(model, training.average.module, config, made=made, **facts)
    wait_for_all()
    return model


def training_identity(store: Store, config: Config, seed: int, *rest: object) -> str:
    """What makes two trainings the same; iterations count too, because the schedule depends on them."""
    return json.dumps([encode_config(config), store_identity(store.folder), seed, *rest], sort_keys=True)


def _made_from(store: Store, config: Config, seed: int, device: torch.device, **inputs: str) -> Provenance:
    for digest in origin_of(config):  # none or one
        inputs["start"] = digest
    return provenance(device, data=data_digest(store.folder), inputs=inputs, seed=seed, config=config)


def _start_run(out: Path, settings: dict[str, object], config: Config, store: Store) -> None:
    """Write what the run is, unless the folder holds another one; where its data lie may change."""
    path = out / RUN_FILE
    settings = settings | {"config": msgspec.to_builtins(config), "store": str(store.folder)}
    text = json.dumps(settings, indent=1)
    before = parse_object(read_text(path, MOST_SETTINGS), f"{path} is damaged") if path.exists() else None
    places = {"store": "", "pretrained": ""}
    if before is not None and before | places != json.loads(text) | places:
        raise UserError(
            f"{out} belongs to another training, whose settings are in its {path.name}; choose another "
            "--out folder or the same settings"
        )
    if leads():
        with written_whole(path) as partial:
            partial.write_text(text + "\n")
