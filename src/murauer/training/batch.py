"""Mini-batches: the paper's four sets by name, and how they are drawn from a store.

Batch k of a training is a function of the seed and k alone, so a resumed run sees what an uninterrupted
one would have seen.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from murauer.errors import UserError
from murauer.prepare.rendering.while_training import EndlessFrames
from murauer.store.augmentation import Placement, Samples, draw_placement, still, to_samples
from murauer.store.frame_pool import FramePool, draw_rows
from murauer.store.frame_set import FrameSet, Region, join_regions
from murauer.store.store import ENDLESS, Store
from murauer.training.config import Config
from murauer.training.device import CPU, to_device
from murauer.training.parallel import WHOLE, Part
from murauer.training.variants import Variant


@dataclass(frozen=True)
class CorrespondingPairs:
    """Labelled real frames and synthetic frames of the same pose, under the same offset and rotation.

    Attributes:
        real: B labelled real frames.
        synthetic: the synthetic pairs of those of them that have a usable one, in the same order; None where
            the variant has no mapping to learn from them, or no frame of the batch has one.
        paired: which of the real frames these are, indices, ascending, shape (n,). A mask would make the
            processor wait until a GPU has counted it.
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
        labelled: which samples have labels, indices, ascending, shape (n,).
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
        corresponding: labelled real frames with their synthetic pairs.
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


def synthetic_pools(store: Store) -> Callable[[int], FramePool]:
    """What has the pool of a step.

    Raises:
        UserError: the store has no usable labelled synthetic frames, and none that can be rendered.
    """
    if ENDLESS in store.description and store.synthetic is None:
        endless = EndlessFrames(store)
        return lambda step: FramePool.among(endless.at(step), store.view_pair, labelled=True)
    pool = FramePool.of(store, "synthetic", labelled=True)
    return lambda step: pool


@dataclass(frozen=True)
class Draw:
    """Which frames become samples, and with what variation.

    Attributes:
        frames: the set that they are in.
        rows: the moments, shape (B,).
        cameras: the camera, one for all or one for each, shape (B,).
        placement: of the cubes.
        noise: of standard deviation 1 for each patch pixel, or zeros, shape (B, P, P).
    """

    frames: FrameSet
    rows: np.ndarray
    cameras: int | np.ndarray
    placement: Placement
    noise: Tensor

    def part(self, rows: slice | np.ndarray) -> "Draw":
        """Some of the samples."""
        cameras = self.cameras if isinstance(self.cameras, int) else self.cameras[rows]
        placement = Placement(self.placement.offset[rows], self.placement.rotation[rows])
        return Draw(self.frames, self.rows[rows], cameras, placement, self.noise[rows])


@dataclass(frozen=True)
class ViewDraw:
    """Draws of input and target, and the rest of what `ViewPairs` holds.

    Attributes:
        draws: of the input and of the target.
        jitter: of the crop centre that g is told, in mm, shape (B, 3).
        labelled: whether samples have labels, shape (B,).
    """

    draws: tuple[Draw, Draw]
    jitter: Tensor
    labelled: Tensor

    def pairs(self, cut: Iterator[Samples]) -> ViewPairs:
        """The pairs, whose input and target are the next two of what was cut out."""
        inputs, target = next(cut), next(cut)
        device = inputs.centre.device
        condition = inputs.centre + to_device(self.jitter, device)
        return ViewPairs(inputs, target.patch, condition, row_indices(self.labelled, device))

    def part(self, rows: slice) -> "ViewDraw":
        """Some of the pairs."""
        inputs, target = self.draws
        return ViewDraw((inputs.part(rows), target.part(rows)), self.jitter[rows], self.labelled[rows])


