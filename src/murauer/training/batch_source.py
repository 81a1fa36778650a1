"""How mini-batches are drawn from a store.

Batch k of a training is a function of the seed and k alone, so a resumed run sees what an uninterrupted
one would have seen.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Generator, Tensor

from murauer.errors import UserError
from murauer.prepare.rendering.while_training import EndlessFrames
from murauer.store.augmentation import Placement, draw_placement, still, to_samples
from murauer.store.frame_pool import FramePool, draw_rows
from murauer.store.frame_set import FrameSet, Region, join_regions
from murauer.store.manifest import PAIRS
from murauer.store.store import Store
from murauer.training.batch import POSED_ROWS, ROW_ORDER, TARGETS, Batch, span
from murauer.training.config import Config
from murauer.training.device import CPU, to_device
from murauer.training.parallel import WHOLE, Part
from murauer.training.published_views import PublishedViews
from murauer.training.set_sizes import domains_of, images_of, set_sizes
from murauer.training.variants import Variant

NONE = np.zeros(0, bool)


@dataclass(frozen=True)
class Draw:
    """Which images become the B samples of a set, and with what variation.

    Attributes:
        frames: The frame set that they are in.
        moments, cameras: Indices in it, shape (B,) each.
        offset, rotation, scale: Those of the cubes, see `Placement`.
        noise: Noise of standard deviation 1 for each patch pixel, or zeros, shape (B, P, P).
        jitter: Jitter of the crop centre that g is told, in mm, shape (B, 3).
        label_weight: How much the labels count in the pose loss; 0 where they do not, shape (B,).
    """

    frames: FrameSet
    moments: np.ndarray
    cameras: np.ndarray
    offset: Tensor
    rotation: Tensor
    scale: Tensor
    noise: Tensor
    jitter: Tensor
    label_weight: Tensor

    def part(self, rows: slice | np.ndarray) -> "Draw":
        """Some of the samples."""
        values = {name: value[rows] for name, value in vars(self).items() if name != "frames"}
        return Draw(self.frames, **values)


class BatchSource:
    """Draws mini-batches from a store.

    Args:
        store: The data.
        config: Sizes of the sets and of the patches, augmentation.
        variant: Which sets are drawn.
        labelled_rows: Indices of the real frames whose labels may be used, shape (n,).
        seed: Seed of all batches.
        device: Where frames are cut out and varied, and the batches are. What is random is drawn by the
            processor, so that all devices see the same.

    Attributes:
        sizes: Samples of each set and domain in joint training, see `set_sizes`.
        images: Images that a step of joint training shows f, at most.

    Raises:
        UserError: The store lacks a set, or usable frames in one, that the variant draws from.
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
        domains = domains_of(variant, paired=store.pairs is not None)
        self.sizes = set_sizes(config.training, domains)
        self.images = images_of(self.sizes, domains)
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
            if config.training.step.views == "published":
                self.published_views = PublishedViews.of(store, self.real, labelled_rows, variant.synthetic)

    def pretraining(self, step: int, part: Part = WHOLE) -> Batch:
        """Part of batch `step` of the pre-training; half may show another view, too, see `TrainingConfig`."""
        generator = self._generator(0, step)
        size = self.config.training.pretraining_batch
        pool = self.synthetic(step)
        with_views = self.config.training.generator_pretraining and len(pool.pairs)
        seen_twice = max(size // 2, 1) if with_views else 0
        sets = {"synthetic": self._draw(pool, size - seen_twice, generator, all_cameras=True)}
        if seen_twice:
            sets |= self._draw_views("views_synthetic", pool, seen_twice, generator)
        return self._cut({name: draw.part(part.rows(len(draw.moments))) for name, draw in sets.items()})

    def joint(self, step: int, part: Part = WHOLE) -> Batch:
        """Part of mini-batch `step` of joint training.

        What is random is drawn for all samples, and only those of the part are read and cut out, so that the
        parts together are the whole.
        """
        size, variant = self.sizes, self.variant
        # Each set has a stream of its own, so that variants see the same samples in the sets they share.
        streams = [self._generator(1, step, index) for index in range(5)]
        sets: dict[str, Draw] = {}
        paired = np.zeros(0, bool)
        if "labelled" in size:
            labelled, paired = self._draw_labelled(size["labelled"], streams[0])
            sets |= labelled
        if variant.synthetic:
            pool = self.synthetic(step)
            sets["synthetic"] = self._draw(pool, size["synthetic"], streams[1], all_cameras=True)
        if variant.view_prediction and self.config.training.step.views == "published":
            sets |= self._draw_published_views(size["views"], streams[2], streams[3])
        elif variant.view_prediction:
            sets |= self._draw_views("views_real", self.real, size["views"], streams[2], self.labelled_rows)
            if variant.synthetic:
                sets |= self._draw_views("views_synthetic", pool, size["views"], streams[3])
        if variant.matching:
            sets["unlabelled_real"] = self._draw(self.real, size["unlabelled"], streams[4])
            sets["unlabelled_synthetic"] = self._draw(pool, size["unlabelled"], streams[4])
        sets = {name: draw.part(part.rows(len(draw.moments))) for name, draw in sets.items()}
        paired = paired[part.rows(len(paired))]
        if "pairs" in sets:
            sets["pairs"] = sets["pairs"].part(paired)
        same_moments = self.config.training.step.views == "published" and "views_synthetic" in sets
        return self._cut(sets, paired, sets["views_real"].label_weight.numpy() > 0 if same_moments else NONE)

    def _generator(self, *key: int) -> Generator:
        state = np.random.SeedSequence((self.seed, *key)).generate_state(1, np.uint64)[0]
        return Generator().manual_seed(int(state >> 1))

    def _noise(self, size: int, generator: Generator) -> Tensor:
        """White noise of standard deviation 1 for each pixel of a set's patches."""
        side = self.config.sizes.patch_size
        if self.config.augmentation.noise_mm == 0:
            return torch.zeros(size, side, side)
        return torch.randn(size, side, side, generator=generator)

    def _vary(
        self,
        frames: FrameSet,
        moments: np.ndarray,
        cameras: int | np.ndarray,
        generator: Generator,
        rotate: bool = True,
    ) -> Draw:
        """Labelled samples of some images, with offset, rotation and noise, but no jitter."""
        size = len(moments)
        return Draw(
            frames,
            moments,
            np.broadcast_to(cameras, size),
            **vars(draw_placement(size, self.config.augmentation, generator, rotate)),
            noise=self._noise(size, generator),
            jitter=torch.zeros(size, 3),
            label_weight=torch.ones(size),
        )

    def _draw(self, pool: FramePool, size: int, generator: Generator, all_cameras: bool = False) -> Draw:
        """Images of the first camera or of all."""
        return self._vary(pool.frames, *pool.draw(size, generator, all_cameras), generator)

    def _draw_labelled(self, size: int, generator: Generator) -> tuple[dict[str, Draw], np.ndarray]:
        """The labelled frames, their pairs if the variant learns from them, and which have a usable one."""
        moments, pairs = draw_rows(self.labelled_rows, size, generator), self.store.pairs
        real = self._vary(self.store.require("real"), moments, 0, generator)
        if pairs is None or not self.variant.mapping:
            return {"labelled_real": real}, np.zeros(size, bool)
        paired = pairs.valid[moments, 0] & pairs.labelled[moments]
        noise = torch.empty_like(real.noise)
        noise[paired] = self._noise(int(paired.sum()), generator)
        return {"labelled_real": real, "pairs": replace(real, frames=pairs, noise=noise)}, paired

    def _draw_views(
        self, name: str, pool: FramePool, size: int, generator: Generator, labelled: np.ndarray | None = None
    ) -> dict[str, Draw]:
        """Inputs and targets of g; `labelled` says which frames have labels, None that all have."""
        moments = draw_rows(pool.pairs, size, generator)
        views = self._views_at(name, pool.frames, moments, generator)
        if labelled is not None:
            known = torch.from_numpy(np.isin(moments, labelled)).float()
            views[name] = replace(views[name], label_weight=known)
        return views

    def _views_at(
        self, name: str, frames: FrameSet, moments: np.ndarray, generator: Generator
    ) -> dict[str, Draw]:
        """Inputs and targets of g of some frames, all labelled."""
        assert self.store.view_pair is not None
        first, second = self.store.view_pair
        size = len(moments)
        inputs = self._vary(frames, moments, first, generator, rotate=False)
        jitter = self.config.augmentation.condition_jitter_mm * torch.randn(size, 3, generator=generator)
        target = replace(
            inputs, cameras=np.full(size, second), **vars(still(size)), noise=torch.zeros_like(inputs.noise)
        )
        return {name: replace(inputs, jitter=jitter), TARGETS[name]: target}

    def _draw_published_views(self, size: int, *generators: Generator) -> dict[str, Draw]:
        """Inputs and targets of g as in the published code, see `StepConfig.views`."""
        moments, label_weight = self.published_views.draw(size, generators[0])
        views = self._views_at("views_real", self.real.frames, moments, generators[0])
        real = views["views_real"] = replace(views["views_real"], label_weight=label_weight)
        if self.variant.synthetic:
            views |= self._views_at("views_synthetic", self.store.require(PAIRS), moments, generators[1])
            views["views_synthetic"] = replace(views["views_synthetic"], offset=real.offset)
        for name, generator in zip(TARGETS.values(), generators, strict=True):
            if name in views:
                views[name] = replace(views[name], noise=self._noise(size, generator))
        return views

    def _cut(
        self, sets: dict[str, Draw], paired: np.ndarray = NONE, paired_views: np.ndarray = NONE
    ) -> Batch:
        """All sets, cut out together: a set alone is mostly overhead.

        Args:
            sets: The sets by name.
            paired: Whether each of the rows "labelled_real" has a pair.
            paired_views: Whether each of the rows "views_real" counts as one that has.
        """
        rows, end = {}, 0
        for name in ROW_ORDER:
            if name in sets:
                rows[name] = slice(end, end := end + len(sets[name].moments))
        draws = [sets[name] for name in rows]

        def joined(name: str) -> Tensor:
            return torch.cat([getattr(draw, name) for draw in draws])

        def sent(values: Tensor) -> Tensor:
            return to_device(values, self.device)

        weights = joined("label_weight")[span(rows, POSED_ROWS)]
        labelled = weights.nonzero()[:, 0]
        weight = weights[labelled]
        region = join_regions([draw.frames.regions(draw.moments, draw.cameras) for draw in draws])
        samples = to_samples(
            Region(**{name: sent(values) for name, values in vars(region).items()}),
            Placement(sent(joined("offset")), sent(joined("rotation")), sent(joined("scale"))),
            patch_size=self.config.sizes.patch_size,
            cube_mm=self.store.cube_mm,
            noise=sent(joined("noise")),
            noise_mm=self.config.augmentation.noise_mm,
            targets=self.config.sizes.targets,
            box=self.config.sizes.box,
        )
        return Batch(
            samples.patch,
            samples.joints,
            self.store.skeleton.name,
            samples.crop,
            condition=samples.centre + sent(joined("jitter")),
            rows=rows,
            labelled=sent(labelled),
            label_weight=None if weight.eq(1).all() else sent(weight),
            paired=sent(torch.from_numpy(np.flatnonzero(paired))),
            paired_views=sent(torch.from_numpy(np.flatnonzero(paired_views))),
        )


def synthetic_pools(store: Store) -> Callable[[int], FramePool]:
    """A function that gives the pool of synthetic frames of a step: a set's, or rendered for the step.

    Raises:
        UserError: The store has no usable labelled synthetic frames, and none that can be rendered.
    """
    if store.manifest.endless is not None and store.synthetic is None:
        endless = EndlessFrames(store)
        return lambda step: FramePool.among(endless.at(step), store.view_pair, labelled=True)
    pool = FramePool.of(store, "synthetic", labelled=True)
    return lambda step: pool
