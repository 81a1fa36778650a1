import numpy as np
import pytest
import torch

from murauer.crop import crop_hand
from murauer.evaluation.view_examples import ViewPredictions, predict_views, unlabelled_rows
from murauer.training.checkpoint import load_model


def test_views_are_those_of_the_network_and_the_other_camera(recording, runs):
    network, _ = load_model(runs["full"])
    rows = np.array([7, 2])
    views = predict_views(network, recording.real, recording, rows, real=True)
    for index, row in enumerate(rows):
        patches = []
        for camera in (0, 2):
            region = recording.real.regions(rows[[index]], camera)
            patches.append(
                crop_hand(region.depth, region.intrinsics, region.centre, cube_mm=300.0, patch_size=32)[0]
            )
        assert torch.equal(views.input[index], patches[0][0])
        assert torch.equal(views.truth[index], patches[1][0])
        hidden = network.pose(network.latent(patches[0][None], real=True)).hidden
        centre = torch.from_numpy(np.array(recording.real.centre[[row], 0]))
        with torch.no_grad():
            torch.testing.assert_close(views.predicted[index], network.view(hidden, centre)[0, 0])


def test_synthetic_input_is_not_mapped(recording, runs):
    network, _ = load_model(runs["full"])
    rows = np.arange(3)
    unmapped = predict_views(network, recording.synthetic, recording, rows, real=False)
    mapped = predict_views(network, recording.synthetic, recording, rows, real=True)
    assert not torch.equal(unmapped.predicted, mapped.predicted)


def test_errors_are_means_over_pixels():
    predicted = torch.tensor([[[0.0, 1.0]], [[1.0, 1.0]], [[1.0, -1.0]]])
    truth = torch.tensor([[[0.5, 1.0]], [[0.0, 0.0]], [[1.0, 1.0]]])
    views = ViewPredictions(predicted, predicted, truth)
    assert views.errors().tolist() == [0.25, 1.0, 1.0]
    assert views.constant_error() == pytest.approx((0.0 + 0.5 + 0.5 + 0.0 + 1.0 + 0.0) / 6)


def test_single_camera_has_no_truth(recording, runs):
    network, _ = load_model(runs["full"])
    views = predict_views(network, recording.twin, recording, np.arange(2), real=False)
    assert views.truth is None
    with pytest.raises(ValueError, match="no other camera"):
        views.errors()
    with pytest.raises(ValueError, match="no other camera"):
        views.constant_error()


def test_labelled_frames_are_left_out(recording):
    rows = unlabelled_rows(recording, labels=4, seed=3, limit=100)
    assert sorted([*rows, *recording.labelled_rows(4, 3)]) == list(range(12))
    few = unlabelled_rows(recording, labels=4, seed=3, limit=3)
    assert len(few) == 3 and set(few) < set(rows)
