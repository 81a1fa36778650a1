import numpy as np
import pytest
import torch

from murauer.evaluation.latent_space import LatentPairs, encode_pairs
from murauer.training.checkpoint import load_model


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
    plane = pairs.principal_plane()
    assert plane.explained == pytest.approx(values[-2:].sum() / values.sum())
    expected = (both - both.mean(0)) @ vectors[:, [-1, -2]]
    projected = torch.cat((plane.real, plane.synthetic)).numpy()
    assert np.abs(projected) == pytest.approx(np.abs(expected))
    assert projected @ projected.T == pytest.approx(expected @ expected.T)


def test_encoding_maps_the_real_side_alone(recording, runs):
    network, _ = load_model(runs["full"])
    same = encode_pairs(network, recording.validation, recording.validation, 300.0)
    assert same.real.shape == (10, 16)
    assert not torch.allclose(same.real, same.synthetic)  # m applies to one of them
    without_mapping, _ = load_model(runs["synth_only"])
    same = encode_pairs(without_mapping, recording.validation, recording.validation, 300.0)
    assert torch.equal(same.real, same.synthetic)
    few = encode_pairs(without_mapping, recording.validation, recording.validation_twin, 300.0, limit=5)
    torch.testing.assert_close(few.real, same.real[::2])


def test_frames_that_do_not_correspond_are_refused(recording, runs):
    network, _ = load_model(runs["full"])
    with pytest.raises(ValueError, match="10 real, 12 synthetic"):
        encode_pairs(network, recording.validation, recording.twin, 300.0)
