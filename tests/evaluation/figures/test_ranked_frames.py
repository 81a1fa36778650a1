import dataclasses

import numpy as np
import pytest
import torch

from murauer.errors import UserError
from murauer.evaluation.figures.ranked_frames import nearest_training_poses, ranked_figure, ranked_frames
from murauer.evaluation.runs import load_run, predict_split


def known_poses(store, rows, synthetic=True):
    """(split, row, view, joints about the centre) of all that a training had the labels of, one by one."""
    for row in rows:
        yield "real", row, 0, store.real.joints[row, 0] - store.real.centre[row, 0]
    for row in range(len(store.synthetic) if synthetic else 0):
        for view in range(3):
            frames = store.synthetic
            yield "synthetic", row, view, frames.joints[row, view] - frames.centre[row, view]


@pytest.mark.parametrize("name", ["full", "synth_only"])
def test_nearest_pose_agrees_with_a_search_one_by_one(store, runs, name):
    run = load_run(runs[name])
    rows = store.labelled_rows(4, 3).tolist() if name == "full" else []
    poses = store.test.joints[:, 0] - store.test.centre[:, :1]
    nearest = nearest_training_poses(run, store, torch.from_numpy(poses))
    for pose, (found,) in zip(poses, nearest, strict=True):
        expected = min(
            (np.linalg.norm(known - pose, axis=-1).mean(), split, row, view)
            for split, row, view, known in known_poses(store, rows)
        )
        # The views of a moment tie: the cameras of this store do not turn.
        assert (found.split, found.row) == expected[1:3]
        assert found.distance_mm == pytest.approx(expected[0], rel=1e-5)


def test_labels_that_were_not_paid_for_are_no_training_poses(store, runs):
    run = load_run(runs["full"])
    unlabelled = np.setdiff1d(np.arange(12), store.labelled_rows(4, 3))
    pose = torch.from_numpy(store.real.joints[unlabelled, 0] - store.real.centre[unlabelled, :1])
    assert all(found.distance_mm > 1 for (found,) in nearest_training_poses(run, store, pose))
    labelled = store.labelled_rows(4, 3)
    pose = torch.from_numpy(store.real.joints[labelled, 0] - store.real.centre[labelled, :1])
    found = nearest_training_poses(run, store, pose)
    assert [(own.split, own.row, own.distance_mm) for (own,) in found] == [
        ("real", row, 0.0) for row in labelled
    ]


def test_the_next_nearest_follow(store, runs):
    run = load_run(runs["full"])
    pose = store.test.joints[3, 0] - store.test.centre[3, :1]
    (found,) = nearest_training_poses(run, store, torch.from_numpy(pose)[None], 5)
    rows = store.labelled_rows(4, 3).tolist()
    away = sorted(np.linalg.norm(known - pose, axis=-1).mean() for *_, known in known_poses(store, rows))
    assert [own.distance_mm for own in found] == pytest.approx(away[:5], rel=1e-5)
    (everything,) = nearest_training_poses(run, store, torch.from_numpy(pose)[None], 1000)
    assert len(everything) == len(away)


def test_a_store_without_any_of_them_is_told(store, runs):
    bare = dataclasses.replace(store, synthetic=None, real=None)
    with pytest.raises(UserError, match="none of the frames"):
        nearest_training_poses(load_run(runs["full"]), bare, torch.zeros(1, 14, 3))


def test_frames_are_ranked_by_their_mean_error(store, runs):
    run = load_run(runs["full"])
    predictions = predict_split(run, store)
    errors = predictions.errors.mean(dim=1)
    order = errors.argsort().tolist()
    best = ranked_frames(run, store, "test", predictions, [0, 1])
    worst = ranked_frames(run, store, "test", predictions, [-1, -2])
    assert [frame.row for frame in (*best, *worst)] == [order[0], order[1], order[-1], order[-2]]
    assert best[0].error_mm == pytest.approx(float(errors.min()))
    assert worst[0].error_mm == pytest.approx(float(errors.max()))
    assert best[0].truth.size == best[0].nearest_pictures[0].size
    assert best[0].truth.tobytes() != best[0].prediction.tobytes()
    figure = ranked_figure("title", best, worst)
    shown = [axes for part in figure.subfigs for axes in part.axes if axes.images]
    assert len(shown) == 2 * 2 * 3
    captions = [axes.get_xlabel() for axes in shown]
    assert f"error {worst[1].error_mm:.1f} mm" in captions


def test_frames_are_ranked_by_their_worst_joint(store, runs):
    run = load_run(runs["full"])
    predictions = predict_split(run, store)
    predictions.errors[predictions.errors.mean(1).argmin(), 5] = 500.0  # one joint of the best frame
    predictions.errors[0, 1] = torch.nan
    (worst,) = ranked_frames(run, store, "test", predictions, [-1], by="max", neighbours=3)
    (best,) = ranked_frames(run, store, "test", predictions, [0], by="max")
    assert worst.error_mm == 500.0 and len(worst.nearest) == len(worst.nearest_pictures) == 3
    assert best.error_mm == pytest.approx(float(predictions.errors.nan_to_num(0).amax(1).min()))
    shown = [axes for part in ranked_figure("", [best], [worst]).subfigs for axes in part.axes if axes.images]
    assert len(shown) == 3 + 5
