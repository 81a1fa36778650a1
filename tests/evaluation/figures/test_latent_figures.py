import numpy as np
import pytest
import torch

from murauer.evaluation.figures.latent_figures import (
    distance_figure,
    embed,
    embedding_figure,
    latent_plane,
)
from murauer.evaluation.latent_space import Embedding, LatentPairs, corresponding_frames, encode_pairs
from murauer.evaluation.runs import load_run


def clusters(count: int = 20) -> LatentPairs:
    """Three far clusters, and pairs that nearly coincide."""
    generator = torch.Generator().manual_seed(0)
    real = torch.randn(3 * count, 5, generator=generator, dtype=torch.float64)
    real[:, 0] += 100 * (torch.arange(3 * count) // count)
    return LatentPairs(real, real + 1e-3)


def test_embedding_keeps_neighbours_and_repeats():
    pairs = clusters()
    embedding = embed(pairs)
    assert embedding.real.shape == embedding.synthetic.shape == (60, 2)
    both = np.concatenate((embedding.real, embedding.synthetic))
    apart = np.linalg.norm(both[:, None] - both, axis=2)
    np.fill_diagonal(apart, np.inf)
    cluster = np.tile(np.arange(60) // 20, 2)
    assert (cluster[apart.argmin(axis=1)] == cluster).all()
    assert np.array_equal(embed(pairs).real, embedding.real)


def test_few_pairs_can_be_embedded():
    few = LatentPairs(clusters().real[::20], clusters().synthetic[::20])
    assert np.isfinite(embed(few).real).all()


def test_examples_are_spread_over_the_plane():
    points = np.random.default_rng(0).uniform(-1, 1, (300, 2))
    chosen = Embedding(points, points).examples()
    assert len(set(chosen)) == 12
    apart = np.linalg.norm(points[chosen][:, None] - points[chosen], axis=2)
    assert apart[~np.eye(12, dtype=bool)].min() > 0.4  # 12 discs of this size fill most of the square
    few = points[:3]
    assert sorted(Embedding(few, few).examples()) == [0, 1, 2]


def test_depth_images_are_those_of_the_examples(store, runs):
    run = load_run(runs["full"])
    frames = corresponding_frames(store, run.labelled_rows(store))
    embedding = embed(encode_pairs(run.network, frames, 300.0))
    figure = embedding_figure(embedding, frames, 32, 300.0, "title")
    images = [axes for axes in figure.axes if axes.images]
    assert len(images) == 2 * 10
    colours = [axes.spines["left"].get_edgecolor() for axes in images]
    assert len(set(colours)) == 2  # one for each domain


def test_distances_and_numbers_of_all_runs_are_shown():
    near, far = clusters(), clusters()
    far = LatentPairs(far.real, far.synthetic + 3)
    distances = {"near": near.distances(), "far": far.distances()}
    alignments = {"near": near.alignment(), "far": far.alignment()}
    figure = distance_figure(distances, alignments)
    upper, lower = figure.axes
    labels = [text.get_text() for text in upper.get_legend().get_texts()]
    assert labels[0].startswith("near, median 0.00") and labels[1].startswith("far, median")
    (table,) = lower.tables
    assert table[1, 0].get_text().get_text() == f"{alignments['near'].median_distance:.3f}"
    assert table[2, 3].get_text().get_text() == f"{100 * alignments['far'].probe_accuracy:.1f} %"
    stairs = [patch for patch in upper.patches if not patch.get_fill()]
    assert len({patch.get_linestyle() for patch in stairs}) == 2
    for patch in stairs:
        assert patch.get_data().values.sum() == pytest.approx(100)


def test_plane_joins_pairs():
    axes = latent_plane(*clusters().principal_plane(), "title").axes[0]
    (links,) = axes.get_lines()
    assert np.isnan(links.get_xdata()[2::3]).all()
    assert len({tuple(collection.get_facecolor()[0]) for collection in axes.collections}) == 2
