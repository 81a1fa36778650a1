import dataclasses

import numpy as np
import pytest
import torch

from murauer.errors import UserError
from murauer.evaluation.latent_space import (
    CorrespondingFrames,
    LatentPairs,
    corresponding_frames,
    encode_pairs,
)
from murauer.nets.model_file import load_model


@pytest.fixture
def pairs() -> LatentPairs:
    generator = torch.Generator().manual_seed(0)
    real = torch.randn(40, 6, generator=generator, dtype=torch.float64)
    noise = 0.4 * torch.randn(40, 6, generator=generator, dtype=torch.float64)
    return LatentPairs(real, real + noise + 1.0)


def test_distances_are_relative_to_unrelated_pairs(pairs):
    unrelated = [
        float((pairs.real[i] - pairs.synthetic[j]).norm()) for i in range(40) for j in range(40) if i != j
    ]
    expected = [float((pairs.real[i] - pairs.synthetic[i]).norm()) / np.mean(unrelated) for i in range(40)]
    assert pairs.distances().tolist() == pytest.approx(expected)
    scaled = LatentPairs(1000 * pairs.real, 1000 * pairs.synthetic)
    assert scaled.distances().tolist() == pytest.approx(expected)


def test_distances_of_aligned_and_of_unrelated_spaces():
    generator = torch.Generator().manual_seed(1)
    points = torch.randn(200, 8, generator=generator, dtype=torch.float64)
    assert LatentPairs(points, points).distances().max() < 1e-6
    mixed = LatentPairs(points, points[torch.randperm(200, generator=generator)])
    assert float(mixed.distances().mean()) == pytest.approx(1, abs=0.05)


def test_retrieval_counts_true_counterparts():
    line = torch.arange(5.0).double()[:, None]
    shift = torch.tensor([0.1, 0.1, 0.9, -0.9, 0.1])[:, None]  # the third and the fourth cross over
    assert LatentPairs(line, line + shift).retrieval_share() == pytest.approx(3 / 5)


def test_plane_agrees_with_eigenvectors_of_the_covariance(pairs):
    both = torch.cat((pairs.real, pairs.synthetic)).numpy()
    values, vectors = np.linalg.eigh(np.cov(both.T))
    plane, explained = pairs.principal_plane()
    assert explained == pytest.approx(values[-2:].sum() / values.sum())
    expected = (both - both.mean(0)) @ vectors[:, [-1, -2]]
    projected = np.concatenate((plane.real, plane.synthetic))
    assert np.abs(projected) == pytest.approx(np.abs(expected))
    assert projected @ projected.T == pytest.approx(expected @ expected.T)


def test_ranks_agree_with_a_sort(pairs):
    expected = []
    for index, point in enumerate(pairs.real):
        order = (pairs.synthetic - point).norm(dim=1).argsort().tolist()
        expected.append(order.index(index) + 1)
    assert pairs.retrieval_ranks().tolist() == expected
    assert max(expected) > 1  # else the test would not notice a constant
    assert pairs.retrieval_share() == pytest.approx(expected.count(1) / 40)


def test_probe_tells_domains_apart_only_if_they_differ():
    generator = torch.Generator().manual_seed(3)
    points = torch.randn(400, 8, generator=generator, dtype=torch.float64)
    other = torch.randn(400, 8, generator=generator, dtype=torch.float64)
    assert LatentPairs(points, points + 1000).probe_accuracy() == 1
    assert LatentPairs(points, points).probe_accuracy() == 0.5
    assert LatentPairs(points, other).probe_accuracy() == pytest.approx(0.5, abs=0.1)
    shift = torch.zeros(8, dtype=torch.float64)
    shift[2] = 2.0  # the best rule is right for all beyond 1: Phi(1) = 0.841
    assert LatentPairs(points, other + shift).probe_accuracy() == pytest.approx(0.841, abs=0.03)


def test_probe_is_tested_on_pairs_it_was_not_fitted_to():
    """With more features than frames any labels can be fitted, but not predicted."""
    generator = torch.Generator().manual_seed(5)
    real, synthetic = torch.randn(2, 60, 500, generator=generator, dtype=torch.float64)
    assert LatentPairs(real, synthetic).probe_accuracy() == pytest.approx(0.5, abs=0.2)
    with pytest.raises(ValueError, match="two pairs"):
        LatentPairs(real[:1], synthetic[:1]).probe_accuracy()


def test_alignment_does_not_depend_on_scale(pairs):
    scaled = LatentPairs(50 * pairs.real, 50 * pairs.synthetic).alignment()
    own = pairs.alignment()
    assert dataclasses.astuple(scaled) == pytest.approx(dataclasses.astuple(own))
    assert own.pairs == 40 and own.median_distance == pytest.approx(np.median(pairs.distances().numpy()))


def pairs_of(real, synthetic) -> CorrespondingFrames:
    return CorrespondingFrames(real, synthetic, np.arange(len(real)), "frames")


def test_encoding_maps_the_real_side_alone(store, runs):
    network, _ = load_model(runs["full"])
    alike = pairs_of(store.validation, store.validation)
    same = encode_pairs(network, alike, 300.0)
    assert same.real.shape == (10, 16)
    assert not torch.allclose(same.real, same.synthetic)  # m applies to one of them
    without_mapping, _ = load_model(runs["synth_only"])
    same = encode_pairs(without_mapping, alike, 300.0)
    assert torch.equal(same.real, same.synthetic)
    few = encode_pairs(without_mapping, pairs_of(store.validation, store.validation_pairs), 300.0, limit=5)
    torch.testing.assert_close(few.real, same.real[::2])


def damaged(frames, row):
    valid = frames.valid.copy()
    valid[row] = False
    return dataclasses.replace(frames, valid=valid)


def test_pairs_are_those_of_validation_that_are_usable_in_both_domains(store):
    frames = corresponding_frames(store, np.arange(5))
    assert frames.real is store.validation and frames.synthetic is store.validation_pairs
    assert frames.rows.tolist() == list(range(10))
    holes = dataclasses.replace(
        store, validation=damaged(store.validation, 2),
        validation_pairs=damaged(store.validation_pairs, 7),
    )  # fmt: skip
    assert corresponding_frames(holes, np.arange(5)).rows.tolist() == [0, 1, 3, 4, 5, 6, 8, 9]
    assert frames.spread(3).rows.tolist() == [0, 3, 6]


def test_without_validation_pairs_pairs_are_real_frames_not_labelled_in_training(store):
    own = dataclasses.replace(store, validation_pairs=None)
    frames = corresponding_frames(own, np.array([0, 3, 11]))
    assert frames.real is store.real and frames.synthetic is store.pairs
    assert frames.rows.tolist() == [1, 2, 4, 5, 6, 7, 8, 9, 10]
    with pytest.raises(UserError, match="seen all pairs"):
        corresponding_frames(own, np.arange(12))
    with pytest.raises(UserError, match="murauer render pairs"):
        corresponding_frames(dataclasses.replace(own, pairs=None), np.arange(2))
