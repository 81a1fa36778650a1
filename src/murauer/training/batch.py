"""The mini-batch, one set of tensors whose rows have names, and how it is drawn from a store.

Batch k of a training is a function of the seed and k alone, so a resumed run sees what an uninterrupted
one would have seen.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Generator, Tensor

from murauer.errors import UserError
from murauer.geometry.crop import CropGeometry
from murauer.prepare.rendering.while_training import EndlessFrames
from murauer.store.augmentation import Placement, draw_placement, still, to_samples
from murauer.store.frame_pool import FramePool, draw_rows
from murauer.store.frame_set import FrameSet, Region, join_regions
from murauer.store.store import Store
from murauer.training.config import Config
from murauer.training.device import CPU, to_device
from murauer.training.parallel import WHOLE, Part
from murauer.training.variants import Variant

REAL_ROWS = ("unlabelled_real", "labelled_real", "views_real")
"""Sets of real samples, which the mapping m is for."""

SYNTHETIC_ROWS = ("pairs", "synthetic", "views_synthetic", "unlabelled_synthetic")
"""Sets of synthetic samples; "pairs" show the poses of labelled real ones."""

INPUT_ROWS = (*REAL_ROWS, *SYNTHETIC_ROWS)
"""Sets that f is shown."""

POSED_ROWS = INPUT_ROWS[1:]
"""Sets that p is shown: all but the unlabelled real one, of which no loss needs the pose."""

TARGETS = {"views_real": "targets_real", "views_synthetic": "targets_synthetic"}
"""Sets of inputs of g, and those of what the other camera saw, which no other network is shown."""

ROW_ORDER = (*INPUT_ROWS, *TARGETS.values())
"""The order of all sets. Nothing relies on it but this module; all else asks for rows by name."""


@dataclass(frozen=True)
class Batch:
    """All samples of a mini-batch, or of a part of it.

    The sets are the paper's four (supplement), each with its two domains apart. Those of `rows` are the ones
    that the variant draws. "pairs" may be empty: not every labelled frame has a usable pair.

    Attributes:
        patch: Depth in [-1, 1], background +1, shape (N, 1, P, P).
        joints: Joints as the network is to predict them, in the frame of the patch, shape (N, J, 3).
        skeleton: Names them: the skeleton of the store.
        crop: Geometry that leads from the patches back to the camera.
        condition: Crop centre in mm as told to g, jittered for its inputs, shape (N, 3).
        rows: Which of the N samples are what, by the names in `ROW_ORDER`.
        labelled: Which of the rows `posed` have labels that count, indices, ascending, shape (n,). A mask
            would make the processor wait until a GPU has counted it.
        paired: Which of the rows "labelled_real" have a pair, in the order of the pairs, likewise.
    """

    patch: Tensor
    joints: Tensor
    skeleton: str
    crop: CropGeometry
    condition: Tensor
    rows: dict[str, slice]
    labelled: Tensor
    paired: Tensor

    @property
    def centre(self) -> Tensor:
        """Crop centre in mm, camera coordinates, shape (N, 3)."""
        return self.crop.centre

    @property
    def inputs(self) -> slice:
        """The rows of `INPUT_ROWS`."""
        return span(self.rows, INPUT_ROWS)

    @property
    def real(self) -> slice:
        """The rows of `REAL_ROWS`."""
        return span(self.rows, REAL_ROWS)

    @property
    def posed(self) -> slice:
        """The rows of `POSED_ROWS`."""
        return span(self.rows, POSED_ROWS)


def span(rows: dict[str, slice], names: tuple[str, ...]) -> slice:
    """The rows from the first to the last of some sets that follow each other in `ROW_ORDER`."""
    own = [rows[name] for name in names if name in rows]
    return slice(own[0].start, own[-1].stop) if own else slice(0, 0)


@dataclass(frozen=True)
class Draw:
    """Which images become the B samples of a set, and with what variation.

    Attributes:
        frames: The frame set that they are in.
        moments, cameras: Indices in it, shape (B,) each.
        offset, rotation, scale: Those of the cubes, see `Placement`.
        noise: Noise of standard deviation 1 for each patch pixel, or zeros, shape (B, P, P).
        jitter: Jitter of the crop centre that g is told, in mm, shape (B, 3).
        labelled: Whether the labels count, bool, shape (B,).
    """

    frames: FrameSet
    moments: np.ndarray
    cameras: np.ndarray
    offset: Tensor
    rotation: Tensor
    scale: Tensor
    noise: Tensor
    jitter: Tensor
    labelled: Tensor

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

    def pretraining(self, step: int, part: Part = WHOLE) -> Batch:
        """Part of batch `step` of the pre-training: half of the samples also show another view."""
        generator = self._generator(0, step)
        size = self.config.training.pretraining_batch
        pool = self.synthetic(step)
        seen_twice = max(size // 2, 1) if len(pool.pairs) else 0
        sets = {"synthetic": self._draw(pool, size - seen_twice, generator, all_cameras=True)}
        if seen_twice:
            sets |= self._draw_views("views_synthetic", pool, seen_twice, generator)
        return self._cut({name: draw.part(part.rows(len(draw.moments))) for name, draw in sets.items()})

    def joint(self, step: int, part: Part = WHOLE) -> Batch:
        """Part of mini-batch `step` of joint training.

        What is random is drawn for all samples, and only those of the part are read and cut out, so that the
        parts together are the whole.
        """
        size, variant = self.config.training.set_size, self.variant
        # Each set has a stream of its own, so that variants see the same samples in the sets they share.
        streams = [self._generator(1, step, index) for index in range(5)]
        sets: dict[str, Draw] = {}
        paired = np.zeros(size, bool)
        if len(self.labelled_rows):
            labelled, paired = self._draw_labelled(size, streams[0])
            sets |= labelled
        if variant.synthetic:
            pool = self.synthetic(step)
            sets["synthetic"] = self._draw(pool, size, streams[1], all_cameras=True)
        if variant.view_prediction:
            sets |= self._draw_views("views_real", self.real, size, streams[2], self.labelled_rows)
            if variant.synthetic:
                sets |= self._draw_views("views_synthetic", pool, size, streams[3])
        if variant.matching:
            sets["unlabelled_real"] = self._draw(self.real, size, streams[4])
            sets["unlabelled_synthetic"] = self._draw(pool, size, streams[4])
        rows = part.rows(size)
        sets = {name: draw.part(rows) for name, draw in sets.items()}
        if "pairs" in sets:
            sets["pairs"] = sets["pairs"].part(paired[rows])
        return self._cut(sets, paired[rows])

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
            labelled=torch.ones(size, dtype=torch.bool),
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
        """Inputs and targets of g; `labelled` says which moments have labels, None that all have."""
        assert self.store.view_pair is not None
        first, second = self.store.view_pair
        moments = draw_rows(pool.pairs, size, generator)
        inputs = self._vary(pool.frames, moments, first, generator, rotate=False)
        jitter = self.config.augmentation.condition_jitter_mm * torch.randn(size, 3, generator=generator)
        known = inputs.labelled if labelled is None else torch.from_numpy(np.isin(moments, labelled))
        target = replace(
            inputs, cameras=np.full(size, second), **vars(still(size)), noise=torch.zeros_like(inputs.noise)
        )
        return {name: replace(inputs, jitter=jitter, labelled=known), TARGETS[name]: target}

    def _cut(self, sets: dict[str, Draw], paired: np.ndarray | None = None) -> Batch:
        """All sets, cut out together: a set alone is mostly overhead."""
        rows, end = {}, 0
        for name in ROW_ORDER:
            if name in sets:
                rows[name] = slice(end, end := end + len(sets[name].moments))
        draws = [sets[name] for name in rows]

        def joined(name: str) -> Tensor:
            return torch.cat([getattr(draw, name) for draw in draws])

        def sent(values: Tensor) -> Tensor:
            return to_device(values, self.device)

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
            labelled=sent(joined("labelled")[span(rows, POSED_ROWS)].nonzero()[:, 0]),
            paired=sent(torch.from_numpy(np.flatnonzero([] if paired is None else paired))),
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
