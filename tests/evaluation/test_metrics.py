import json
import math

import numpy as np
import pytest
import torch

from murauer.datasets.joint_files import read_joints
from murauer.evaluation.metrics import (
    THRESHOLDS_MM,
    PoseMetrics,
    SuccessCurve,
    joint_errors,
    metrics_table,
    pose_metrics,
)
from murauer.geometry.camera import CAMERAS


@pytest.fixture(scope="module")
def published_errors(shared_dir) -> torch.Tensor:
    """Errors of the authors' n = 100 model on NYU's test set, (8252, 14) in mm."""
    nyu, camera = shared_dir / "data/nyu", CAMERAS["nyu"]
    truth = read_joints(nyu / "nyu_test_groundtruth_label.txt", "uvd", camera)
    predicted = read_joints(nyu / "predictions/joint_pos_murauer_n100_wacv_uvd.txt", "uvd", camera)
    return joint_errors(predicted, truth)


def test_statistics_agree_with_a_peers_on_published_predictions(shared_dir, published_errors):
    golden = np.load(shared_dir / "data/golden/d_metrics.npz")
    metrics = pose_metrics(published_errors, persons=["a"] * 2440 + ["b"] * (8252 - 2440))
    assert metrics.frames == 8252
    assert metrics.mean_error_mm == pytest.approx(float(golden["n100_mean"]), abs=1e-5)
    assert metrics.by_person["a"].mean_error_mm == pytest.approx(
        float(golden["n100_mean_first2440"]), abs=1e-5
    )
    assert metrics.max_error_mm == pytest.approx(float(golden["n100_max"]), abs=1e-3)
    assert list(metrics.per_joint_mm.values()) == pytest.approx(golden["n100_per_joint"], abs=1e-5)
    for curve, name in (
        (metrics.frames_worst, "frames_max"),
        (metrics.frames_mean, "frames_mean"),
        (metrics.joints, "joints"),
    ):
        shares = [curve.at(int(threshold)) for threshold in golden["thresholds"]]
        assert shares == pytest.approx(golden[f"n100_{name}"], abs=1e-8)
    # The peer's area is the mean of the shares at 0, 1, ..., 79 mm.
    assert float(metrics.frames_worst.shares[:80].mean()) == pytest.approx(
        float(golden["n100_fs80"]), abs=1e-5
    )


def test_statistics_equal_plain_loops():
    rng = np.random.default_rng(11)
    truth = rng.normal(0, 40, (23, 5, 3))
    predicted = truth + rng.normal(0, 18, truth.shape)
    metrics = pose_metrics(joint_errors(torch.from_numpy(predicted), torch.from_numpy(truth)), list("abcde"))

    errors = [
        [sum((p - t) ** 2 for p, t in zip(*pair, strict=True)) ** 0.5 for pair in zip(*frame, strict=True)]
        for frame in zip(predicted.tolist(), truth.tolist(), strict=True)
    ]
    flat = [error for frame in errors for error in frame]
    assert metrics.mean_error_mm == pytest.approx(sum(flat) / 115)
    assert metrics.median_error_mm == pytest.approx(sorted(flat)[57])
    assert metrics.max_error_mm == pytest.approx(max(flat))
    assert metrics.per_joint_mm["c"] == pytest.approx(sum(frame[2] for frame in errors) / 23)
    for curve, values in (
        (metrics.frames_worst, [max(frame) for frame in errors]),
        (metrics.frames_mean, [sum(frame) / 5 for frame in errors]),
        (metrics.joints, flat),
    ):
        for threshold, share in zip(THRESHOLDS_MM, curve.shares.tolist(), strict=True):
            assert share == pytest.approx(sum(value < threshold for value in values) / len(values))
        fine = np.linspace(0, 80, 16001)
        shares = np.searchsorted(np.sort(values), fine) / len(values)
        assert curve.area == pytest.approx(np.trapezoid(shares, fine) / 80, abs=1e-4)


def test_a_share_counts_errors_strictly_under_the_threshold():
    curve = SuccessCurve.of(torch.tensor([10.0, 20.0, 30.0, 200.0], dtype=torch.float64))
    assert [curve.at(threshold) for threshold in (10, 11, 20, 21, 31, 80)] == [0, 0.25, 0.25, 0.5, 0.75, 0.75]
    assert curve.area == pytest.approx((70 + 60 + 50 + 0) / 80 / 4)


