"""Metrics against plain Python: exact sums, sorted lists, counted comparisons, of any labels and errors."""

import json
import math
import statistics

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from murauer.evaluation.metrics import (
    PoseMetrics,
    SuccessCurve,
    joint_errors,
    metrics_table,
    pose_metrics,
)

few = settings(deadline=None, max_examples=80)
errors_mm = st.one_of(
    st.integers(0, 90).map(float),  # also upon the thresholds
    st.floats(0, 200),
    st.sampled_from((0.0, 80.0, 1e-300, 1e6, math.nan)),
)


@st.composite
def tables(draw: st.DrawFn) -> list[list[float]]:
    """Errors of some frames with at least one label each, NaN for joints without."""
    joints = draw(st.integers(1, 4))
    row = st.lists(errors_mm, min_size=joints, max_size=joints).filter(lambda r: not all(map(math.isnan, r)))
    return draw(st.lists(row, min_size=1, max_size=7))


def known(values: list[float]) -> list[float]:
    return [value for value in values if not math.isnan(value)]


def mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def check_curve(curve: SuccessCurve, values: list[float]) -> None:
    assert curve.shares.tolist() == [sum(v < t for v in values) / len(values) for t in range(81)]
    assert curve.at(80) == curve.shares[80] and curve.at(0) == 0
    assert curve.area == pytest.approx(mean([max(80 - value, 0) / 80 for value in values]), abs=1e-12)


def check(metrics: PoseMetrics, table: list[list[float]], names: list[str]) -> None:
    frames = [known(row) for row in table]
    flat = [value for row in frames for value in row]
    assert metrics.frames == len(table)
    assert metrics.mean_error_mm == pytest.approx(mean(flat), rel=1e-12)
    assert metrics.median_error_mm == statistics.median(flat)
    assert metrics.max_error_mm == max(flat)
    assert list(metrics.per_joint_mm) == names
    for column, name in enumerate(names):
        own = known([row[column] for row in table])
        assert metrics.per_joint_mm[name] == pytest.approx(mean(own) if own else math.nan, nan_ok=True)
    check_curve(metrics.frames_worst, [max(row) for row in frames])
    check_curve(metrics.joints, flat)
    # Means upon a threshold may be rounded to either side of it.
    means = [mean(row) for row in frames]
    if not any(0 < abs(m - round(m)) < 1e-9 or len(row) > 2 for m, row in zip(means, frames, strict=True)):
        check_curve(metrics.frames_mean, means)
    assert metrics.frames_mean.area == pytest.approx(mean([max(80 - m, 0) / 80 for m in means]), abs=1e-12)


@few
@given(tables(), st.randoms(use_true_random=False))
def test_statistics_are_those_of_plain_lists(table: list[list[float]], random) -> None:
    names = [f"joint {index}" for index in range(len(table[0]))]
    persons = [random.choice("ab") for _ in table]
    metrics = pose_metrics(torch.tensor(table, dtype=torch.float64), names, persons)
    check(metrics, table, names)
    assert list(metrics.by_person) == list(dict.fromkeys(persons))
    for person, own in metrics.by_person.items():
        check(own, [row for row, of in zip(table, persons, strict=True) if of == person], names)
        assert own.by_person == {}
    again = PoseMetrics.from_dict(json.loads(json.dumps(metrics.to_dict(), allow_nan=False)))
    check(again, table, names)
    assert again.to_dict() == metrics.to_dict()
    assert ("by_person" in again.to_dict()["by_person"][persons[0]]) is False
    unnamed = pose_metrics(torch.tensor(table, dtype=torch.float64))
    check(unnamed, table, [str(index) for index in range(len(names))])
    assert "by_person" not in unnamed.to_dict()


@few
@given(st.integers(0, 999), st.sampled_from((1e-3, 1.0, 1e4)), st.sampled_from((np.float32, np.float64)))
def test_distances_are_taken_in_float64(seed: int, size: float, dtype: type) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.normal((0, 0, 10_000), 300, (3, 4, 3)).astype(dtype)
    predicted = (truth + size * rng.normal(0, 1, truth.shape)).astype(dtype)
    truth[0, 1], truth[2, 3, 1] = np.nan, np.nan
    errors = joint_errors(torch.from_numpy(predicted), torch.from_numpy(truth))
    assert errors.dtype == torch.float64 and errors.shape == (3, 4)
    for frame, joint in np.ndindex(3, 4):
        expected = math.dist(predicted[frame, joint].tolist(), truth[frame, joint].tolist())
        assert float(errors[frame, joint]) == pytest.approx(expected, rel=1e-12, nan_ok=True)
    assert int(errors.isnan().sum()) == 2


def test_joints_without_a_label_are_never_the_worst() -> None:
    metrics = pose_metrics(torch.tensor([[0.5, math.nan], [math.nan, 0.0]], dtype=torch.float64))
    assert metrics.frames_worst.at(1) == 1
    assert metrics.frames_worst.area == pytest.approx(1 - 0.25 / 80)


def test_only_joints_in_space_are_compared() -> None:
    joints = torch.zeros(2, 14, 3)
    for predicted, truth in (
        (joints[..., :2], joints[..., :2]),
        (joints[None], joints[None]),
        (joints, joints[:, :13]),
    ):
        with pytest.raises(ValueError, match="one shape"):
            joint_errors(predicted, truth)


TABLE = """\
                                                all              anna  benedict the 2nd
frames                                            3                 2                 1
mean error (mm)                              15.800             3.000            35.000
median error (mm)                             5.000             3.000            35.000
largest error (mm)                             45.0               5.0              45.0
area under curve to 80 mm                     0.779             0.950             0.438

frames (%) with the worst joint under
  10 mm                                       66.67            100.00              0.00
  20 mm                                       66.67            100.00              0.00
  30 mm                                       66.67            100.00              0.00
  40 mm                                       66.67            100.00              0.00
  50 mm                                      100.00            100.00            100.00

mean error of each joint (mm)
  tip                                         10.33              3.00             25.00
  a joint with a rather long name             24.00              3.00             45.00"""


def test_the_table_has_a_column_for_each_person_and_a_row_for_each_number() -> None:
    errors = torch.tensor([[1.0, 3.0], [25.0, 45.0], [5.0, math.nan]], dtype=torch.float64)
    names, persons = ["tip", "a joint with a rather long name"], ["anna", "benedict the 2nd", "anna"]
    assert metrics_table(pose_metrics(errors, names, persons)) == TABLE
    narrow = metrics_table(pose_metrics(errors[:, :1], ["tip"])).splitlines()
    assert (
        narrow[1] == "frames                               3"
        and narrow[-1] == "  tip                            10.33"
    )
