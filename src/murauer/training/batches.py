"""The mini-batch of joint training: the paper's four sets, by name.

Batch k of a training is a function of the seed and k alone, so a resumed run sees what an uninterrupted
one would have seen.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from murauer.config import Config
from murauer.data.augmentation import Placement, Samples, draw_placement, still, to_samples
from murauer.data.frame_pool import FramePool, draw_rows
from murauer.data.frame_set import Region
from murauer.data.recording import Recording
from murauer.errors import UserError
from murauer.training.variants import Variant


@dataclass(frozen=True)
class CorrespondingPairs:
    """Labelled real frames and synthetic frames of the same pose, under the same offset and rotation.

    Attributes:
        real: B labelled real frames.
        synthetic: the twins of those of them that have a usable one, in the same order; None where the
            variant has no mapping to learn from them, or no frame of the batch has one.
        paired: which of the real frames these are, shape (B,).
    """

    real: Samples
    synthetic: Samples | None
    paired: Tensor


@dataclass(frozen=True)
class ViewPairs:
    """Input of one camera and what another camera saw at that moment.

    Attributes:
        input: patches of the first camera.
        target: patches of the other camera, shape (B, 1, P, P).
        condition: crop centre of the input, jittered, as told to g, in mm, shape (B, 3).
        labelled: which samples have labels, shape (B,).
    """

    input: Samples
    target: Tensor
    condition: Tensor
    labelled: Tensor


@dataclass(frozen=True)
class DomainSamples:
    """Unpaired frames of both domains, seen by the same camera, for matching their distributions."""

    real: Samples
    synthetic: Samples


@dataclass(frozen=True)
class MiniBatch:
    """The four sets of the supplement; a set that the variant does not use is None.

    Attributes:
        corresponding: labelled real frames with their synthetic twins.
        synthetic: labelled synthetic frames.
        real_views, synthetic_views: the multi-view set of either domain.
        unlabelled: real and synthetic frames for matching the distributions.
    """

    corresponding: CorrespondingPairs | None
    synthetic: Samples | None
    real_views: ViewPairs | None
    synthetic_views: ViewPairs | None
    unlabelled: DomainSamples | None


@dataclass(frozen=True)
class PretrainingBatch:
    """What one step of pre-training sees, all of it synthetic and labelled.

    Attributes:
        samples: from any camera.
        views: two-view moments, whose input f and p learn from like any other and g learns to turn; None
            where the synthetic frames are of one camera.
    """

    samples: Samples
    views: ViewPairs | None


class BatchSource:
    """Draws mini-batches from a recording.

    Args:
        recording: the data.
        config: sizes of the sets and of the patches, augmentation.
        variant: which sets are drawn.
        labelled_rows: indices of the real frames whose labels may be used, shape (n,).
        seed: of all batches.

    Raises:
        UserError: the recording lacks a set, or usable frames in one, that the variant draws from.
    """

    def __init__(
        self, recording: Recording, config: Config, variant: Variant, labelled_rows: np.ndarray, seed: int
    ):
        self.recording = recording
        self.config = config
        self.variant = variant
        self.seed = seed
        self.labelled_rows = labelled_rows
        if variant.synthetic:
            self.synthetic = FramePool.of(recording, "synthetic", labelled=True)
        if variant.view_prediction or variant.matching:
            self.real = FramePool.of(recording, "real")
        if variant.view_prediction:
            pools = [self.real, *([self.synthetic] if variant.synthetic else [])]
            if not all(len(pool.pairs) for pool in pools):
                raise UserError(
                    f"variant '{variant.title}' predicts the view of a second camera, but {recording.folder} "
                    "has no frames of two; choose 'distr_match' or record with two"
                )

    def pretraining(self, step: int) -> PretrainingBatch:
        """Batch number `step` of the pre-training: a quarter of the samples also show another view."""
        generator = self._generator(0, step)
        size = self.config.training.pretraining_batch
        pool = self.synthetic
        seen_twice = max(size // 4, 1) if len(pool.pairs) else 0
        return PretrainingBatch(
            samples=self._frames(pool, size - seen_twice, generator, all_cameras=True),
            views=self._views(pool, seen_twice, generator, None) if seen_twice else None,
        )

    def joint(self, step: int) -> MiniBatch:
        """Mini-batch number `step` of joint training."""
        size = self.config.training.set_size
        variant = self.variant
        # Each set has a stream of its own, so that variants see the same samples in the sets they share.
        labelled, synthetic, real_views, synthetic_views, unlabelled = (
            self._generator(1, step, index) for index in range(5)
        )
        views = variant.view_prediction
        return MiniBatch(
            corresponding=self._corresponding(size, labelled) if len(self.labelled_rows) else None,
            synthetic=self._frames(self.synthetic, size, synthetic, all_cameras=True)
            if variant.synthetic
            else None,
            real_views=self._views(self.real, size, real_views, self.labelled_rows) if views else None,
            synthetic_views=self._views(self.synthetic, size, synthetic_views, None)
            if views and variant.synthetic
            else None,
            unlabelled=self._unlabelled(size, unlabelled) if variant.matching else None,
        )

    def _generator(self, *key: int) -> Generator:
        state = np.random.SeedSequence((self.seed, *key)).generate_state(1, np.uint64)[0]
        return Generator().manual_seed(int(state >> 1))

    def _samples(self, region: Region, placement: Placement, generator: Generator) -> Samples:
        return to_samples(
            region,
            placement,
            patch_size=self.config.network.patch_size,
            cube_mm=self.recording.cube_mm,
            noise_mm=self.config.augmentation.noise_mm,
            generator=generator,
        )

    def _frames(self, pool: FramePool, size: int, generator: Generator, all_cameras: bool = False) -> Samples:
        rows, cameras = pool.draw(size, generator, all_cameras)
        placement = draw_placement(size, self.config.augmentation, generator)
        return self._samples(pool.frames.regions(rows, cameras), placement, generator)

    def _corresponding(self, size: int, generator: Generator) -> CorrespondingPairs:
        rows = draw_rows(self.labelled_rows, size, generator)
        placement = draw_placement(size, self.config.augmentation, generator)
        real = self._samples(self.recording.need("real").regions(rows), placement, generator)
        twin = self.recording.twin
        if twin is None or not self.variant.mapping:
            return CorrespondingPairs(real, None, torch.zeros(size, dtype=torch.bool))
        paired = torch.from_numpy(twin.valid[rows, 0] & twin.labelled[rows])
        if not paired.any():
            return CorrespondingPairs(real, None, paired)
        same = Placement(placement.offset[paired], placement.rotation[paired])
        regions = twin.regions(rows[paired.numpy()])
        return CorrespondingPairs(real, self._samples(regions, same, generator), paired)

    def _unlabelled(self, size: int, generator: Generator) -> DomainSamples:
        return DomainSamples(
            real=self._frames(self.real, size, generator),
            synthetic=self._frames(self.synthetic, size, generator),
        )

    def _views(
        self, pool: FramePool, size: int, generator: Generator, labelled_rows: np.ndarray | None
    ) -> ViewPairs:
        """View pairs; `labelled_rows` says which frames have labels, None that all have."""
        assert self.recording.view_pair is not None
        first, second = self.recording.view_pair
        frames, rows = pool.frames, draw_rows(pool.pairs, size, generator)
        placement = draw_placement(size, self.config.augmentation, generator, rotate=False)
        inputs = self._samples(frames.regions(rows, first), placement, generator)
        target = to_samples(
            frames.regions(rows, second),
            still(size),
            patch_size=self.config.network.patch_size,
            cube_mm=self.recording.cube_mm,
        )
        jitter = self.config.augmentation.condition_jitter_mm * torch.randn(size, 3, generator=generator)
        labelled = np.ones(size, bool) if labelled_rows is None else np.isin(rows, labelled_rows)
        return ViewPairs(inputs, target.patch, inputs.centre + jitter, torch.from_numpy(labelled))
