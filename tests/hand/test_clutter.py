import pytest
import torch
import trimesh
from torch import Generator, Tensor

from murauer.hand.clutter import ClutterPrior, merge_depth, sample_clutter
from murauer.hand.rasteriser import rasterise_depth

BATCH = 300
EVERYTHING = ClutterPrior(body=1, table=1, object=1, arm=1)


@pytest.fixture
def centre() -> Tensor:
    return torch.tensor([0.0, 0.0, 700.0]) + 50 * torch.randn(BATCH, 3, generator=Generator().manual_seed(1))


def draw(vertices: Tensor, faces: Tensor, centre: Tensor) -> Tensor:
    """Windows of 300 mm around the centres, 64 x 64."""
    focal = 64 * centre[:, 2] / 300
    principal = 31.5 - focal[:, None] * centre[:, :2] / centre[:, 2:]
    return rasterise_depth(vertices, faces, torch.cat([focal[:, None], focal[:, None], principal], 1), 64, 64)


def test_the_pieces_are_closed_solids_with_outward_faces(centre: Tensor) -> None:
    for piece in sample_clutter(centre[:5], Generator().manual_seed(0), EVERYTHING):
        for vertices in piece.vertices:
            solid = trimesh.Trimesh(vertices.numpy(), piece.faces.numpy(), process=False)
            solid.merge_vertices(digits_vertex=3)
            assert solid.is_watertight and solid.volume > 0, piece.name


def test_things_are_there_as_often_as_asked(centre: Tensor) -> None:
    prior = ClutterPrior(body=1.0, table=0.5, object=0.2, arm=0.0)
    for piece in sample_clutter(centre, Generator().manual_seed(0), prior):
        there = (piece.vertices.amax(1) - piece.vertices.amin(1)).amax(1) > 1
        assert there.float().mean().item() == pytest.approx(getattr(prior, piece.name), abs=0.09)
        drawn = rasterise_depth(
            piece.vertices - centre[:, None] + torch.tensor([0.0, 0.0, 2000.0]),
            piece.faces,
            torch.tensor([[64.0, 64.0, 32.0, 32.0]]).repeat(BATCH, 1),
            64,
            64,
        )
        assert torch.equal((drawn > 0).flatten(1).any(1), there)


def test_clutter_never_covers_the_hand_wholly(centre: Tensor) -> None:
    # A ball of the size of a palm stands for the hand.
    ball = trimesh.creation.icosphere(subdivisions=2, radius=45.0)
    hand = draw(
        torch.tensor(ball.vertices, dtype=torch.float32) + centre[:, None],
        torch.tensor(ball.faces, dtype=torch.int32),
        centre,
    )
    scene = hand
    for piece in sample_clutter(centre, Generator().manual_seed(0), EVERYTHING):
        scene = merge_depth(scene, draw(piece.vertices, piece.faces, centre))
    visible = ((scene == hand) & (hand > 0)).flatten(1).sum(1) / (hand > 0).flatten(1).sum(1)
    assert visible.min() > 0.4
    assert visible.mean() > 0.95


def test_clutter_is_moderately_rare_within_the_cube(centre: Tensor) -> None:
    scene = torch.zeros(BATCH, 64, 64)
    for piece in sample_clutter(centre, Generator().manual_seed(0)):
        scene = merge_depth(scene, draw(piece.vertices, piece.faces, centre))
    inside = ((scene - centre[:, 2, None, None]).abs() < 150).flatten(1).float().mean(1)
    assert 0.15 < (inside > 0.02).float().mean() < 0.6


def test_scenes_follow_the_generator(centre: Tensor) -> None:
    first, again, other = (sample_clutter(centre, Generator().manual_seed(seed)) for seed in (3, 3, 4))
    for a, b, c in zip(first, again, other, strict=True):
        assert torch.equal(a.vertices, b.vertices)
        assert not torch.equal(a.vertices, c.vertices)


def test_merging_keeps_the_nearer_surface() -> None:
    first = torch.tensor([0.0, 500.0, 0.0, 400.0, 600.0])
    second = torch.tensor([0.0, 0.0, 300.0, 450.0, 550.0])
    assert merge_depth(first, second).tolist() == [0, 500, 300, 400, 550]


def test_centres_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(B, 3\)"):
        sample_clutter(torch.zeros(3), Generator())
