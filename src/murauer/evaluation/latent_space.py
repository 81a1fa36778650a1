"""How well real and synthetic images of one pose meet in the latent space (Sec. 4.4, Figs. 5 and 6).

All measures are relative, because networks differ in the scale of z and nothing in the losses fixes it.
"""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from murauer.errors import UserError
from murauer.inference.frames import batches, encode_frames
from murauer.nets.deployed import AnyNetwork
from murauer.store.augmentation import Samples
from murauer.store.frame_set import FrameSet, spread_rows
from murauer.store.manifest import PAIRS
from murauer.store.store import Store

PROBE_BLOCKS = 10
"""The probe learns from every other of so many blocks of consecutive pairs, and is tested on the rest."""

PROBE_WEIGHT_DECAY = 1e-2
"""Factor of the squared weights beside the probe's mean loss; the features are standardised."""

EXAMPLES_A_SIDE = 6
"""Pairs of depth images on either side of an embedding."""


@dataclass(frozen=True, eq=False)
class LatentPairs:
    """Latent representations of corresponding frames: row i of both is the same pose.

    Attributes:
        real: z = m(f(x)) of the real frames, shape (N, F).
        synthetic: z = f(x) of the synthetic ones, shape (N, F).
    """

    real: Tensor
    synthetic: Tensor

    def distances(self) -> Tensor:
        """Distance of each corresponding pair relative to unrelated ones, shape (N,).

        The unit is the mean distance of a real frame to a synthetic frame of another pose: 0 means that the
        two images of a pose coincide, 1 that they are no closer than images of different poses.
        """
        between = torch.cdist(self.real, self.synthetic)
        corresponding = between.diagonal()
        unrelated = (between.sum() - corresponding.sum()) / (between.numel() - len(between))
        return corresponding / unrelated

    def retrieval_ranks(self) -> Tensor:
        """At which place of all synthetic frames, sorted by distance, each real frame's counterpart is.

        Returns:
            (N,) int64 from 1, nearest, to N; (N + 1) / 2 on average by chance. Frames as near count before.
        """
        between = torch.cdist(self.real, self.synthetic)
        return (between <= between.diagonal()[:, None]).sum(dim=1)

    def retrieval_share(self) -> float:
        """Share of real frames whose nearest synthetic frame is their own counterpart; 1 / N by chance."""
        nearest = torch.cdist(self.real, self.synthetic).argmin(dim=1)
        return float((nearest == torch.arange(len(nearest))).double().mean())

    def probe_accuracy(self) -> float:
        """How often a fresh linear classifier tells held-out real from synthetic latents; 0.5 if it cannot.

        Logistic regression on features of zero mean and unit variance. Both images of a pose are on the same
        side of the split, and so are neighbours: pairs are held out in blocks, as frames that follow each
        other in a video are nearly the same.

        Raises:
            ValueError: There are too few pairs for two blocks.
        """
        count = len(self.real)
        if count < 2:
            raise ValueError(f"a probe needs two pairs or more, got {count}")
        held_out = (torch.arange(count) * min(PROBE_BLOCKS, count) // count) % 2 == 1
        train, test = (torch.cat((self.real[rows], self.synthetic[rows])) for rows in (~held_out, held_out))
        # scikit-learn weighs the sum of the losses against half of the squares.
        classifier = LogisticRegression(C=1 / (2 * PROBE_WEIGHT_DECAY * len(train)), max_iter=200)
        probe = make_pipeline(StandardScaler(), classifier)
        probe.fit(train.numpy(), np.arange(len(train)) < len(train) // 2)
        return float(probe.score(test.numpy(), np.arange(len(test)) < len(test) // 2))

    def principal_plane(self) -> tuple["Embedding", float]:
        """Project both domains to the two directions in which they vary most together (PCA).

        Returns:
            The plane, and the share of the variance that lies in it.
        """
        both = torch.cat((self.real, self.synthetic)).numpy()
        pca = PCA(2, svd_solver="full")
        points = pca.fit_transform(both)
        plane = Embedding(points[: len(self.real)], points[len(self.real) :])
        return plane, float(pca.explained_variance_ratio_.sum())

    def alignment(self) -> "Alignment":
        """Summarise how well the two domains meet."""
        return Alignment(
            pairs=len(self.real),
            median_distance=float(self.distances().quantile(0.5)),
            true_pair_first=self.retrieval_share(),
            median_rank=float(self.retrieval_ranks().double().quantile(0.5)),
            probe_accuracy=self.probe_accuracy(),
        )


@dataclass(frozen=True)
class Alignment:
    """How well real and synthetic latents meet, in numbers that do not depend on the scale of z.

    Attributes:
        pairs: N, number of corresponding pairs.
        median_distance: Median distance of a pair, where 1 is the mean distance between different poses.
        true_pair_first: Share of real frames whose nearest synthetic frame is their own synthetic pair.
        median_rank: Place of the synthetic pair among all N synthetic frames, sorted by distance.
        probe_accuracy: Accuracy of a fresh linear classifier of the domain on held-out pairs; 0.5 is chance.
    """

    pairs: int
    median_distance: float
    true_pair_first: float
    median_rank: float
    probe_accuracy: float


@dataclass(frozen=True, eq=False)
class Embedding:
    """Points of real and of synthetic frames of the same poses in a plane, (N, 2) each."""

    real: np.ndarray
    synthetic: np.ndarray

    def examples(self) -> list[int]:
        """Choose pairs from all over the plane: each the farthest from those before it."""
        middles = (self.real + self.synthetic) / 2
        chosen = [int(np.linalg.norm(middles - middles.mean(axis=0), axis=1).argmax())]
        while len(chosen) < min(2 * EXAMPLES_A_SIDE, len(middles)):
            to_chosen = np.linalg.norm(middles[:, None] - middles[chosen], axis=2).min(axis=1)
            chosen.append(int(to_chosen.argmax()))
        return chosen


@dataclass(frozen=True, eq=False)
class CorrespondingFrames:
    """Real and synthetic frames of the same poses: row i of both sets is the same pose.

    Attributes:
        real: Frames of the sensor.
        synthetic: Rendered.
        rows: Which of them, shape (M,); usable in both, and none of them a pair that training has seen.
        name: What they are, for captions.
    """

    real: FrameSet
    synthetic: FrameSet
    rows: np.ndarray
    name: str

    def spread(self, limit: int) -> "CorrespondingFrames":
        """Keep at most `limit` pairs, spread evenly."""
        rows = self.rows[spread_rows(len(self.rows), limit)]
        return CorrespondingFrames(self.real, self.synthetic, rows, self.name)

    def samples(self, patch_size: int, cube_mm: float) -> tuple[Samples, Samples]:
        """Cut the frames, fewer than a batch, into patches: real and synthetic."""
        (real,) = batches(self.real, patch_size, cube_mm, self.rows)
        (synthetic,) = batches(self.synthetic, patch_size, cube_mm, self.rows)
        return real, synthetic


def corresponding_frames(store: Store, seen: np.ndarray) -> CorrespondingFrames:
    """Find pairs that a training has not seen: of the validation split, or else of other real frames.

    Args:
        store: The data.
        seen: Real frames whose labels, and so their synthetic pairs, the training used.

    Raises:
        UserError: The store has no synthetic pairs, or the training has seen nearly all pairs.
    """
    validation, pair = store.validation, store.validation_pairs
    if validation is not None and pair is not None:
        rows = np.intersect1d(validation.usable_rows(0), pair.usable_rows(0))
        if len(rows) > 1:
            return CorrespondingFrames(validation, pair, rows, "validation frames")
    real, pair = store.require("real"), store.require(PAIRS)
    rows = np.setdiff1d(np.intersect1d(real.usable_rows(0), pair.usable_rows(0)), seen)
    if len(rows) < 2:
        raise UserError(
            f"the training has seen all pairs of real and synthetic frames in {store.folder}; use a run "
            "with fewer labels, or a store with a validation split and its synthetic pairs"
        )
    return CorrespondingFrames(real, pair, rows, "real frames not labelled in training")


def encode_pairs(
    network: AnyNetwork, frames: CorrespondingFrames, cube_mm: float, limit: int = 1000
) -> LatentPairs:
    """Encode corresponding frames.

    Args:
        network: f and m, in evaluation mode.
        frames: Frames of the sensor, and renderings of the same poses.
        cube_mm: Side of the hand cube in mm.
        limit: Number of pairs to use, spread evenly over the frames.
    """
    rows = frames.spread(limit).rows

    real, synthetic = (
        encode_frames(network, shown, cube_mm, rows, is_real)
        for shown, is_real in ((frames.real, True), (frames.synthetic, False))
    )
    return LatentPairs(real, synthetic)
