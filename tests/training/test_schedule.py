import math
from itertools import pairwise

import numpy as np
import pytest

from murauer.training.schedule import (
    EPOCH_ITERATIONS,
    cosine_multiplier,
    make_schedule,
    published_multiplier,
    supplement_multiplier,
)


@pytest.mark.parametrize(("column", "skip_first"), [("mult_torch10", False), ("mult_torch11plus", True)])
def test_published_schedule_agrees_with_the_golden_numbers(shared_dir, column, skip_first):
    golden = np.load(shared_dir / "data" / "golden" / "e_lr.npz")
    for epoch, multiplier in zip(golden["epoch"], golden[column], strict=True):
        first = (int(epoch) - 1) * EPOCH_ITERATIONS
        for iteration in (first, first + EPOCH_ITERATIONS - 1):
            assert published_multiplier(iteration, skip_first=skip_first) == pytest.approx(
                multiplier, rel=1e-12
            )


@pytest.mark.parametrize(
    ("epoch", "expected"),
    [(0, 0.1), (1, 0.333), (2, math.exp(-0.08)), (3, math.exp(-0.12)), (119, math.exp(-4.76))],
)
def test_supplement_schedule(epoch, expected):
    first = epoch * 10
    assert supplement_multiplier(first, epoch_iterations=10) == pytest.approx(expected)
    assert supplement_multiplier(first + 9, epoch_iterations=10) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("iteration", "expected"),
    [
        (0, 0.1), (1_136, 0.1), (1_137, 0.333), (2_273, 0.333),
        (2_274, 0.1 * 3.33**2), (4_999, 0.1 * 3.33**2),
        (5_000, math.exp(-0.16)), (5_684, math.exp(-0.16)), (5_685, math.exp(-0.2)),
        (135_999, math.exp(-0.04 * 119)),
    ],
)  # fmt: skip
def test_schedule_of_the_paper(iteration, expected):
    assert make_schedule("paper", 136_000)(iteration) == pytest.approx(expected, rel=1e-12)


def test_supplement_schedule_counts_epochs_of_1137_iterations():
    assert supplement_multiplier(1_136) == pytest.approx(0.1)
    assert supplement_multiplier(1_137) == pytest.approx(0.333)


@pytest.mark.parametrize("iterations", [1, 2, 20, 1_500])
def test_cosine_schedule_rises_and_falls_without_touching_zero(iterations):
    values = [cosine_multiplier(i, iterations) for i in range(iterations)]
    peak = iterations // 20
    assert values[peak] == 1.0
    assert all(a < b for a, b in pairwise(values[: peak + 1]))
    assert all(a > b for a, b in pairwise(values[peak:]))
    assert min(values) > 0
    assert values[-1] < 0.01 or iterations <= 20


def test_cosine_schedule_is_a_function_of_the_fraction_of_the_run():
    for fraction in (0.1, 0.3, 0.5, 0.9):
        short, long = (
            cosine_multiplier(int(1_000 * fraction), 1_000),
            cosine_multiplier(int(9_000 * fraction), 9_000),
        )
        assert short == pytest.approx(long, rel=1e-6)
        assert short == pytest.approx(0.5 * (1 + math.cos(math.pi * (fraction - 0.05) / 0.95)))


def test_schedules_by_name():
    assert make_schedule("supplement", 10)(2_000) == supplement_multiplier(2_000)
    assert make_schedule("published", 10)(2_000) == published_multiplier(2_000)
    assert make_schedule("cosine", 100)(70) == cosine_multiplier(70, 100)
    with pytest.raises(KeyError):
        make_schedule("constant", 10)