class BatchSource:
    """Draws mini-batches from a store.

    Args:
        store: the data.
        config: sizes of the sets and of the patches, augmentation.
        variant: which sets are drawn.
        labelled_rows: indices of the real frames whose labels may be used, shape (n,).
        seed: of all batches.
        device: where frames are cut out and varied, and the batches are. What is random is drawn by the
            processor, so that all devices see the same.

    Raises:
        UserError: the store lacks a set, or usable frames in one, that the variant draws from.
    """

    def __init__(
        self,
        store: Store,
        config: Config,
        variant: Variant,
        labelled_rows: np.ndarray,
        seed: int,
        device: torch.device = CPU,
    ):
        self.store = store
        self.config = config
        self.variant = variant
        self.seed = seed
        self.device = device
        self.labelled_rows = labelled_rows
        if variant.synthetic:
            self.synthetic = synthetic_pools(store)
        if variant.view_prediction or variant.matching:
            self.real = FramePool.of(store, "real")
        if variant.view_prediction:
            pools = [self.real]
            if variant.synthetic and store.synthetic is not None:  # rendered ones show all cameras
                pools.append(self.synthetic(0))
            if not all(len(pool.pairs) for pool in pools):
                raise UserError(
                    f"variant '{variant.title}' predicts the view of a second camera, but {store.folder} "
                    "has no frames of two; choose 'distr_match' or record with two"
                )

    def pretraining(self, step: int, part: Part = WHOLE) -> PretrainingBatch:
        """Part of batch `step` of the pre-training: half of the samples also show another view."""
        generator = self._generator(0, step)
        size = self.config.training.pretraining_batch
        pool = self.synthetic(step)
        seen_twice = max(size // 2, 1) if len(pool.pairs) else 0
        samples = self._draw(pool, size - seen_twice, generator, all_cameras=True)
        views = self._draw_views(pool, seen_twice, generator) if seen_twice else None
        samples = samples.part(part.rows(size - seen_twice))
        views = views and views.part(part.rows(seen_twice))
        cut = self._cut([samples, *(views.draws if views else [])])
        return PretrainingBatch(next(cut), views.pairs(cut) if views else None)

    def joint(self, step: int, part: Part = WHOLE) -> MiniBatch:
        """Part of mini-batch `step` of joint training.

        What is random is drawn for all samples, and only those of the part are read and cut out, so that the
        parts together are the whole.
        """
        size = self.config.training.set_size
        rows = part.rows(size)
        variant = self.variant
        # Each set has a stream of its own, so that variants see the same samples in the sets they share.
        streams = [self._generator(1, step, index) for index in range(5)]
        corresponding: list[Draw] = []
        paired = torch.zeros(size, dtype=torch.bool)
        if len(self.labelled_rows):
            corresponding, paired = self._draw_corresponding(size, streams[0], rows)
        synthetic, unlabelled, views = [], [], {}
        if variant.synthetic:
            pool = self.synthetic(step)
            synthetic = [self._draw(pool, size, streams[1], all_cameras=True).part(rows)]
        if variant.view_prediction:
            views["real"] = self._draw_views(self.real, size, streams[2], self.labelled_rows).part(rows)
            if variant.synthetic:
                views["synthetic"] = self._draw_views(pool, size, streams[3]).part(rows)
        if variant.matching:
            unlabelled = [self._draw(domain, size, streams[4]).part(rows) for domain in (self.real, pool)]
        seen_twice = [draw for pairs in views.values() for draw in pairs.draws]
        cut = self._cut([*corresponding, *synthetic, *seen_twice, *unlabelled])
        return MiniBatch(  # in the order of the draws
            corresponding=CorrespondingPairs(
                next(cut), next(cut) if paired.any() else None, row_indices(paired, self.device)
            )
            if corresponding
            else None,
            synthetic=next(cut) if synthetic else None,
            real_views=views["real"].pairs(cut) if "real" in views else None,
            synthetic_views=views["synthetic"].pairs(cut) if "synthetic" in views else None,
            unlabelled=DomainSamples(real=next(cut), synthetic=next(cut)) if unlabelled else None,
        )

    def _generator(self, *key: int) -> Generator:
        state = np.random.SeedSequence((self.seed, *key)).generate_state(1, np.uint64)[0]
        return Generator().manual_seed(int(state >> 1))

    def _noise(self, size: int, generator: Generator) -> Tensor:
        """White noise of standard deviation 1 for each pixel of a set's patches."""
        side = self.config.network.patch_size
        if self.config.augmentation.noise_mm == 0:
            return torch.zeros(size, side, side)
        return torch.randn(size, side, side, generator=generator)

    def _draw(self, pool: FramePool, size: int, generator: Generator, all_cameras: bool = False) -> Draw:
        rows, cameras = pool.draw(size, generator, all_cameras)
        placement = draw_placement(size, self.config.augmentation, generator)
        return Draw(pool.frames, rows, cameras, placement, self._noise(size, generator))

    def _draw_corresponding(self, size: int, generator: Generator, part: slice) -> tuple[list[Draw], Tensor]:
        """Part of the labelled frames, their synthetic pairs if any have one, and which of them have."""
        rows = draw_rows(self.labelled_rows, size, generator)
        placement = draw_placement(size, self.config.augmentation, generator)
        real = Draw(self.store.require("real"), rows, 0, placement, self._noise(size, generator))
        pair = self.store.pairs
        if pair is None or not self.variant.mapping:
            return [real.part(part)], torch.zeros(len(rows[part]), dtype=torch.bool)
        paired = pair.valid[rows, 0] & pair.labelled[rows]
        noise = torch.empty_like(real.noise)
        noise[paired] = self._noise(int(paired.sum()), generator)
        pairs = Draw(pair, rows, 0, placement, noise).part(part).part(paired[part])
        return [real.part(part), *([pairs] if len(pairs.rows) else [])], torch.from_numpy(paired[part])

    def _draw_views(
        self, pool: FramePool, size: int, generator: Generator, labelled_rows: np.ndarray | None = None
    ) -> ViewDraw:
        """View pairs; `labelled_rows` says which frames have labels, None that all have."""
        assert self.store.view_pair is not None
        first, second = self.store.view_pair
        rows = draw_rows(pool.pairs, size, generator)
        placement = draw_placement(size, self.config.augmentation, generator, rotate=False)
        inputs = Draw(pool.frames, rows, first, placement, self._noise(size, generator))
        jitter = self.config.augmentation.condition_jitter_mm * torch.randn(size, 3, generator=generator)
        labelled = np.ones(size, bool) if labelled_rows is None else np.isin(rows, labelled_rows)
        target = Draw(pool.frames, rows, second, still(size), torch.zeros_like(inputs.noise))
        return ViewDraw((inputs, target), jitter, torch.from_numpy(labelled))

    def _cut(self, draws: list[Draw]) -> Iterator[Samples]:
        """The samples of some draws, in their order, cut out together: a set alone is mostly overhead."""
        regions = [draw.frames.regions(draw.rows, draw.cameras) for draw in draws]
        if len({region.depth.shape[1:] for region in regions}) > 1:  # as sets from different tools may have
            for draw, region in zip(draws, regions, strict=True):
                yield self._samples([draw], [region])
        else:
            together = self._samples(draws, regions)
            start = 0
            for draw in draws:
                yield together.part(slice(start, start := start + len(draw.rows)))

    def _samples(self, draws: list[Draw], regions: list[Region]) -> Samples:
        region = join_regions(regions) if len(regions) > 1 else regions[0]
        noise = torch.cat([draw.noise for draw in draws]) if len(draws) > 1 else draws[0].noise
        return to_samples(
            Region(**{name: to_device(values, self.device) for name, values in vars(region).items()}),
            Placement(
                to_device(torch.cat([draw.placement.offset for draw in draws]), self.device),
                to_device(torch.cat([draw.placement.rotation for draw in draws]), self.device),
            ),
            patch_size=self.config.network.patch_size,
            cube_mm=self.store.cube_mm,
            noise=to_device(noise, self.device),
            noise_mm=self.config.augmentation.noise_mm,
        )


def row_indices(mask: Tensor, device: torch.device) -> Tensor:
    """Where a mask (B,) of the processor is true: indices on a device, (n,)."""
    return to_device(mask.nonzero()[:, 0], device)
