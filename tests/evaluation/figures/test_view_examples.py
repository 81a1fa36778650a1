import dataclasses

import numpy as np
import pytest
import torch

from murauer.errors import UserError
from murauer.evaluation.figures.view_examples import (
    ViewPredictions,
    compare_views,
    held_out_rows,
    predict_views,
    view_error_figure,
    view_figure,
)
from murauer.geometry.crop import crop_hand
from murauer.nets.model_file import load_model


def test_views_are_those_of_the_network_and_the_other_camera(store, runs):
    network, _ = load_model(runs["full"])
    rows = np.array([7, 2])
    views = predict_views(network, store.real, store, rows, real=True)
    for index, row in enumerate(rows):
        patches = []
        for camera in (0, 2):
            region = store.real.regions(rows[[index]], camera)
            patches.append(
                crop_hand(region.depth, region.intrinsics, region.centre, cube_mm=300.0, patch_size=32)[0]
            )
        assert torch.equal(views.input[index], patches[0][0])
        assert torch.equal(views.truth[index], patches[1][0])
        hidden = network.pose(network.latent(patches[0][None], real=True)).hidden
        centre = torch.from_numpy(np.array(store.real.centre[[row], 0]))
        with torch.no_grad():
            torch.testing.assert_close(views.predicted[index], network.view(hidden, centre)[0, 0])


def test_synthetic_input_is_not_mapped(store, runs):
    network, _ = load_model(runs["full"])
    rows = np.arange(3)
    unmapped = predict_views(network, store.synthetic, store, rows, real=False)
    mapped = predict_views(network, store.synthetic, store, rows, real=True)
    assert not torch.equal(unmapped.predicted, mapped.predicted)


def test_errors_are_means_over_pixels():
    predicted = torch.tensor([[[0.0, 1.0]], [[1.0, 1.0]], [[1.0, -1.0]]])
    truth = torch.tensor([[[0.5, 1.0]], [[0.0, 0.0]], [[1.0, 1.0]]])
    views = ViewPredictions(predicted, predicted, truth)
    assert views.errors().tolist() == [0.25, 1.0, 1.0]
    assert views.constant_error() == pytest.approx((0.0 + 0.5 + 0.5 + 0.0 + 1.0 + 0.0) / 6)


def test_single_camera_has_no_truth(store, runs):
    network, _ = load_model(runs["full"])
    views = predict_views(network, store.pairs, store, np.arange(2), real=False)
    assert views.truth is None
    with pytest.raises(ValueError, match="no other camera"):
        views.errors()
    with pytest.raises(ValueError, match="no other camera"):
        views.constant_error()


def test_rows_are_validation_frames_with_two_usable_views(store):
    assert held_out_rows(store, limit=100).tolist() == list(range(10))
    few = held_out_rows(store, limit=3)
    assert len(few) == 3 and set(few) < set(range(10))
    valid = store.validation.valid.copy()
    valid[4, 2] = False
    valid[5, 1] = False  # a camera that takes no part
    holes = dataclasses.replace(store, validation=dataclasses.replace(store.validation, valid=valid))
    assert held_out_rows(holes, limit=100).tolist() == [row for row in range(10) if row != 4]
    unpaired = dataclasses.replace(
        store, validation_pairs=dataclasses.replace(store.validation_pairs, valid=valid[:, ::-1])
    )
    assert held_out_rows(unpaired, limit=100).tolist() == [row for row in range(10) if row != 4]


def test_stores_without_second_view_are_told(store):
    with pytest.raises(UserError, match="are of one camera"):
        held_out_rows(dataclasses.replace(store, view_pair=None), 5)
    with pytest.raises(UserError, match="are of one camera"):
        held_out_rows(dataclasses.replace(store, validation=store.pairs), 5)
    with pytest.raises(UserError, match="has no validation frames"):
        held_out_rows(dataclasses.replace(store, validation=None), 5)
    blind = dataclasses.replace(store.validation, valid=np.zeros_like(store.validation.valid))
    with pytest.raises(UserError, match="no validation frame with two usable views"):
        held_out_rows(dataclasses.replace(store, validation=blind), 5)


def test_both_domains_are_compared_where_there_are_pairs(store, runs):
    network, _ = load_model(runs["full"])
    rows = np.arange(4)
    both = compare_views(network, store, rows)
    real = predict_views(network, store.validation, store, rows, real=True)
    expected = predict_views(network, store.validation_pairs, store, rows, real=False)
    assert torch.equal(both.real.predicted, real.predicted)
    assert torch.equal(both.synthetic.predicted, expected.predicted)
    assert list(both.known()) == ["real", "synthetic"]
    assert both.difference().tolist() == pytest.approx(
        [float((both.real.predicted[i] - expected.predicted[i]).abs().mean()) for i in range(4)]
    )
    alone = compare_views(network, dataclasses.replace(store, validation_pairs=None), rows)
    assert alone.synthetic is None and alone.difference() is None and list(alone.known()) == ["real"]
    assert torch.equal(alone.real.predicted, both.real.predicted)
    figure = view_figure({"a | b": both, "c": alone}, np.array([1, 3]))
    heads = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert heads == [
        "Synthetic\ninput", "Real\ninput", "Real, other\ncamera", "a | b\nfrom synthetic", "a | b\nfrom real",
        "c\nfrom real",
    ]  # fmt: skip
    assert sum(len(axes.images) for axes in figure.axes) == 2 * len(heads)


def test_errors_are_bars_beside_published_ones():
    rows = [
        {"run": "all", "input": "real", "mean_absolute_error": 0.1, "best_constant_picture": 0.3},
        {"run": "NYU-CS", "input": "real", "mean_absolute_error": 0.123},
    ]
    (axes,) = view_error_figure(rows).axes
    assert [bar.get_width() for bar in axes.patches] == [0.1, 0.123]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["all, real", "NYU-CS, published"]
    (line,) = [line for line in axes.lines if line.get_marker() == "|"]
    assert line.get_xdata().tolist() == [0.3]
