"""Adapts a dense model to a camera: minutes on two cores, from frames without labels or with a few.

Each step learns from several kinds of frames at once: rendered frames such as the camera sees, those of the
base's training, so that it keeps what it can do elsewhere, and labels if there are any. What the first model
believes of the camera's frames is as wrong as that model. So it is asked half way, with better weights: of
several looks, and of two cameras where there are two.

BatchNorm keeps the statistics of the model: a few minutes of small batches only spoil them.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Generator, Tensor, nn

from murauer.errors import UserError
from murauer.nets.config import ModelConfig
from murauer.nets.dense_network import DenseHandPoseNetwork
from murauer.nets.model_file import load_model
from murauer.progress import Progress
from murauer.store.frame_set import Region, join_regions
from murauer.store.store import Store
from murauer.training.adapt.keep import keep_skill
from murauer.training.adapt.losses import believed_joint_loss
from murauer.training.adapt.recorded import RecordedFrames, believed_frames, labelled_frames
from murauer.training.adapt.rendered import RenderedFrames, frames_like
from murauer.training.base.losses import error_loss, vote_loss
from murauer.training.base.optimiser import LARGEST_GRADIENT, dense_optimiser, rise_and_fall
from murauer.training.base.samples import Batch, Variation, make_batch
from murauer.training.base.scenes import BaseScenes
from murauer.training.base.testing import error_mm
from murauer.training.device import fastest_precision, keep_freed_memory, networks_in
from murauer.training.ema import average_of

RISE = 0.05
"""Share of the steps in which the learning rate rises."""

RENEWED_EVERY = 40
"""Steps after which a part of the rendered frames is rendered anew."""

BELIEVED_FROM = 0.5
"""Share of the steps after which the model is asked what it believes."""

FEW_MOMENTS, MANY_MOMENTS = 100, 500
"""That are looked at to see how far two cameras disagree, and to learn from."""

TESTED = 250
"""Frames of the base's training that say what an adaptation unlearns."""


@dataclass(frozen=True)
class Adaptation:
    """How a model is adapted.

    Attributes:
        steps: Their number.
        batch: Patches of a step.
        learning_rate: Highest learning rate of AdamW.
        weight_decay: Of AdamW.
        average_decay: Of the moving average of the weights.
        votes_weight: Of the votes of single places beside the joints, where these are known.
        error_weight: Of the loss of the expected errors; no other weight depends on them.
        rendered: Rendered frames of each kind that are held; no more than could be drawn.
        seed: Of everything random.
    """

    steps: int = 800
    batch: int = 64
    learning_rate: float = 5e-4
    weight_decay: float = 0.02
    average_decay: float = 0.995
    votes_weight: float = 0.3
    error_weight: float = 0.1
    rendered: int = 2000
    seed: int = 0

    def rate(self, step: int) -> float:
        """Learning rate of a step."""
        return self.learning_rate * rise_and_fall((step + 1) / self.steps, RISE)


@dataclass(frozen=True)
class Adapted:
    """A model that was adapted, and what it is worth.

    Attributes:
        network, config: The model.
        own_mm: Error on frames of the base's training before and after.
        apart_mm: Distance of what two cameras say of a joint, before and half way; empty with one camera.
    """

    network: DenseHandPoseNetwork
    config: ModelConfig
    own_mm: tuple[float, float]
    apart_mm: tuple[float, ...]


def load_dense(start: str | Path) -> tuple[DenseHandPoseNetwork, ModelConfig]:
    """A model that can be adapted.

    Raises:
        UserError: It cannot be read or is no dense one of `hand21`.
    """
    network, config = load_model(start)
    if not isinstance(network, DenseHandPoseNetwork) or network.config.skeleton != "hand21":
        raise UserError(f"{start} is no dense model of skeleton hand21; adapt default or what came of it")
    return network, config


