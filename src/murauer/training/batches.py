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
from murauer.data.frame_set import FrameSet, Region
from murauer.data.recording import Recording
from murauer.training.variants import Variant


@dataclass(frozen=True)
class CorrespondingPairs:
    """Labelled real frames and synthetic frames of the same pose, under the same offset and rotation.

    The synthetic ones are left out where the variant has no mapping to learn from them.
    """

    real: Samples
    synthetic: Samples | None


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
        views: two-view moments, whose input f and p learn from like any other and g learns to turn.
    """

    samples: Samples
    views: ViewPairs


class BatchSource:
    """Draws mini-batches from a recording.

    Args:
        recording: the data.
        config: sizes of the sets and of the patches, augmentation.
        variant: which sets are drawn.
        labels: number n of labelled real frames.
        seed: of the choice of these frames and of all batches.

    Raises:
        UserError: the recording has fewer than n real frames.
    """

    def __init__(self, recording: Recording, config: Config, variant: Variant, labels: int, seed: int):
        self.recording = recording
        self.config = config
        self.variant = variant
        self.seed = seed
        self.labelled_rows = recording.labelled_rows(labels if variant.real else 0, seed)

    def pretraining(self, step: int) -> PretrainingBatch:
        """Batch number `step` of the pre-training: a quarter of the samples also show another view."""
        generator = self._generator(0, step)
        size = self.config.training.pretraining_batch
        frames = self.recording.synthetic
        return PretrainingBatch(
            samples=self._frames(frames, size - max(size // 4, 1), generator, all_cameras=True),
            views=self._views(frames, max(size // 4, 1), generator, None),
        )

    def joint(self, step: int) -> MiniBatch:
        """Mini-batch number `step` of joint training."""
        size = self.config.training.set_size
        variant, recording = self.variant, self.recording
        # Each set has a stream of its own, so that variants see the same samples in the sets they share.
        labelled, synthetic, real_views, synthetic_views, unlabelled = (
            self._generator(1, step, index) for index in range(5)
        )
        views = variant.view_prediction
        return MiniBatch(
            corresponding=self._corresponding(size, labelled) if len(self.labelled_rows) else None,
            synthetic=self._frames(recording.synthetic, size, synthetic, all_cameras=True)
            if variant.synthetic
            else None,
            real_views=self._views(recording.real, size, real_views, self.labelled_rows) if views else None,
            synthetic_views=self._views(recording.synthetic, size, synthetic_views, None)
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

    def _frames(
        self, frames: FrameSet, size: int, generator: Generator, all_cameras: bool = False
    ) -> Samples:
        rows = _draw(len(frames), size, generator)
        cameras = _draw(frames.views if all_cameras else 1, size, generator)
        placement = draw_placement(size, self.config.augmentation, generator)
        return self._samples(frames.regions(rows, cameras), placement, generator)

    def _corresponding(self, size: int, generator: Generator) -> CorrespondingPairs:
        rows = self.labelled_rows[_draw(len(self.labelled_rows), size, generator)]
        placement = draw_placement(size, self.config.augmentation, generator)
        real = self._samples(self.recording.real.regions(rows), placement, generator)
        if not self.variant.mapping:
            return CorrespondingPairs(real, None)
        return CorrespondingPairs(
            real, self._samples(self.recording.twin.regions(rows), placement, generator)
        )

    def _unlabelled(self, size: int, generator: Generator) -> DomainSamples:
        return DomainSamples(
            real=self._frames(self.recording.real, size, generator),
            synthetic=self._frames(self.recording.synthetic, size, generator),
        )

    def _views(
        self, frames: FrameSet, size: int, generator: Generator, labelled_rows: np.ndarray | None
    ) -> ViewPairs:
        """View pairs; `labelled_rows` says which frames have labels, None that all have."""
        rows = _draw(len(frames), size, generator)
        first, second = self.recording.view_pair
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


def _draw(count: int, size: int, generator: Generator) -> np.ndarray:
    return torch.randint(count, (size,), generator=generator).numpy()
