"""Points that stand for many."""

import numpy as np
import pytest

from murauer.selection.coverage import cover, squared_distances


def clusters(sizes: list[int], generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points around corners of a cube, 10 apart, and which corner each is near."""
    corners = 10.0 * np.array([[i & 1, i >> 1 & 1, i >> 2 & 1] for i in range(len(sizes))])
    corner = np.repeat(np.arange(len(sizes)), sizes)
    return corners[corner] + 0.3 * generator.standard_normal((len(corner), 3)), corner


@pytest.mark.parametrize("seed", range(5))
def test_each_cluster_gets_one_next_to_its_middle_the_largest_first(seed: int) -> None:
    generator = np.random.default_rng(seed)
    points, corner = clusters([300, 20, 100, 50], generator)
    found = cover(points, 4, generator)
    assert corner[found.chosen].tolist() == [0, 2, 3, 1]
    np.testing.assert_allclose(found.share, np.array([300, 100, 50, 20]) / 470)
    for index in found.chosen:
        middle = points[corner == corner[index]].mean(0)
        assert np.linalg.norm(points[index] - middle) < 0.25


def test_what_is_given_is_not_chosen_again() -> None:
    generator = np.random.default_rng(0)
    points, corner = clusters([100, 100, 100], generator)
    given = points[corner == 1].mean(0, keepdims=True)
    found = cover(points, 2, generator, given=given)
    assert sorted(corner[found.chosen]) == [0, 2]
    np.testing.assert_allclose(found.share, 1 / 3)


def test_copies_are_never_chosen_twice() -> None:
    generator = np.random.default_rng(0)
    points = np.repeat(generator.standard_normal((6, 4)), 50, axis=0)
    found = cover(points, 20, generator)
    assert len(found.chosen) == 6
    distance = squared_distances(points[found.chosen], points[found.chosen])
    assert distance[~np.eye(6, dtype=bool)].min() > 0.01


def test_covers_better_than_random_points() -> None:
    generator = np.random.default_rng(0)
    points = generator.standard_normal((2000, 8))
    found = cover(points, 40, generator).chosen
    assert len(found) == len(set(found.tolist())) == 40

    def cost(rows: np.ndarray) -> float:
        return float(squared_distances(points, points[rows]).min(axis=1).mean())

    assert cost(found) < min(cost(generator.choice(2000, 40, replace=False)) for _ in range(20))


def test_squared_distances_are_those_of_the_differences() -> None:
    a, b = np.random.default_rng(0).standard_normal((2, 7, 3))
    np.testing.assert_allclose(squared_distances(a, b), ((a[:, None] - b[None]) ** 2).sum(-1), atol=1e-12)