def test_persons_are_told_apart_whatever_their_order():
    errors = torch.tensor([[1.0, 3.0], [10.0, 20.0], [5.0, 7.0]], dtype=torch.float64)
    metrics = pose_metrics(errors, ["tip", "palm"], persons=["anna", "ben", "anna"])
    assert set(metrics.by_person) == {"anna", "ben"}
    assert metrics.by_person["anna"].mean_error_mm == 4
    assert metrics.by_person["anna"].frames == 2
    assert metrics.by_person["ben"].per_joint_mm == {"tip": 10, "palm": 20}
    assert metrics.mean_error_mm == pytest.approx(46 / 6)


def test_dictionary_is_plain_json(published_errors):
    metrics = pose_metrics(published_errors, persons=["a"] * 8252)
    values = json.loads(json.dumps(metrics.to_dict()))
    assert values["mean_error_mm"] == metrics.mean_error_mm
    assert len(values["thresholds_mm"]) == len(values["frames_worst_under"]) == 81
    assert values["frames_worst_under"][30] == metrics.frames_worst.at(30)
    assert values["frames_mean_area_80mm"] == metrics.frames_mean.area
    assert values["by_person"]["a"]["joints_under"] == metrics.joints.shares.tolist()


def test_dictionary_is_read_back_whole():
    errors = torch.rand(6, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 90
    values = pose_metrics(errors, ["tip", "palm"], persons=["anna"] * 2 + ["ben"] * 4).to_dict()
    assert PoseMetrics.from_dict(json.loads(json.dumps(values))).to_dict() == values
    del values["by_person"]["ben"]["joints_under"]
    with pytest.raises(KeyError):
        PoseMetrics.from_dict(values)


def test_table_shows_persons_side_by_side():
    errors = torch.tensor([[1.0, 3.0], [10.0, 20.0]], dtype=torch.float64)
    lines = metrics_table(pose_metrics(errors, ["tip", "palm"], persons=["anna", "ben"])).splitlines()
    assert lines[0].split() == ["all", "anna", "ben"]
    assert "mean error (mm)                  8.500     2.000    15.000" in lines
    assert next(line for line in lines if "palm" in line).split() == ["palm", "11.50", "3.00", "20.00"]
    assert next(line for line in lines if "20 mm" in line).split() == ["20", "mm", "50.00", "100.00", "0.00"]


def test_impossible_input_is_refused():
    joints = torch.zeros(3, 14, 3)
    with pytest.raises(ValueError, match="one shape"):
        joint_errors(joints, joints[:2])
    with pytest.raises(ValueError, match="one shape"):
        joint_errors(joints[0], joints[0])
    with pytest.raises(ValueError, match="finite"):
        joint_errors(torch.full_like(joints, float("nan")), joints)
    with pytest.raises(ValueError, match="finite"):
        joint_errors(joints, torch.full_like(joints, float("inf")))
    with pytest.raises(ValueError, match="no labelled joint"):
        pose_metrics(torch.full((2, 14), float("nan")))
    with pytest.raises(ValueError, match="at least one frame"):
        pose_metrics(torch.zeros(0, 14))
    with pytest.raises(ValueError, match="3 names"):
        pose_metrics(torch.zeros(2, 14), ["a", "b", "c"])
    with pytest.raises(ValueError, match="persons for 1"):
        pose_metrics(torch.zeros(2, 14), persons=["a"])


def test_joints_without_a_label_count_nothing():
    """As if they were not there, which is how the expected numbers are counted here."""
    generator = torch.Generator().manual_seed(0)
    truth = 50 * torch.randn(40, 14, 3, generator=generator, dtype=torch.float64)
    predicted = truth + 10 * torch.randn(40, 14, 3, generator=generator, dtype=torch.float64)
    truth[:, 3], truth[::2, 5], truth[7, 1:] = torch.nan, torch.nan, torch.nan
    metrics = pose_metrics(joint_errors(predicted, truth))
    distances = [
        [float((p - t).norm()) for p, t in zip(own, labels, strict=True) if bool(t.isfinite().all())]
        for own, labels in zip(predicted, truth, strict=True)
    ]
    every = [distance for frame in distances for distance in frame]
    assert metrics.mean_error_mm == pytest.approx(sum(every) / len(every))
    assert metrics.max_error_mm == pytest.approx(max(every))
    assert metrics.joints.at(15) == pytest.approx(sum(d < 15 for d in every) / len(every))
    assert metrics.frames_worst.at(25) == pytest.approx(sum(max(f) < 25 for f in distances) / 40)
    assert metrics.frames_mean.at(15) == pytest.approx(sum(sum(f) / len(f) < 15 for f in distances) / 40)
    assert math.isnan(metrics.per_joint_mm["3"]) and "–" in metrics_table(metrics)
    values = json.loads(json.dumps(metrics.to_dict(), allow_nan=False))
    assert values["per_joint_mm"]["3"] is None
    assert math.isnan(PoseMetrics.from_dict(values).per_joint_mm["3"])
