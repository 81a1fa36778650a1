"""Trains the base model on frames that are rendered meanwhile.

    python -m murauer.training.base OUT --stage 600 0.0015
    python -m murauer.training.base OUT --start default --stage 600 0.0007

Every stage has a length in minutes and a highest learning rate, which it reaches after a short rise and which
then falls to zero at its end: it ends when it was told to, however fast the machine is. The same command goes
on where it was stopped.
"""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import torch
from torch import Generator, Tensor, nn

from murauer.files import file_digest
from murauer.nets.config import DenseConfig
from murauer.nets.dense_network import DenseHandPoseNetwork
from murauer.nets.model_file import load_model, model_path, pack_module, unpack_module
from murauer.provenance import PROVENANCE, decode_provenance, encode_provenance, provenance
from murauer.store.store import open_store
from murauer.training.base.losses import error_loss, joint_loss, vote_loss
from murauer.training.base.optimiser import LARGEST_GRADIENT, dense_optimiser, rise_and_fall
from murauer.training.base.pool import Pool
from murauer.training.base.samples import Batch, Variation, make_batch
from murauer.training.base.testing import error_mm, stored_hands
from murauer.training.checkpoint import pack_optimiser, read_checkpoint, unpack_optimiser, write_checkpoint
from murauer.training.device import keep_freed_memory
from murauer.training.ema import average_of

CHECKPOINT = "checkpoint.safetensors"

RISE = 0.03
"""Share of a stage in which the learning rate rises."""

REFRESH = 30
"""Steps from one look for new frames to the next."""


@dataclass(frozen=True)
class Stage:
    """A part of the training.

    Attributes:
        minutes: its length.
        rate: highest learning rate of AdamW.
    """

    minutes: float
    rate: float


@dataclass(frozen=True)
class BaseTraining:
    """How the base model is trained.

    Attributes:
        network: sizes.
        stages: one after the other.
        batch: patches of a step.
        weight_decay: of AdamW.
        average_decay: of the moving average of the weights.
        votes_weight: of the votes of single places beside the joints.
        error_weight: of the expected errors; no other weight depends on them.
        variation: of the patches.
        chunks: of frames that are held.
        checkpoint_minutes: from one checkpoint to the next.
        test_minutes: from one test to the next.
        half_precision: products in bfloat16.
        seed: of weights and batches.
    """

    stages: tuple[Stage, ...]
    network: DenseConfig = field(default_factory=DenseConfig)
    batch: int = 64
    weight_decay: float = 0.02
    average_decay: float = 0.999
    votes_weight: float = 0.3
    error_weight: float = 0.1
    variation: Variation = field(default_factory=Variation)
    chunks: int = 140
    checkpoint_minutes: float = 4.0
    test_minutes: float = 8.0
    half_precision: bool = True
    seed: int = 0

    def rate(self, minutes: float) -> float | None:
        """Learning rate after some minutes; None at the end."""
        for stage in self.stages:
            if minutes < stage.minutes:
                share = minutes / stage.minutes
                return stage.rate * rise_and_fall(share, RISE)
            minutes -= stage.minutes
        return None