def adapt(store: Store, start: str | Path, rows: np.ndarray, settings: Adaptation) -> Adapted:
    """Adapt a model to the camera of a store.

    Args:
        store: With real frames, of one camera or two.
        start: The model.
        rows: Real frames whose labels are used, indices; none to use no labels.
        settings: How.

    Raises:
        UserError: The model cannot be adapted, or the store has no usable frames or labels that cannot be
            converted.
    """
    keep_freed_memory()
    torch.manual_seed(settings.seed)
    generator = Generator().manual_seed(settings.seed)
    first, config = load_dense(start)
    network, _ = load_dense(start)
    frames = store.require("real")
    number = min(settings.rendered, settings.steps * settings.batch)
    own = RenderedFrames(BaseScenes(), number, generator)
    like = frames_like(frames, number, generator)
    apart_from_these = Generator().manual_seed(settings.seed + 1)
    tested, _ = RenderedFrames(BaseScenes(), min(TESTED, number), apart_from_these).draw(TESTED, generator)

    def unlearned(some: DenseHandPoseNetwork) -> float:
        return float(error_mm(some, [tested], "hand21", config.cube_mm).mean())

    exact: list[RenderedFrames | RecordedFrames] = [own, like]
    if len(rows):
        exact.append(labelled_frames(first, store, rows))
    _, before = believed_frames(first, store, rows, FEW_MOMENTS)
    trainer = Trainer(network, settings, generator)
    trainer.train(round(BELIEVED_FROM * settings.steps), exact)
    recorded, half_way = believed_frames(trainer.average.module, store, rows, MANY_MOMENTS)
    trainer.train(settings.steps, exact, recorded)
    adapted = keep_skill(first, trainer.average.module, unlearned)
    own_mm = unlearned(first), unlearned(adapted)
    apart = () if before is None or half_way is None else (before, half_way)
    return Adapted(adapted.eval(), config, own_mm, apart)


class Trainer:
    """Network, moving average and optimiser of an adaptation.

    Args:
        network: In evaluation mode, in which it stays.
        settings: How.
        generator: Source of randomness.
    """

    def __init__(self, network: DenseHandPoseNetwork, settings: Adaptation, generator: Generator) -> None:
        self.network, self.settings, self.generator = network, settings, generator
        self.average = average_of(network, settings.average_decay)
        self.done = 0
        self.parameters = [*network.extractor.parameters(), *network.pose_head.parameters()]
        self.optimiser = dense_optimiser(self.parameters, settings.weight_decay)

    def train(
        self,
        stop: int,
        exact: list[RenderedFrames | RecordedFrames],
        believed: RecordedFrames | None = None,
    ) -> None:
        """Make the steps up to some number.

        Args:
            stop: That number.
            exact: Frames whose joints are known.
            believed: Frames whose joints are believed.
        """
        kinds = exact if believed is None else [*exact, believed]
        size = self.settings.batch // len(kinds)
        with Progress("adapting", self.settings.steps, self.done, unit="step") as progress:
            while self.done < stop:
                drawn = [frames.draw(size, self.generator) for frames in kinds]
                loss = self.step(drawn, size * len(exact))
                progress.advance(loss=loss)
                self.done += 1
                if self.done % RENEWED_EVERY == 0:
                    for frames in exact:
                        if isinstance(frames, RenderedFrames):
                            frames.renew(self.generator)

    def step(self, drawn: list[tuple[Region, Tensor]], exact: int) -> Tensor:
        """Make a step with windows of several kinds, the first `exact` of which have known joints."""
        regions, weights = zip(*drawn, strict=True)
        network, settings = self.network, self.settings
        batch = make_batch(
            join_regions(list(regions)), network.config.patch_size, Variation(), self.generator
        )
        for group in self.optimiser.param_groups:
            group["lr"] = settings.rate(self.done)
        patch, head = batch.patch[:, None].contiguous(memory_format=torch.channels_last), network.pose_head
        with networks_in(fastest_precision(), "cpu"):
            places, hidden = head.weighted(network.latent(patch, True))
        votes = head.pose(places, hidden)
        loss = believed_joint_loss(votes.joints, batch.joints, torch.cat(weights))
        known = Batch(batch.patch[:exact], batch.joints[:exact], batch.half_cube_mm[:exact])
        sure = votes._replace(joints=votes.joints[:exact], log_error=votes.log_error[:exact])
        single = vote_loss(head, hidden[:exact], known, network.config.places, self.generator)
        total = loss + settings.votes_weight * single + settings.error_weight * error_loss(sure, known.joints)
        self.optimiser.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(self.parameters, LARGEST_GRADIENT)
        self.optimiser.step()
        self.average.update(network)
        return loss.detach()
