"""Which few points stand best for many: k-means with some of its means given, and the points next to them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

STEPS = 20
"""Of k-means; the means hardly move any more."""

STARTS = 3
"""Times that k-means is tried; the result with the nearest means counts."""

DUPLICATE = 0.5
"""Points nearer to each other than this share of the typical distance to a mean are near-duplicates."""


@dataclass(frozen=True, eq=False)
class Coverage:
    """Points that stand for all.

    Attributes:
        chosen: Their indices, those that stand for most first, (K,) with K at most what was asked for.
        share: Share of all points that are nearer to each than to any other chosen or given one, (K,).
    """

    chosen: NDArray[np.int64]
    share: Floats


def cover(
    points: Floats, count: int, generator: np.random.Generator, given: Floats | None = None
) -> Coverage:
    """Choose points so that every point has one near it, dense regions first.

    The means of k-means minimise the mean squared distance of all points to the nearest of them. Of each
    cluster the point next to its mean is chosen; near-duplicates of points that were chosen before, or are
    given, never are.

    Args:
        points: (N, D).
        count: How many to choose.
        generator: Generator of the first means.
        given: Points that there are already, (G, D).
    """
    given = points[:0] if given is None else given
    count = min(count, len(points))
    tries = [_means(points, count, given, generator) for _ in range(STARTS)]
    means = min(tries, key=lambda means: float(squared_distances(points, means).min(axis=1).sum()))
    distance = squared_distances(points, means)
    nearest = distance.argmin(axis=1)
    least = DUPLICATE**2 * float(np.median(distance[np.arange(len(points)), nearest]))
    size = np.bincount(nearest, minlength=len(means))
    taken, chosen, share = given, [], []
    for mean in len(given) + np.argsort(-size[len(given) :], kind="stable"):
        own = np.flatnonzero(nearest == mean)
        free = own if not len(taken) else own[squared_distances(points[own], taken).min(axis=1) > least]
        if len(free):
            chosen.append(free[distance[free, mean].argmin()])
            share.append(size[mean] / len(points))
            taken = np.concatenate([taken, points[chosen[-1:]]])
    return Coverage(np.array(chosen, np.int64), np.array(share))


def squared_distances(a: Floats, b: Floats) -> Floats:
    """Squared distances of points (N, D) and (M, D), (N, M)."""
    squares = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1)[None] - 2 * a @ b.T
    clipped: Floats = np.maximum(squares, 0)
    return clipped


def _means(points: Floats, count: int, given: Floats, generator: np.random.Generator) -> Floats:
    """K-means from a start by k-means++; the given means stay where they are."""
    means = _start(points, count, given, generator)
    for _ in range(STEPS):
        nearest = squared_distances(points, means).argmin(axis=1)
        sums, sizes = np.zeros_like(means), np.bincount(nearest, minlength=len(means))
        np.add.at(sums, nearest, points)
        moved = sizes > 0
        moved[: len(given)] = False
        means = np.where(moved[:, None], sums / np.maximum(sizes, 1)[:, None], means)
    return means


def _start(points: Floats, count: int, given: Floats, generator: np.random.Generator) -> Floats:
    """Means to begin with: points drawn by their squared distance to the nearest so far (k-means++)."""
    means = list(given)
    distance = np.ones(len(points))
    if means:
        distance = squared_distances(points, given).min(axis=1)
    for _ in range(count):
        total = distance.sum()
        weights = distance / total if total > 0 else np.full(len(points), 1 / len(points))
        means.append(points[generator.choice(len(points), p=weights)])
        if len(means) == 1:
            distance = np.full(len(points), np.inf)
        distance = np.minimum(distance, squared_distances(points, means[-1][None])[:, 0])
    return np.stack(means)