class BaseTrainer:
    """Network, moving average and optimiser, with the time that they have been trained for.

    Args:
        config: what to do.
        folder: of checkpoints; goes on from the one that is there.
        start: model whose weights are the first ones if there is no checkpoint; random ones by default.
    """

    def __init__(self, config: BaseTraining, folder: Path, start: str | Path | None = None) -> None:
        torch.manual_seed(config.seed)
        self.config, self.folder = config, folder
        self.network = DenseHandPoseNetwork(config.network).train()
        for module in self.network.modules():
            if isinstance(module, nn.Conv2d):
                module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if start is not None:
            self.network.load_state_dict(load_model(start)[0].state_dict())
        self.average = average_of(self.network, config.average_decay)
        # g and m are for other trainings; here they would only decay.
        trained = [*self.network.extractor.parameters(), *self.network.pose_head.parameters()]
        self.optimiser = dense_optimiser(trained, config.weight_decay)
        self.parameters = trained
        self.minutes, self.images = 0.0, 0
        self.generator = Generator().manual_seed(config.seed)
        inputs = {} if start is None else {"start": file_digest(model_path(start))}
        self.made = provenance(inputs=inputs, seed=config.seed, config=config)
        self._resume()

    def step(self, batch: Batch, rate: float) -> dict[str, Tensor]:
        """Make one step; returns its losses."""
        config, network = self.config, self.network
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        patch = batch.patch[:, None].contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=config.half_precision):
            latent = network.latent(patch, False)
            weights, hidden = network.pose_head.weighted(latent)
        votes = network.pose_head.pose(weights, hidden)
        losses = {
            "joints": joint_loss(votes.joints, batch.joints),
            "votes": vote_loss(network.pose_head, hidden, batch, config.network.places, self.generator),
            "error": error_loss(votes, batch.joints),
        }
        total = (
            losses["joints"] + config.votes_weight * losses["votes"] + config.error_weight * losses["error"]
        )
        self.optimiser.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(self.parameters, LARGEST_GRADIENT)
        self.optimiser.step()
        self.average.update(network)
        self.images += len(batch.patch)
        distance = (votes.joints.detach() - batch.joints).norm(dim=-1) * batch.half_cube_mm[:, None]
        return {name: loss.detach() for name, loss in losses.items()} | {"mm": distance.mean()}

    def save(self) -> None:
        """Write a checkpoint."""
        tensors = pack_module("network", self.network) | pack_module("average", self.average)
        tensors |= pack_optimiser("optimiser", self.optimiser)
        facts = {"minutes": self.minutes, "images": self.images}
        network = msgspec.json.encode(self.config.network).decode()
        metadata = {"facts": json.dumps(facts), "network": network, PROVENANCE: encode_provenance(self.made)}
        write_checkpoint(self.folder / CHECKPOINT, tensors, metadata)

    def _resume(self) -> None:
        path = self.folder / CHECKPOINT
        found = read_checkpoint(path)
        if found is None:
            return
        tensors, metadata = found
        unpack_module("network", self.network, tensors, path)
        unpack_module("average", self.average, tensors, path)
        unpack_optimiser("optimiser", self.optimiser, tensors)
        facts = json.loads(metadata["facts"])
        self.minutes, self.images = facts["minutes"], facts["images"]
        self.generator.manual_seed(self.config.seed + self.images)
        self.made = self.made.after(decode_provenance(metadata.get(PROVENANCE), path))


def train(
    config: BaseTraining, folder: Path, pool: Pool, tested: Path | None, start: str | Path | None = None
) -> None:
    """Train until the stages are over.

    Args:
        config: what to do.
        folder: of checkpoints and of the log, one line of JSON a test.
        pool: frames.
        tested: a store whose test set says how good the moving average is; None for no tests.
        start: model to start from, see `BaseTrainer`.
    """
    keep_freed_memory()
    folder.mkdir(parents=True, exist_ok=True)
    trainer = BaseTrainer(config, folder, start)
    store = None if tested is None else open_store(tested)
    regions = None if store is None else stored_hands(store, "test")
    pool.wait(min(config.chunks, 4))
    sums: dict[str, float] = {}
    steps, saved, shown = 0, trainer.minutes, trainer.minutes
    while (rate := config.rate(trainer.minutes)) is not None:
        began = time.monotonic()
        frames = pool.draw(config.batch, trainer.generator)
        batch = make_batch(frames, config.network.patch_size, config.variation, trainer.generator)
        losses = trainer.step(batch, rate)
        for name, loss in losses.items():
            sums[name] = sums.get(name, 0.0) + float(loss)
        steps += 1
        if steps % REFRESH == 0:
            pool.refresh()
        trainer.minutes += (time.monotonic() - began) / 60
        if trainer.minutes - saved > config.checkpoint_minutes:
            trainer.save()
            saved = trainer.minutes
        if trainer.minutes - shown > config.test_minutes:
            line = {"minutes": trainer.minutes, "images": trainer.images, "frames": pool.frames, "rate": rate}
            line |= {name: total / steps for name, total in sums.items()}
            if regions is not None and store is not None:
                errors = error_mm(
                    trainer.average.module, regions, store.skeleton.name, config.variation.cube_mm
                )
                line["test_mm"] = float(errors.mean())
            with open(folder / "log.jsonl", "a") as log:
                log.write(json.dumps({name: round(value, 5) for name, value in line.items()}) + "\n")
            print({name: round(value, 4) for name, value in line.items()}, flush=True)
            sums, steps, shown = {}, 0, trainer.minutes
    trainer.save()
